"""Listening sockets that whoever started the process has passed on: LISTEN_FDS, as sd_listen_fds(3) reads it

They are the descriptors from FIRST on, and meant for the process whose pid LISTEN_PID is.
"""

import _socket
import fcntl
import os

from pysvc.unix.strerr import Fatal

FIRST = 3
MOST = 64  # sockets
VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


def inherited(*families: int) -> list[_socket.socket]:
    """The sockets that were passed to this process; none in most cases. The variables are removed.

    Fatal if one of them is no listening stream socket of one of the families.
    """
    pid, count, _ = (os.environ.pop(name, "") for name in VARIABLES)
    if pid != str(os.getpid()) or not (count.isascii() and count.isdigit()):
        return []
    return [_listener(fd, families) for fd in range(FIRST, FIRST + min(int(count), MOST))]


def _listener(fd: int, families: tuple[int, ...]) -> _socket.socket:
    try:
        os.set_inheritable(fd, False)
        found = _socket.socket(-1, -1, -1, fd)
        usable = found.family in families and found.type == _socket.SOCK_STREAM
        if usable and found.getsockopt(_socket.SOL_SOCKET, _socket.SO_ACCEPTCONN):
            found.setblocking(False)
            return found
    except OSError:
        pass  # not open, or no socket
    raise Fatal(f"descriptor {fd} is no socket to accept such connections from")


def pass_on(sockets: list[int]) -> None:
    """Make these descriptors those that the next program of this process finds. Raises OSError."""
    above = FIRST + len(sockets)
    moved = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, above) for fd in sockets]
    for fd in sockets:
        os.close(fd)
    for place, fd in enumerate(moved, FIRST):
        os.dup2(fd, place)
        os.close(fd)
    os.environ["LISTEN_PID"], os.environ["LISTEN_FDS"] = str(os.getpid()), str(len(sockets))
    os.environ.pop("LISTEN_FDNAMES", None)
