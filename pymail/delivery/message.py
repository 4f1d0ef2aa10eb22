"""The message that is being delivered: a descriptor, read from its beginning as often as needed"""

import os

from pysvc.unix.files import BLOCK
from pysvc.unix.strerr import TEMPORARY, Fatal, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class Unreadable(Exception):
    """The message cannot be read; str() is the reason."""


class Message:
    """A message in a file; its place in the file is shared with whoever else has the descriptor.

    It does not change: its first block is read once, which for most is all there is.
    """

    __slots__ = ("_first", "fd")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._first: bytes | None = None

    def rewind(self) -> None:
        """Go to the beginning. Fatal where the descriptor is a pipe."""
        try:
            os.lseek(self.fd, 0, os.SEEK_SET)
        except OSError:
            raise Fatal("Unable to rewind message. (#4.3.0)", TEMPORARY, kind="") from None

    def blocks(self) -> "Iterator[bytes]":
        """The whole message, block by block. Fatal where the descriptor is a pipe; raises Unreadable."""
        try:
            if self._first is None:
                self.rewind()
                self._first = os.pread(self.fd, BLOCK, 0)
            block, place = self._first, 0
            while block:
                yield block
                place += len(block)
                block = os.pread(self.fd, BLOCK, place)
        except OSError as error:
            raise Unreadable(reason(error)) from None
