"""The fifos of supervise: opened without waiting, and nothing else in their place

A supervise directory may belong to the user whose service it is. What that user puts there instead of a
fifo, such as a link to somebody else's file or fifo, must be neither read nor written by root.
"""

import os
import stat


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
    fd = os.open(path, mode | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    if stat.S_ISFIFO(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    raise OSError("not a fifo")
