"""The socket of the queue service, both ends

Uses the C half of the socket module alone: the whole one costs each process 8 ms.
"""

import _socket
import os
import struct
import time

from pymail.protocols import handoff
from pymail.unix.home import Home

BACKLOG = 512
PATIENCE = 6.0   # seconds for which a client goes on asking: longer than a hand-over or restart takes
PAUSE = 0.05     # seconds between two attempts
ANSWER = 30.0    # seconds in which a service that took the request must have begun
Listener = _socket.socket
_DESCRIPTOR = struct.calcsize("i")


class Refused(Exception):
    """No queue service took the request."""


def socket_path(home: Home) -> str:
    return home.file("run", "queue")


def answers(home: Home) -> bool:
    """Whether somebody listens on the queue service's socket."""
    try:
        _connect(home).close()
    except OSError:
        return False
    return True


def _connect(home: Home) -> _socket.socket:
    """A connection to the service. Raises OSError."""
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        connection.settimeout(ANSWER)
        connection.connect(socket_path(home))
    except OSError:
        connection.close()
        raise
    return connection


def ask(home: Home, request: bytes, message: int, envelope: int) -> tuple[_socket.socket, int]:
    """Have the service read a message and its envelope from two descriptors.

    Goes on asking for PATIENCE seconds: where no process has begun, nothing has been read yet.
    Returns the connection, on which the result will come, and the pid of the process. Raises Refused.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            connection = _connect(home)
        except OSError:
            connection = None  # nobody there
        if connection is not None:
            pid = _request(connection, request, message, envelope)
            if pid is not None:
                connection.settimeout(None)
                return connection, pid
            connection.close()
        if time.monotonic() > deadline:
            raise Refused
        time.sleep(PAUSE)


def _request(connection: _socket.socket, request: bytes, *descriptors: int) -> int | None:
    """The pid of the process that has begun; None if none has."""
    rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack(f"{len(descriptors)}i", *descriptors))]
    try:
        connection.sendmsg([request], rights, _socket.MSG_NOSIGNAL)
        return handoff.parse(b"ready", _line(connection))
    except OSError:
        return None  # the service ended, or had no room


def outcome(connection: _socket.socket) -> int | None:
    """Wait for the exit code and close; None if the process ended without a word. Raises OSError."""
    try:
        return handoff.parse(b"exit", _line(connection))
    finally:
        connection.close()


def _line(connection: _socket.socket) -> bytes:
    """One line; what there is of it if the connection ends before."""
    line = b""
    while len(line) < handoff.LONGEST_ANSWER and not line.endswith(b"\n"):
        data = connection.recv(1)  # never past the line: the next one is somebody else's to read
        if not data:
            break
        line += data
    return line


def listen(home: Home) -> _socket.socket:
    """The service's end, in place of whatever lay there; everybody may connect. Raises OSError.

    The caller holds the service's lock, so nobody else listens there. The socket is bound under
    another name first: whoever finds the path finds a socket that listens already.
    """
    path = socket_path(home)
    new = f"{path}.new"
    _unlink(new)
    listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_NONBLOCK)
    listener.bind(new)
    os.chmod(new, 0o666)
    listener.listen(BACKLOG)
    os.rename(new, path)
    return listener


def withdraw(home: Home) -> None:
    """Let nobody find the socket any more; connections already made can still be accepted."""
    _unlink(socket_path(home))


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def accept(listener: _socket.socket) -> _socket.socket:
    """The next connection, non-blocking. Raises OSError (EAGAIN: there is none)."""
    fd, _ = listener._accept()  # type: ignore[attr-defined]  # what socket.accept is made of
    connection = _socket.socket(fileno=fd)
    connection.setblocking(False)
    return connection


def peer(connection: _socket.socket) -> tuple[int, int]:
    """(pid, uid) of whoever connected, as the kernel knows them. Raises OSError."""
    data = connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, uid, _ = struct.unpack("3i", data)
    return pid, uid & 0xFFFFFFFF


def receive(connection: _socket.socket) -> tuple[bytes, list[int]]:
    """A request and the descriptors that came with it, all of them close-on-exec. Raises OSError.

    Nothing that a client sends leaves a descriptor open here that is not in the list: what does not
    fit the buffer is closed by the kernel.
    """
    space = _socket.CMSG_SPACE(16 * _DESCRIPTOR)
    data, messages, _, _ = connection.recvmsg(handoff.LONGEST_REQUEST, space, _socket.MSG_CMSG_CLOEXEC)
    found: list[int] = []
    for level, kind, content in messages:
        if (level, kind) == (_socket.SOL_SOCKET, _socket.SCM_RIGHTS):
            count = len(content) // _DESCRIPTOR
            found += struct.unpack(f"{count}i", content[: count * _DESCRIPTOR])
    return data, found
