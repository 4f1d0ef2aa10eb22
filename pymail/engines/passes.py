"""A pass: reading the recipients of one message on one channel, in the order of the file"""

from pymail.engines.jobs import Job
from pymail.formats.envelope import DONE, TODO

LONGEST = 65536  # bytes of a record; no address comes near


class UnknownRecord(Exception):
    """A record that is neither to do nor done, or of more than LONGEST bytes."""


class Pass:
    """The recipients still to do, from the blocks of a channel file."""

    __slots__ = ("_at", "_data", "_offset", "job")

    def __init__(self, job: Job) -> None:
        self.job = job
        self._data = b""
        self._at = 0      # where in _data the next record begins
        self._offset = 0  # where in the file _data begins

    def feed(self, data: bytes) -> None:
        """The next block of the file. At its end an unterminated record counts for nothing."""
        self._offset += self._at
        self._data = self._data[self._at :] + data
        self._at = 0

    def next(self) -> tuple[int, bytes] | None:
        """(offset of its type byte, recipient) of the next one to do; None: more of the file is needed.

        Raises UnknownRecord.
        """
        while (end := self._data.find(b"\0", self._at)) >= 0:
            start, self._at = self._at, end + 1
            kind = self._data[start : start + 1]
            if kind == TODO:
                return self._offset + start, self._data[start + 1 : end]
            if kind != DONE:
                raise UnknownRecord
        if len(self._data) - self._at > LONGEST:
            raise UnknownRecord
        return None
