"""The scanner of IDENT replies"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvc.engines.ident import Scanner, question


def scan(data: bytes) -> tuple[bool, bytes]:
    scanner = Scanner()
    scanner.feed(data)
    return scanner.done, scanner.result


def test_question() -> None:
    assert question(4000, 25) == b"4000 , 25\r\n"


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (b"4000 , 25 : USERID : UNIX : joe\r\n", (True, b"joe")),
        (b"4000,25:USERID:UNIX: j o\te\r \n", (True, b"joe")),
        (b"4000,25:USERID:OTHER:a:b:c\n", (True, b"a:b:c")),
        (b"4000 , 25 : ERROR : NO-USER\r\n", (True, b"")),
        (b"\n", (True, b"")),
        (b"a:b:c:joe", (False, b"joe")),
        (b"a:b:c:joe\nmore:x:y:z\n", (True, b"joe")),
        (b"a:b:c:jo\0e:PATH=x\n", (True, b"jo")),
        (b"a:b:c:" + b"x" * 256, (False, b"x" * 256)),
        (b"a:b:c:" + b"x" * 257, (True, b"x" * 257)),
        (b"a:b:c:" + b"x" * 1000 + b"\n", (True, b"x" * 257)),
    ],
)
def test_replies(reply: bytes, expected: tuple[bool, bytes]) -> None:
    assert scan(reply) == expected


def test_nothing_that_a_shell_or_a_terminal_would_obey() -> None:
    assert scan(b"a:b:c:() { :; }; `reboot` $(x) \\ \"'<>&|\n") == (True, b"???:????reboot???x????????")
    assert scan(b"a:b:c:\x1b]0;x\x07\x7f\xe9\n") == (True, b"?]0?x???")
    harmless = bytes(c for c in range(33, 127) if c not in b"\"$&'();<>\\`{|}")
    assert scan(b"a:b:c:" + harmless + b"\n") == (True, harmless)


@given(st.binary())
def test_any_reply_is_harmless(reply: bytes) -> None:
    assert not scan(b"a:b:c:" + reply)[1].translate(None, bytes(range(33, 127)))


@given(st.lists(st.text(alphabet="a: \t\r\n", max_size=6).map(str.encode), max_size=8))
def test_pieces_make_no_difference(pieces: list[bytes]) -> None:
    scanner = Scanner()
    for piece in pieces:
        if not scanner.done:
            scanner.feed(piece)
    assert (scanner.done, scanner.result) == scan(b"".join(pieces))
