"""Command lines out of blocks"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymail.protocols.commands import LONGEST, Commands, parse


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b"QUIT\r", (b"quit", b"")), (b"quit", (b"quit", b"")), (b"NOOP\r\r", (b"noop\r", b"")),
        (b"MAIL  FROM:<a> \r", (b"mail", b"FROM:<a> ")), (b"PASS  a b ", (b"pass", b"a b ")),
        (b" NOOP", (b"", b"NOOP")), (b"", (b"", b"")), (b"RCPT\tTO:<a>", (b"rcpt\tto:<a>", b"")),
        (b"NOOP\0junk\r", (b"noop", b"")), (b"USER a\0b", (b"user", b"a")),
    ],
)  # fmt: skip
def test_parse(line: bytes, command: tuple[bytes, bytes]) -> None:
    assert parse(line) == command


@given(st.lists(st.binary(max_size=10).map(lambda b: b.replace(b"\n", b""))), st.integers(1, 30))
def test_blocks_do_not_matter(lines: list[bytes], size: int) -> None:
    stream = b"".join(line + b"\n" for line in lines) + b"partial"
    reader = Commands()
    found = [pair for at in range(0, len(stream), size) for pair in reader.feed(stream[at : at + size])]
    assert found == [parse(line) for line in lines]
    assert reader.rest == b"partial"


def test_what_comes_behind_a_command_stays() -> None:
    reader = Commands()
    for verb, _ in reader.feed(b"NOOP\r\nDATA\r\nbody\r\n.\r\nQUIT\r\n"):
        if verb == b"data":
            break
    assert reader.take_rest() == b"body\r\n.\r\nQUIT\r\n"
    assert reader.next() is None
    assert list(reader.feed(b"RSET\n")) == [(b"rset", b"")]


@pytest.mark.parametrize("size", [1000, 100000, 1000000])
def test_a_line_too_long_is_one_unknown_command(size: int) -> None:
    reader = Commands()
    stream = b"x" * (3 * LONGEST) + b"\r\nNOOP\r\n"
    found = []
    for at in range(0, len(stream), size):
        found += list(reader.feed(stream[at : at + size]))
        assert len(reader.rest) <= LONGEST + size
    assert found == [(b"", b""), (b"noop", b"")]
