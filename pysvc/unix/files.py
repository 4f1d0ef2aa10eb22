"""Files written so that a crash leaves the old state or the new one

Durable means the file and its name: fsync of the file, then of the directory that got the name.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK = 65536   # bytes read at a time
STREAM = 16384  # the same where each is worked on; with more the heap grows and shrinks every time


def write_all(fd: int, data: "bytes | memoryview") -> None:
    """Write every byte. Raises OSError."""
    while data:
        written = os.write(fd, data)
        if written == len(data):
            return  # as ever; a view would be one more object
        data = memoryview(data)[written:]


def read_once(fd: int, size: int = BLOCK) -> bytes:
    """What one read brings; b"" at the end, and where nothing can be read."""
    try:
        return os.read(fd, size)
    except OSError:
        return b""


def read_all(fd: int, limit: int | None = None) -> bytes:
    """Read to the end of the file, or `limit` bytes if that comes first. Raises OSError."""
    parts: list[bytes] = []
    left = limit
    while left is None or left > 0:
        data = os.read(fd, BLOCK if left is None else min(BLOCK, left))
        if not data:
            break
        parts.append(data)
        if left is not None:
            left -= len(data)
    return b"".join(parts)


def blocks(fd: int, size: int = BLOCK) -> "Iterator[bytes]":
    """What can be read from a descriptor, block by block, to its end. Raises OSError."""
    while data := os.read(fd, size):
        yield data


def read_file(path: str | bytes, limit: int | None = None, follow: bool = True) -> bytes:
    """The content of a file, `limit` bytes at most. Raises OSError; never waits for the writer of a fifo.

    follow: whether the name itself may be a link. Opening alone can do harm, as with a tape or a watchdog.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
    fd = os.open(path, flags if follow else flags | os.O_NOFOLLOW)
    try:
        return read_all(fd, limit)
    finally:
        os.close(fd)


def sync_directory(path: str | bytes) -> None:
    """Make the names in a directory durable. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def create(path: str, mode: int) -> int:
    """A new file, open for writing, in place of whatever had its name. Raises OSError.

    In a directory of another user that may be a link, a second name of some file, or a fifo: it is
    removed, never opened.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        return os.open(path, flags, mode)
    except FileExistsError:
        os.unlink(path)
        return os.open(path, flags, mode)


def replace(path: str, data: bytes, mode: int = 0o644, temporary: str | None = None) -> None:
    """Give `path` new content, durably: readers see all of the old or all of the new.

    temporary: the name written first (default `path` + ".new"), in the same directory.
    Raises OSError; the old file is then untouched.
    """
    new = temporary or path + ".new"
    fd = create(new, mode)
    try:
        write_all(fd, data)
        os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(new, path)
    sync_directory(os.path.dirname(path) or ".")
