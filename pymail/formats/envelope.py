"""Envelopes: what a caller sends to qmail-queue, and what the queue's files hold

Everything is records: one type byte, a payload without zero bytes, one zero byte.

    from a caller     F sender, T recipient …, and one more zero byte
    intd and todo     u uid, p pid, F sender, T recipient …
    info              F sender
    local and remote  T recipient (still to do) or D recipient (done) …

Source: qmail-queue manual; qmail INTERNALS section 3.
"""

from pymail.formats.address import LONGEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TODO, DONE = b"T", b"D"  # the type bytes in local and remote
BLOCK = 32768            # bytes of records handed over at a time


class Malformed(Exception):
    """A record of the wrong type."""


class TooLong(Exception):
    """An address of more than LONGEST bytes."""


def record(kind: bytes, payload: bytes) -> bytes:
    """One record. The payload must not contain a zero byte."""
    return kind + payload + b"\0"


def from_caller(sender: bytes, recipients: "Iterable[bytes]") -> "Iterator[bytes]":
    """What a caller sends on descriptor 1, in blocks; ValueError for an address with a zero byte.

    The last byte, which makes the envelope valid, comes only after everything else.
    """
    parts, size = [], 0
    for kind, address in _records(sender, recipients):
        if b"\0" in address:
            raise ValueError("zero byte in an address")
        parts.append(kind + address)
        size += len(address) + 2
        if size > BLOCK:
            yield b"\0".join([*parts, b""])
            parts, size = [], 0
    yield b"\0".join([*parts, b"\0"])


def _records(sender: bytes, recipients: "Iterable[bytes]") -> "Iterator[tuple[bytes, bytes]]":
    yield b"F", sender
    for recipient in recipients:
        yield TODO, recipient


def opening(uid: int, pid: int) -> bytes:
    """The first records of intd and todo: who invoked qmail-queue, and its pid."""
    return b"u%d\0p%d\0" % (uid, pid)


class Reader:
    """Takes what a caller sends, in blocks, and gives the records that belong into the queue.

    A sender and recipients of at most LONGEST bytes pass; recipients may be none. Without `ended` the
    envelope is not complete, whatever has come.
    """

    __slots__ = ("_expected", "_rest", "ended")

    def __init__(self) -> None:
        self._rest = b""
        self._expected = b"F"
        self.ended = False  # whether the last zero byte has been seen

    def feed(self, data: bytes) -> bytes:
        """The complete records in what has come; raises Malformed or TooLong.

        Bytes after the last zero byte of the envelope are not looked at.
        """
        text = self._rest + data
        start = 0
        while start < len(text) and not self.ended:
            kind = text[start : start + 1]
            if kind == b"\0" and self._expected == TODO:
                self.ended = True
                break
            if kind != self._expected:
                raise Malformed
            end = text.find(b"\0", start + 1)
            if (len(text) if end < 0 else end) - start - 1 > LONGEST:
                raise TooLong
            if end < 0:
                break
            self._expected = TODO
            start = end + 1
        self._rest = text[start:]
        return text[:start]


def records(content: bytes) -> "Iterator[tuple[bytes, bytes]]":
    """(type, payload) of each record of a queue file; an unterminated last one is ignored."""
    complete, _, _ = content.rpartition(b"\0")
    for text in complete.split(b"\0") if complete else ():
        yield text[:1], text[1:]


def sender_of(info: bytes) -> bytes | None:
    """The sender in an info file; None if the file is not one complete record."""
    if not info.startswith(b"F") or not info.endswith(b"\0"):
        return None
    return info[1:].partition(b"\0")[0]


def recipients(channel: bytes) -> "Iterator[tuple[int, bool, bytes]]":
    """(offset of the type byte, done, recipient) for each record of a local or remote file."""
    offset = 0
    for kind, address in records(channel):
        yield offset, kind == DONE, address
        offset += len(kind) + len(address) + 1
