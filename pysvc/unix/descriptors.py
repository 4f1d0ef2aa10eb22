"""Where UCSPI programs find their connection: a server's as 0 and 1, a client's as 6 and 7"""

import os

from pysvc.unix.strerr import unable_to

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
