"""Dot-qmail files as values"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymail.formats import dotqmail
from pymail.formats.dotqmail import FORWARD, MAILDIR, MBOX, PROGRAM, RESTRICT


@pytest.mark.parametrize(
    ("dash", "ext", "names"),
    [
        (b"", b"", [(b".qmail", None), (b".qmaildefault", b"")]),
        (b"-", b"", [(b".qmail-", None), (b".qmail-default", b"")]),
        (b"-", b"A.b", [(b".qmail-a:b", None), (b".qmail-default", b"A.b")]),
        (
            b"-",
            b"a-B-c",
            [
                (b".qmail-a-b-c", None),
                (b".qmail-a-b-default", b"c"),
                (b".qmail-a-default", b"B-c"),
                (b".qmail-default", b"a-B-c"),
            ],
        ),
        (
            b"-",
            b"a-",
            [(b".qmail-a-", None), (b".qmail-a-default", b""), (b".qmail-default", b"a-")],
        ),
        (
            b"-",
            b"x-Default",
            [
                (b".qmail-x-default", b"Default"),
                (b".qmail-x-default", b"Default"),
                (b".qmail-default", b"x-Default"),
            ],
        ),
    ],
)
def test_names(dash: bytes, ext: bytes, names: list[tuple[bytes, bytes | None]]) -> None:
    assert list(dotqmail.names(dash, ext)) == names


@given(st.binary(max_size=12))
def test_names_stay_below_the_home(ext: bytes) -> None:
    for name, rest in dotqmail.names(b"-", ext):
        assert b".." not in name
        assert rest is None or ext.endswith(rest)


def parsed(content: bytes) -> list[tuple[str, bytes]]:
    return [(found.kind, found.text) for found in dotqmail.parse(content)]


@pytest.mark.parametrize(
    ("content", "instructions"),
    [
        (b"./Maildir/", [(MAILDIR, b"./Maildir/")]),
        (b"./Maildir/ \t\n", [(MAILDIR, b"./Maildir/")]),
        (b"/var/mail/joe\n", [(MBOX, b"/var/mail/joe")]),
        (b"| vacation \n", [(PROGRAM, b" vacation")]),
        (b"&joe@x\njoe@y\n joe@z\n", [(FORWARD, b"joe@x"), (FORWARD, b"joe@y"), (FORWARD, b" joe@z")]),
        (b"&\n", [(FORWARD, b"")]),
        (b"# only\n#comments\n", []),
        (b"#\n\n \t\n./m\n", [(MBOX, b"./m")]),
        (b"+list\n+other\n+\n+list x\n", [(RESTRICT, b"list")]),
        (b"joe\0@x\n", [(FORWARD, b"joe")]),
        (b"#\n\0x\n", []),
        (b"joe\r\n", [(FORWARD, b"joe\r")]),
    ],
)
def test_parse(content: bytes, instructions: list[tuple[str, bytes]]) -> None:
    assert parsed(content) == instructions


@pytest.mark.parametrize("content", [b"", b"\n", b" \t\n./Maildir/\n", b"\n./Maildir/\n", b"\0\n"])
def test_blank_first_line(content: bytes) -> None:
    with pytest.raises(dotqmail.BlankFirstLine):
        dotqmail.parse(content)


PIECES = st.sampled_from([b"#", b"|", b"&", b".", b"/", b"+", b"list", b" ", b"x", b"\n"])


@given(st.lists(PIECES).map(b"".join))
def test_every_line_is_one_instruction_or_none(content: bytes) -> None:
    try:
        instructions = parsed(content)
    except dotqmail.BlankFirstLine:
        assert not content.split(b"\n")[0].rstrip(b" \t")
        return
    lines = [line.rstrip(b" \t") for line in content.split(b"\n")]
    active = [line for line in lines if (line and line[:1] not in (b"#", b"+")) or line == b"+list"]
    assert len(instructions) == len(active)
    for (kind, text), line in zip(instructions, active, strict=True):
        assert line.endswith(text)
        assert (kind == PROGRAM) == line.startswith(b"|")
        assert (kind in (MAILDIR, MBOX)) == (line[:1] in (b".", b"/"))


def test_owner() -> None:
    assert dotqmail.owner_names(b"-", b"My.List") == (
        b".qmail-my:list-owner",
        b".qmail-my:list-owner-default",
    )
    assert dotqmail.owner_sender(b"joe-List", b"x", False) == b"joe-List-owner@x"
    assert dotqmail.owner_sender(b"joe-List", b"x", True) == b"joe-List-owner-@x-@[]"
