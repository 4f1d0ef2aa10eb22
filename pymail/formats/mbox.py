"""mbox files: many messages in one, each after a line that begins `From `

Lines of a message that look like that, with any number of `>` before, get one more `>`, so that a
reader can undo it ("mboxrd"). Source: mbox manual of qmail.
"""

from pymail.formats.date import mbox_date

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_BLANKS = bytes.maketrans(b" \t\n", b"---")
_FROM = b"From "


def from_line(sender: bytes, now: int) -> bytes:
    """The line before a message; now: unix time in seconds."""
    return _FROM + (sender.translate(_BLANKS) or b"MAILER-DAEMON") + b" " + mbox_date(now) + b"\n"


def quoted(blocks: "Iterable[bytes]") -> "Iterator[bytes]":
    """The blocks of a message as they stand in an mbox: quoted, the last line ended.

    A `>` added before `From ` is as good as one added before other `>`: so a line that was nothing
    but `>` at the end of a block is treated in the next one as if it began there.
    """
    opening, held = True, b""  # whether the line is nothing but `>` so far; a part of `From ` after them
    last = b"\n"
    for block in blocks:
        text = (b"\n" if opening else b"") + held + block
        skipped = int(opening)
        opening, held = _undecided(text)
        yield _quote(text[: len(text) - len(held)])[skipped:]
        last = block[-1:]
    if last != b"\n":
        yield held + b"\n"


def _undecided(text: bytes) -> tuple[bool, bytes]:
    start = text.rfind(b"\n") + 1
    rest = text[start:].lstrip(b">")
    if start and _FROM.startswith(rest) and rest != _FROM:
        return True, rest
    return False, b""


def _quote(text: bytes) -> bytes:
    """Quote the lines that begin in text: every one but the first."""
    if b">From " not in text:
        return text.replace(b"\nFrom ", b"\n>From ")
    lines = text.split(b"\n")
    for number, line in enumerate(lines):
        if number and line.lstrip(b">").startswith(_FROM):
            lines[number] = b">" + line
    return b"\n".join(lines)


def sender_of(first_line: bytes) -> bytes:
    """The sender for the From line of a stored message, whose first line may be a Return-Path line."""
    prefix = b"Return-Path: <"
    return first_line[len(prefix) :].rstrip(b"\n")[:-1] if first_line.startswith(prefix) else b"XXX"
