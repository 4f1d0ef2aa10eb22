"""The fifos of supervise: opened without waiting, and nothing else in their place

A supervise directory may belong to the user whose service it is. What that user puts there instead of a
fifo, such as a link to somebody else's file or fifo, must be neither read nor written by root.
"""

import errno
import os
import select
import stat
import time

FLAGS = os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


def make(path: str) -> None:
    """Create a fifo for its owner; where that fails, opening it will tell why."""
    try:
        os.mkfifo(path, 0o600)
    except OSError:
        pass


def open_end(path: str, mode: int) -> int:
    """Open for reading or writing (os.O_RDONLY, os.O_WRONLY), non-blocking.

    Raises OSError: ENXIO where a writer finds no reader, ELOOP for a link, and one for no fifo at all.
    """
    fd = os.open(path, mode | FLAGS)
    if stat.S_ISFIFO(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    raise OSError("not a fifo")


def knock(path: str) -> None:
    """Raise OSError where nobody reads a fifo: ENXIO, or ENOENT where there is none, or ELOOP for a link."""
    os.close(os.open(path, os.O_WRONLY | FLAGS))


def send(fd: int, data: bytes, patience: float) -> None:
    """Write a few bytes in one piece, when there is room.

    fd: non-blocking. Raises OSError; ETIMEDOUT where there was none in `patience` seconds: whoever
    reads may have filled the fifo himself, to keep its writers for ever.
    """
    end = time.monotonic() + patience
    room = select.poll()
    room.register(fd, select.POLLOUT)
    while data:
        try:
            os.write(fd, data)
            return
        except BlockingIOError:
            left = end - time.monotonic()
            if left <= 0:
                raise OSError(errno.ETIMEDOUT, "no room") from None
            room.poll(left * 1000)
