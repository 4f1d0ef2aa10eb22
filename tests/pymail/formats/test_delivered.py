"""Return-Path, Delivered-To and the loop check as values"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymail.formats import delivered


def test_lines() -> None:
    assert delivered.return_path(b"") == b"Return-Path: <>\n"
    assert delivered.return_path(b"a b@c") == b'Return-Path: <"a b"@c>\n'
    assert delivered.return_path(b"a\n@c") == b'Return-Path: <"a\\_"@c>\n'
    assert delivered.delivered_to(b"Joe", b"x.Test") == b"Delivered-To: Joe@x.Test\n"
    assert delivered.delivered_to(b"a\nb", b"x") == b"Delivered-To: a_b@x\n"


LINE = b"Delivered-To: me@here\n"


@pytest.mark.parametrize(
    ("message", "found"),
    [
        (LINE, True),
        (b"A: b\n" + LINE + b"\nbody\n", True),
        (b"A: b\n\n" + LINE, False),           # in the body
        (b"\n" + LINE, False),                 # no header at all
        (LINE.lower(), False),                 # exact case
        (b"X" + LINE, False),
        (LINE[:-1], False),                    # no line end
        (LINE[:-1] + b" \n", False),
        (b"", False),
    ],
)  # fmt: skip
def test_header_has(message: bytes, found: bool) -> None:
    assert delivered.header_has([message], LINE) is found


@given(
    st.lists(st.sampled_from([b"D\n", b"\n", b"D", b"x\n", b"x", b"DD\n"]), min_size=1),
    st.integers(1, 7),
)
def test_blocks_do_not_matter(pieces: list[bytes], size: int) -> None:
    message = b"".join(pieces)
    header = (b"\n" + message).split(b"\n\n")[0] + b"\n"
    complete = header if b"\n\n" in b"\n" + message else (b"\n" + message)
    blocks = [message[n : n + size] for n in range(0, len(message), size)]
    assert delivered.header_has(blocks, b"D\n") is (b"\nD\n" in complete)


def test_stops_reading_where_the_header_ends() -> None:
    blocks = iter([b"A: b\n\n", b"body"])
    assert not delivered.header_has(blocks, LINE)
    assert next(blocks) == b"body"
