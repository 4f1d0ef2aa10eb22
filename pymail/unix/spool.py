"""Bytes that are kept until they are wanted: in memory while they are few, then in a file without a name"""

import os

from pysvc.unix.files import blocks, write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MEMORY = 1 << 20  # bytes kept in memory


class Spool:
    """The file lies in TMPDIR, by default /tmp, and is gone when the process ends."""

    __slots__ = ("_fd", "_held", "_held_size", "size")

    def __init__(self) -> None:
        self._fd = -1
        self._held: list[bytes] = []
        self._held_size = 0
        self.size = 0

    def write(self, data: bytes) -> None:
        """Add a block. Raises OSError."""
        self._held.append(data)
        self._held_size += len(data)
        self.size += len(data)
        if self._held_size > MEMORY:
            if self._fd < 0:
                self._fd = _nameless_file()
            write_all(self._fd, b"".join(self._held))
            self._held, self._held_size = [], 0

    def blocks(self) -> "Iterator[bytes]":
        """Everything, from the beginning. Raises OSError."""
        if self._fd >= 0:
            os.lseek(self._fd, 0, os.SEEK_SET)
            yield from blocks(self._fd)
        yield from self._held


def _nameless_file() -> int:
    folder = os.environ.get("TMPDIR", "/tmp")
    try:
        return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError:  # not every file system can do that
        path = f"{folder}/qmail.{os.urandom(16).hex()}"
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        os.unlink(path)
        return fd
