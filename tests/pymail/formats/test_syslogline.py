"""Lines cut in pieces for syslog"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymail.formats.syslogline import ALERT, INFO, LONGEST, WARNING, Splitter


def split(*blocks: bytes, end: bool = True) -> list[tuple[int, bytes]]:
    """The lines of some blocks; the number of each block is its time."""
    splitter = Splitter()
    found = [line for number, block in enumerate(blocks) for line in splitter.feed(block, b"%d" % number)]
    return [*found, *splitter.end(b"end")] if end else found


def test_lines() -> None:
    assert split(b"one\n\ntwo\nthr", b"ee\n") == [(INFO, b"0 one"), (INFO, b"0 two"), (INFO, b"1 three")]


def test_the_last_line_is_not_lost() -> None:
    assert split(b"one\nlast") == [(INFO, b"0 one"), (INFO, b"end last")]
    assert split(b"one\nlast", end=False) == [(INFO, b"0 one")]


@pytest.mark.parametrize(
    ("line", "priority"),
    [
        (b"alert: x", ALERT), (b"warning: x", WARNING),
        (b"Alert: x", INFO), (b" alert: x", INFO), (b"alert", INFO),
    ],
)
def test_priorities(line: bytes, priority: int) -> None:
    assert split(line + b"\n") == [(priority, b"0 " + line)]


def test_what_cannot_be_printed() -> None:
    assert split(b"a\tb\x80\x7f\0~\r\n") == [(INFO, b"0 a?b???~?")]


def test_long_lines() -> None:
    """The stamp and the priority are those of the first piece."""
    line = b"alert:" + b"x" * (2 * LONGEST)
    assert split(line, b"y\nz\n") == [
        (ALERT, b"0 " + line[:LONGEST]), (ALERT, b"0+" + line[LONGEST : 2 * LONGEST]),
        (ALERT, b"0+" + line[2 * LONGEST :] + b"y"), (INFO, b"1 z"),
    ]  # fmt: skip


def test_a_whole_piece_is_given_at_once_and_nothing_after_it() -> None:
    whole = (INFO, b"0 " + b"x" * LONGEST)
    assert split(b"x" * LONGEST, end=False) == [whole]
    assert split(b"x" * LONGEST, b"\nwarning: y\n") == [whole, (WARNING, b"1 warning: y")]


@given(st.lists(st.text("ab\n", max_size=2000).map(str.encode), max_size=5))
def test_nothing_is_lost(blocks: list[bytes]) -> None:
    text = ""
    for _, line in split(*blocks):
        stamp = line[: len(line) - len(line.lstrip(b"end0123456789"))]
        mark, piece = line[len(stamp) : len(stamp) + 1], line[len(stamp) + 1 :].decode()
        text += piece if mark == b"+" else "\n" + piece
    wanted = [line for line in b"".join(blocks).decode().split("\n") if line]
    assert text.split("\n")[1:] == wanted
