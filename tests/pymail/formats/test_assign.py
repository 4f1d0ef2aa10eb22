"""users/assign and users/cdb as values"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymail.formats import assign
from pysvc.formats import cdb

JOE = b"joe:1500:100:/home/joe:"


def lookup(text: bytes, local: bytes) -> "tuple[bytes, bytes, bytes] | None":
    reader = cdb.Reader(cdb.build(assign.records(assign.parse(text))))
    found = assign.find(reader, local)
    return None if found is None else (found.user, found.dash, found.ext)


def test_records() -> None:
    text = (
        b"=Joe:" + JOE + b"::\n"
        b"+Joe-:" + JOE + b"-::ignored:too\n"
        b"+:alias:7:8:/a:-:Pre:\n"
        b"+x-:u:1:2:h:-:x:\n"
        b"."
    )
    assert assign.records(assign.parse(text)) == [
        (b"!joe\0", b"joe\x001500\x00100\0/home/joe\0\0"),
        (b"!joe-", b"joe\x001500\x00100\0/home/joe\0-\0"),
        (b"!", b"alias\x007\x008\0/a\0-\0Pre"),
        (b"!x-", b"u\x001\x002\0h\0-\0x"),
        (b"", b"-"),
    ]


def test_prefix_ends_are_distinct_as_typed_and_in_order() -> None:
    text = b"+aB:u:1:1:h:-::\n+c-:u:1:1:h:-::\n+dB:u:1:1:h:-::\n+:u:1:1:h:-::\n.\n"
    assert assign.records(assign.parse(text))[-1] == (b"", b"B-")


@pytest.mark.parametrize(
    "text",
    [
        b"",                                  # no dot line
        b"=a:u:1:1:h:-::\n",
        b"=a:u:1:1:h:-::",                    # unterminated
        b"=a:u:1:1:h:-::\n=b",
        b"\n.\n",                             # empty line
        b"# comment\n.\n",                    # no colon
        b":u:1:1:h:-::\n.\n",                 # colon in column 1
        b"=a:u:1:1:h:-:\n.\n",                # six colons
        b"=a:u:1:1:h\0:-::\n.\n",
    ],
)  # fmt: skip
def test_bad_format(text: bytes) -> None:
    with pytest.raises(assign.BadFormat):
        assign.parse(text)


def test_any_other_first_byte_is_exact() -> None:
    assert lookup(b"#joe:" + JOE + b"::\n.", b"joe") == (b"joe", b"", b"")


def test_nothing_after_the_dot_counts() -> None:
    assert assign.parse(b".x\n\0\n") == assign.parse(b".") == []


TEXT = (
    b"=joe:exact:1:1:h:::\n"
    b"=joe:second:1:1:h:::\n"
    b"+joe-:wild:1:1:h:-:pre:\n"
    b"+joe-list-:longer:1:1:h:-::\n"
    b"+jim+:plus:1:1:h:-::\n"
    b"+FooA:never:1:1:h:-::\n"
)


@pytest.mark.parametrize(
    ("local", "found"),
    [
        (b"joe", (b"exact", b"", b"")),
        (b"JOE", (b"exact", b"", b"")),
        (b"joe-", (b"wild", b"-", b"pre")),
        (b"Joe-A.B", (b"wild", b"-", b"preA.B")),
        (b"joe-list-X", (b"longer", b"-", b"X")),
        (b"joe-list", (b"wild", b"-", b"prelist")),
        (b"jim+x-y", (b"plus", b"-", b"x-y")),
        (b"jim-x", None),
        (b"fooa", None),  # its end is listed as a capital, and looked for in lower case
        (b"", None),
    ],
)
def test_find(local: bytes, found: object) -> None:
    assert lookup(TEXT + b".\n", local) == found


def test_empty_prefix_always_applies() -> None:
    assert lookup(b"+:alias:1:1:h:-:p:\n.", b"Any-Body") == (b"alias", b"-", b"pAny-Body")


def test_find_without_list_of_ends() -> None:
    with pytest.raises(cdb.Malformed):
        assign.find(cdb.Reader(cdb.build([(b"!joe\0", b"")])), b"joe")


@pytest.mark.parametrize("data", [b"", b"joe\x001\x001\0h\0-", b"joe\x004294967295\x001\0h\0-\0x"])
def test_find_bad_record(data: bytes) -> None:
    with pytest.raises(assign.BadFormat):
        assign.find(cdb.Reader(cdb.build([(b"!joe\0", data), (b"", b"")])), b"joe")


def test_ids_are_leading_digits() -> None:
    found = assign.unpack(b"joe\x0012x\0\0h\0-\0x\0")
    assert (found.uid, found.gid) == (12, 0)
    assert found.pack() == b"joe\x0012\x000\0h\0-\0x\0"


FIELD = st.binary(max_size=6).map(lambda data: data.translate(None, b":\n\0"))
ENTRY = st.builds(
    assign.Entry, st.booleans(), FIELD, st.tuples(FIELD, st.just(b"1"), st.just(b"2"), FIELD, FIELD, FIELD)
)


@given(st.lists(ENTRY))
def test_render_and_parse(entries: list[assign.Entry]) -> None:
    again = assign.parse(assign.render(entries))
    assert [entry.line() for entry in again] == [entry.line() for entry in entries]


@given(st.lists(ENTRY), st.binary(max_size=6).map(lambda data: data.replace(b"\0", b"")))
def test_find_is_the_longest_match(entries: list[assign.Entry], local: bytes) -> None:
    reader = cdb.Reader(cdb.build(assign.records(entries)))
    found = assign.find(reader, local)
    lower = local.lower()
    ends = {entry.name[-1:] for entry in entries if entry.wildcard}
    exact = [e for e in entries if not e.wildcard and e.name.lower() == lower]
    wild = [
        e for e in entries
        if e.wildcard and lower.startswith(e.name.lower())
        and (not e.name or e.name.lower()[-1:] in ends)
    ]  # fmt: skip
    best = exact[0] if exact else max(wild, key=lambda e: len(e.name), default=None)
    if best is None:
        assert found is None
    else:
        assert found is not None
        rest = b"" if exact else local[len(best.name) :]
        assert (found.user, found.ext) == (best.fields[0], best.fields[5] + rest)
