"""The grammar of rule lines, the order of look-ups, and what a record says"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvc.formats import cdb, ip, tcprules


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"", []),
        (b"# 1.2.3.4:deny", []),
        (b"no colon here", []),
        (b"1.2.3.4:allow", [(b"1.2.3.4", b"")]),
        (b"1.2.3.4:deny \t", [(b"1.2.3.4", b"D\0")]),
        (b":deny", [(b"", b"D\0")]),
        (b" 1.2.3.4:deny", [(b" 1.2.3.4", b"D\0")]),
        (b'1:allow,A="b",C=/d/', [(b"1", b"+A=b\0+C=d\0")]),
        (b'1:deny,A=""', [(b"1", b"D\0+A=\0")]),
        (b"1:allow,A,B=,x,", [(b"1", b"+A,B=x\0")]),
        (b"1:allow,A==x=", [(b"1", b"+A=x\0")]),
        (b'1:allow,="x"', [(b"1", b"+=x\0")]),
        (b'1:allow,A=":deny"', [(b"1", b"+A=:deny\0")]),
        (b"1.2.3.5-3:deny", []),
        (b"1.2.3.4-:deny", []),
        (b"1.2.3.300-400:deny", []),
        (b"1.2.3.-3:deny", [(b"1.2.3.%d" % n, b"D\0") for n in range(4)]),
        (b"1.2.3.250-400:deny", [(b"1.2.3.%d" % n, b"D\0") for n in range(250, 256)]),
        (b"10.2-3.:allow", [(b"10.2.", b""), (b"10.3.", b"")]),
        (b"007-9.:allow", [(b"7.", b""), (b"8.", b""), (b"9.", b"")]),
        (b"1.2-3.4-5:allow", [(b"1.2.4-5", b""), (b"1.3.4-5", b"")]),
        (b"=foo-bar.com:deny", [(b"=foo-bar.com", b"D\0")]),
        (b"a-b@1.2.3.4:deny", [(b"a-b@1.2.3.4", b"D\0")]),
        (b"1.2.3.1-%s:deny" % (b"9" * 6000), [(b"1.2.3.%d" % n, b"D\0") for n in range(1, 256)]),
        (b"::1:allow", [(b"::1", b"")]),
        (b"2001:db8::deny", [(b"2001:db8:", b"D\0")]),
        (b'joe@2001:db8::1:allow,A="::"', [(b"joe@2001:db8::1", b"+A=::\0")]),
        (b"::ffff:1.2.3.4:deny", [(b"::ffff:1.2.3.4", b"D\0")]),
        (b"\xff\xfe:deny", [(b"\xff\xfe", b"D\0")]),
    ],
)
def test_records(line: bytes, expected: list[tuple[bytes, bytes]]) -> None:
    assert tcprules.records(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        b"1:", b"1:allowfoo", b"1: allow", b"1:Allow", b"1:deny\r", b"1:allow,", b"1:allow,A", b"1:allow,A=",
        b'1:allow,A="b', b'1:allow,A="b"x', b'1:allow ,A="b"', b'1:allow,A="b" ,C="d"', b"foo-bar:deny",
        b"1.2.3.x-4:deny", b"1.2.3.4-5x:deny", b"1.2.3.4:25:deny", b"1.2.3.4:foo:allow", b"x:y",
        b"::1-3:deny", b"::1:nothing", b"host::1:allow",
    ],
)  # fmt: skip
def test_no_rule(line: bytes) -> None:
    with pytest.raises(tcprules.Malformed):
        tcprules.records(line)


@given(st.binary(max_size=60) | st.text(alphabet=':.-=@,"alowdeny109 \t', max_size=60).map(str.encode))
def test_any_line_is_a_rule_or_malformed(line: bytes) -> None:
    try:
        records = tcprules.records(line)
    except tcprules.Malformed:
        return
    assert len(records) <= 256


def keys(address: bytes, host: bytes | None = None, info: bytes | None = None) -> list[bytes]:
    """The keys for a connection; of the beginnings of a network's key only the first nine bytes."""
    return list(tcprules.keys(address, host, info, lambda key: [key[:9]]))


def test_order_of_keys() -> None:
    assert keys(b"1.2.3.4", b"a.b.c", b"joe") == [
        b"joe@1.2.3.4", b"joe@=a.b.c", b"1.2.3.4", b"=a.b.c", b"1.2.3.", b"1.2.", b"1.", b"_00000001",
        b"=.b.c", b"=.c", b"=", b"",
    ]  # fmt: skip
    assert keys(b"1.2.3.4") == [b"1.2.3.4", b"1.2.3.", b"1.2.", b"1.", b"_00000001", b""]
    assert keys(b"1.2.3.4", None, b"")[:2] == [b"@1.2.3.4", b"1.2.3.4"]
    assert keys(b"ff::1", b"") == [b"ff::1", b"=", b"ff::", b"ff:", b"^00000000", b"=", b""]
    assert keys(b"::ffff:1.2.3.4")[-2] == b"_00000001"
    assert keys(b"nonsense") == [b"nonsense", b""]


def database(rules: dict[bytes, bytes]) -> cdb.Reader:
    return cdb.Reader(cdb.build(list(rules.items())))


def test_the_first_key_decides_alone() -> None:
    rules = database({b"1.2.": b"+A=1\0", b"1.2.3.": b"+B=2\0", b"": b"D\0"})
    assert tcprules.decide(rules, b"1.2.3.4", None, None) == (b"1.2.3.", b"+B=2\0")
    assert tcprules.decide(rules, b"1.9.3.4", None, None) == (b"", b"D\0")
    assert tcprules.decide(database({}), b"1.9.3.4", None, None) is None


def compiled(*lines: bytes) -> cdb.Reader:
    return cdb.Reader(cdb.build([record for line in lines for record in tcprules.records(line)]))


def rule_for(rules: cdb.Reader, address: bytes) -> bytes | None:
    """The value of the one variable that the rule sets."""
    found = tcprules.decide(rules, address, None, None)
    return None if found is None else found[1][3:-1]


def test_networks() -> None:
    """The longest prefix counts, after the beginnings that end in a dot; no bit beyond it does."""
    rules = compiled(
        b'10/8:allow,A="8"', b'10.1.2.3/15:allow,A="15"', b'10.1.2.128/25:allow,A="25"',
        b'10.1.3.:allow,A="dot"', b'0.0.0.0/0:allow,A="all"', b'192.0.2.1/32:allow,A="one"',
        b'2001:db8::/32:allow,A="v6"', b'2001:DB8:0:8000::/49:allow,A="v6 49"', b'::/0:allow,A="six"',
    )  # fmt: skip
    found = {
        b"10.200.0.1": b"8", b"10.0.0.1": b"15", b"10.1.2.127": b"15", b"10.1.2.129": b"25",
        b"10.1.3.200": b"dot", b"11.0.0.1": b"all", b"192.0.2.1": b"one", b"192.0.2.0": b"all",
        b"2001:db8:1::1": b"v6", b"2001:db8::1": b"v6", b"2001:db8:0:8001::1": b"v6 49", b"fe80::1": b"six",
        b"::ffff:192.0.2.1": b"one",
    }  # fmt: skip
    assert {address: rule_for(rules, address) for address in found} == found
    assert rule_for(compiled(b"::/0:deny"), b"1.2.3.4") is None
    assert rule_for(compiled(b"0/0:deny"), b"2001::1") is None


@pytest.mark.parametrize(
    ("line", "key"),
    [
        (b"10.0/8:deny", b"_00001010"),
        (b"2002::/16:deny", b"^0010000000000010"),
        (b"1.2.3.4/0:deny", b"_"),
        (b"2001:DB8:0:0::1:deny", b"2001:db8::1"),
        (b"joe@2001:0db8::1:deny", b"joe@2001:db8::1"),
        (b"2001:DB8:::deny", b"2001:DB8::"),
        (b"a/b/c@x:deny", b"a/b/c@x"),
        (b"/8:deny", b"/8"),
        (b"=x/8:deny", b"=x/8"),
    ],
)
def test_keys_of_networks_and_addresses(line: bytes, key: bytes) -> None:
    assert tcprules.records(line) == [(key, b"D\0")]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"10.1/16", b"10.1.0.0/16"), (b"1.2.3.4/0", b"0.0.0.0/0"), (b"192.0.2.1/32", b"192.0.2.1/32"),
        (b"2001:db8::/32", b"2001:db8::/32"), (b"::/0", b"::/0"), (b"_x", b"_x"), (b"", b""),
        (b"_" + b"0" * 33, b"_" + b"0" * 33),
    ],
)  # fmt: skip
def test_keys_as_they_are_shown(line: bytes, expected: bytes) -> None:
    assert [tcprules.shown(key) for key, _ in tcprules.records(line + b":deny")] == [expected]


@pytest.mark.parametrize(
    "line",
    [b"10/33:deny", b"10/:deny", b"10/-1:deny", b"10/8x:deny", b"10.0.0.0.0/8:deny", b"256/8:deny",
     b"010/8:deny", b"2001:db8/32:deny", b"::/129:deny", b"::ffff:1.2.3.4/120:deny",
     b"10./8:deny", b"10.1-2.0.0/16:deny"],
)  # fmt: skip
def test_no_network(line: bytes) -> None:
    """A rule that could never match, and be it a denial, is not accepted."""
    with pytest.raises(tcprules.Malformed):
        tcprules.records(line)


@given(
    st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16), st.integers(0, 128), st.data()
)
def test_any_network(packed: bytes, size: int, data: st.DataObject) -> None:
    size = min(size, 8 * len(packed))
    if ip.plain(packed) != packed:
        return
    rules = compiled(b"%s/%d:deny" % (ip.text(packed), size))
    assert tcprules.decide(rules, ip.text(packed), None, None) is not None
    bit = data.draw(st.integers(0, 8 * len(packed) - 1))
    other = (int.from_bytes(packed, "big") ^ 1 << (8 * len(packed) - 1 - bit)).to_bytes(len(packed), "big")
    if ip.plain(other) == other:
        assert (tcprules.decide(rules, ip.text(other), None, None) is not None) is (bit >= size)


def test_suffixes_cover_hosts_below_a_domain_only() -> None:
    rules = database({b"=.dom": b"D\0"})
    for host in (b"x.dom", b"x.y.dom"):
        assert tcprules.decide(rules, b"1.2.3.4", host, None) == (b"=.dom", b"D\0")
    for host in (b"dom", b"xdom", b"x.DOM"):
        assert tcprules.decide(rules, b"1.2.3.4", host, None) is None


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"D\0", [None]),
        (b"+A=1\0+A=2\0", [(b"A", b"1"), (b"A", b"2")]),
        (b"Xjunk\0D\0+B=\0tail", [None, (b"B", b"")]),
        (b"+NOTHING\0", []),
        (b"\0\0", []),
    ],
)
def test_items(data: bytes, expected: list[tuple[bytes, bytes] | None]) -> None:
    assert list(tcprules.items(data)) == expected
