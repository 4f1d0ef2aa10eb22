"""Unix sockets: listening and connecting at a path, who is at the other end, descriptors that are handed over

By the C half of the standard module, as in tcp.
"""

import _socket
import os
import stat
import struct

from pysvc.unix.strerr import unable_to

MOST_DESCRIPTORS = 64  # in one message
_UCRED = struct.Struct("3i")
_INT = struct.Struct("i")


def listen(path: str, backlog: int, umask: int = 0o077) -> _socket.socket:
    """A listening socket that never waits in accept, in place of an older one at its path.

    Fatal if that is impossible. What is no socket is left alone; then the path is taken.
    """
    with unable_to("create socket"):
        server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    remove(path)
    before = os.umask(umask)
    try:
        with unable_to(f"bind to {path}"):
            server.bind(os.fsencode(path))
    finally:
        os.umask(before)
    with unable_to("listen"):
        server.listen(backlog)
    server.setblocking(False)
    return server


def remove(path: str) -> None:
    """Remove a socket; nothing else."""
    try:
        if stat.S_ISSOCK(os.lstat(path).st_mode):
            os.unlink(path)
    except OSError:
        pass  # not there, or not ours: bind will say so


def connect(path: str) -> _socket.socket:
    """A connection to a server at a path. Raises OSError."""
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        connection.connect(os.fsencode(path))
    except BaseException:
        connection.close()
        raise
    return connection


def peer(fd: int) -> tuple[int, int, int]:
    """(pid, uid, gid) of whoever made a connection, as the kernel saw it. Raises OSError."""
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, fd)
    try:
        credentials = connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, _UCRED.size)
    finally:
        connection.detach()
    pid, uid, gid = _UCRED.unpack(credentials)
    return pid, uid, gid


def variables(name: bytes, path: str, fd: int) -> dict[bytes, bytes]:
    """What a program is told of a connection, and under `name` the path.

    What the kernel does not tell of the other end is left as it was inherited.
    """
    numbers = {b"LOCALUID": os.getuid(), b"LOCALGID": os.getgid(), b"LOCALPID": os.getpid()}
    try:
        pid, uid, gid = peer(fd)
        numbers |= {b"REMOTEPID": pid, b"REMOTEEUID": uid, b"REMOTEEGID": gid}
    except OSError:
        pass
    told = {b"UNIX" + key: b"%d" % value for key, value in numbers.items()}
    return {b"PROTO": b"UNIX", name: os.fsencode(path), **told}


def hand_over(fd: int, descriptors: list[int]) -> None:
    """Send copies of descriptors over a connection. Raises OSError; never waits."""
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, fd)
    try:
        rights = b"".join(map(_INT.pack, descriptors))
        ancillary = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)]
        connection.sendmsg([b"."], ancillary, _socket.MSG_DONTWAIT | _socket.MSG_NOSIGNAL)
    finally:
        connection.detach()


def take_over(connection: _socket.socket) -> list[int]:
    """The descriptors that the other side hands over, closed on exec; none if it does not. Raises OSError."""
    room = _socket.CMSG_SPACE(MOST_DESCRIPTORS * _INT.size)
    _, ancillary, _, _ = connection.recvmsg(1, room, _socket.MSG_CMSG_CLOEXEC)
    found = []
    for level, kind, data in ancillary:
        if (level, kind) == (_socket.SOL_SOCKET, _socket.SCM_RIGHTS):
            found += [fd for (fd,) in _INT.iter_unpack(data[: len(data) // _INT.size * _INT.size])]
    return found
