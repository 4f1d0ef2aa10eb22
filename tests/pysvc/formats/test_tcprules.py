"""The grammar of rule lines, the order of look-ups, and what a record says"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvc.formats import tcprules


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


def test_order_of_keys() -> None:
    assert list(tcprules.keys(b"1.2.3.4", b"a.b.c", b"joe")) == [
        b"joe@1.2.3.4", b"joe@=a.b.c", b"1.2.3.4", b"=a.b.c", b"1.2.3.", b"1.2.", b"1.", b"=.b.c", b"=.c",
        b"=", b"",
    ]  # fmt: skip
    assert list(tcprules.keys(b"1.2.3.4", None, None)) == [b"1.2.3.4", b"1.2.3.", b"1.2.", b"1.", b""]
    assert list(tcprules.keys(b"1.2.3.4", None, b""))[:2] == [b"@1.2.3.4", b"1.2.3.4"]
    assert list(tcprules.keys(b"::1", b"", None)) == [b"::1", b"=", b"::", b":", b"=", b""]


def test_the_first_key_decides_alone() -> None:
    rules = {b"1.2.": b"+A=1\0", b"1.2.3.": b"+B=2\0", b"": b"D\0"}
    assert tcprules.decide(rules.get, b"1.2.3.4", None, None) == (b"1.2.3.", b"+B=2\0")
    assert tcprules.decide(rules.get, b"1.9.3.4", None, None) == (b"", b"D\0")
    assert tcprules.decide({}.get, b"1.9.3.4", None, None) is None


def test_suffixes_cover_hosts_below_a_domain_only() -> None:
    rules = {b"=.dom": b"D\0"}
    for host in (b"x.dom", b"x.y.dom"):
        assert tcprules.decide(rules.get, b"1.2.3.4", host, None) == (b"=.dom", b"D\0")
    for host in (b"dom", b"xdom", b"x.DOM"):
        assert tcprules.decide(rules.get, b"1.2.3.4", host, None) is None


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
