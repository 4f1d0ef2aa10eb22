"""Descriptors by number: a server's connection as 0 and 1, a client's as 6 and 7, and what is to be closed"""

import os

from pysvc.unix.strerr import unable_to

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

READ, WRITE = 6, 7  # of a client


def as_server(fd: int) -> None:
    """Make a connection descriptors 0 and 1, for the program to inherit. Raises OSError."""
    if fd:
        os.dup2(fd, 0)
    else:
        os.set_inheritable(0, True)
    os.dup2(0, 1)
    if fd > 1:
        os.close(fd)


def as_client(fd: int) -> None:
    """Make a connection descriptors 6 and 7, for the program to inherit. Fatal if that fails."""
    with unable_to(f"set up descriptor {READ}"):
        if fd == READ:
            os.set_inheritable(fd, True)
        else:
            os.dup2(fd, READ)
    with unable_to(f"set up descriptor {WRITE}"):
        os.dup2(READ, WRITE)
    if fd not in (READ, WRITE):
        os.close(fd)


def occupy_standard() -> None:
    """Let nothing that is opened from here on become 0, 1 or 2: what is said there would get into it.

    What takes their place, where they are closed, can neither be read nor written, nor is it passed on.
    Raises OSError.
    """
    while (fd := os.open("/", os.O_PATH | os.O_CLOEXEC)) < 3:
        pass
    os.close(fd)


def highest() -> int:
    """A number above every descriptor of this process."""
    return max(os.sysconf("SC_OPEN_MAX"), 1024)


def close_all_but(kept: "Collection[int]") -> None:
    """Close every descriptor but 0, 1, 2 and some others."""
    first = 3
    for fd in sorted(kept) if len(kept) > 1 else kept:
        if fd >= first:  # a range of less than nothing would be all of them
            os.closerange(first, fd)
            first = fd + 1
    os.closerange(first, highest())
