"""A constant database in a file, mapped at the first look-up: most sessions never ask"""

import os

from pysvc.formats.cdb import Malformed, Reader


class CdbFile:
    """Raises OSError where the file cannot be opened; a look-up that fails raises Malformed."""

    __slots__ = ("_fd", "_reader")

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        self._reader: Reader | None = None

    def find(self, key: bytes) -> bytes | None:
        """The data of the first record with that key; None if there is none. Raises Malformed."""
        if self._reader is None:
            self._reader = self._map()
        return self._reader.find(key)

    def _map(self) -> Reader:
        import mmap

        try:
            return Reader(mmap.mmap(self._fd, 0, access=mmap.ACCESS_READ))  # type: ignore[arg-type]
        except (OSError, ValueError) as error:  # ValueError: an empty file
            raise Malformed from error
