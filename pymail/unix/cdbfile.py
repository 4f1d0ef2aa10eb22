"""A constant database in a file, of which only the places are read that a look-up asks for

Not mapped: whoever has mapped a file that somebody then cuts short dies of it.
"""

import os
import struct

from pysvc.formats.cdb import HEADER, Malformed, Reader

_PAIR = struct.Struct("<II")


class CdbFile(Reader):
    """Raises OSError where the file cannot be opened; a look-up that fails raises Malformed."""

    __slots__ = ("_fd", "_size")

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        self._size = os.fstat(self._fd).st_size

    def close(self) -> None:
        os.close(self._fd)

    def _pair(self, position: int) -> tuple[int, int]:
        first, second = _PAIR.unpack(self._slice(position, _PAIR.size))
        return first, second

    def _slice(self, start: int, size: int) -> bytes:
        if self._size < max(HEADER, start + size):
            raise Malformed
        try:
            data = os.pread(self._fd, size, start)
        except OSError as error:
            raise Malformed from error
        if len(data) != size:
            raise Malformed
        return data
