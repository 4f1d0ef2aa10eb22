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
    """A message in a file; its place in the file is shared with whoever else has the descriptor."""

    __slots__ = ("fd",)

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def rewind(self) -> None:
        """Go to the beginning. Fatal where the descriptor is a pipe."""
        try:
            os.lseek(self.fd, 0, os.SEEK_SET)
        except OSError:
            raise Fatal("Unable to rewind message. (#4.3.0)", TEMPORARY, kind="") from None

    def blocks(self) -> "Iterator[bytes]":
        """The whole message, block by block. Fatal as in rewind(); raises Unreadable."""
        self.rewind()
        try:
            while data := os.read(self.fd, BLOCK):
                yield data
        except OSError as error:
            raise Unreadable(reason(error)) from None
