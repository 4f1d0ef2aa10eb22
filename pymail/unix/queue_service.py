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
_RIGHTS = _socket.CMSG_SPACE(16 * _DESCRIPTOR)  # room for more than anybody should send


class Refused(Exception):
    """No queue service took the request."""


class Answers:
    """The lines that the service sends on one connection."""

    __slots__ = ("_connection", "_rest")

    def __init__(self, connection: _socket.socket) -> None:
        self._connection, self._rest = connection, b""

    def number(self, word: bytes) -> int | None:
        """The number in the next line, if that begins with a word; else None. Raises OSError."""
        while b"\n" not in self._rest and len(self._rest) < handoff.LONGEST_ANSWER:
            data = self._connection.recv(handoff.LONGEST_ANSWER)
            if not data:
                break
            self._rest += data
        line, end, self._rest = self._rest.partition(b"\n")
        return handoff.parse(word, line + end)

    def wait(self, seconds: float) -> None:
        """How long to wait for anything from now on, 0 for ever; OSError is raised when that is over."""
        _limit(self._connection, _socket.SO_RCVTIMEO, seconds)

    def close(self) -> None:
        self._connection.close()


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
        _limit(connection, _socket.SO_SNDTIMEO, ANSWER)
        connection.connect(socket_path(home))
    except OSError:
        connection.close()
        raise
    return connection


def _limit(connection: _socket.socket, option: int, seconds: float) -> None:
    """Have the kernel watch the time: a timeout of the socket object costs a poll for each call."""
    value = struct.pack("ll", int(seconds), int(seconds % 1 * 1_000_000))
    connection.setsockopt(_socket.SOL_SOCKET, option, value)


def ask(home: Home, request: bytes, message: int, envelope: int) -> tuple[Answers, int]:
    """Have the service read a message and its envelope from two descriptors.

    Goes on asking for PATIENCE seconds: where no process has begun, nothing has been read yet.
    Returns what the result will come on, and the pid of the process. Raises Refused.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            connection = _connect(home)
        except OSError:
            connection = None  # nobody there
        if connection is not None:
            answers = Answers(connection)
            pid = _request(connection, answers, request, message, envelope)
            if pid is not None:
                return answers, pid
            answers.close()
        if time.monotonic() > deadline:
            raise Refused
        time.sleep(PAUSE)


def _request(connection: _socket.socket, answers: Answers, request: bytes, *descriptors: int) -> int | None:
    """The pid of the process that has begun; None if none has."""
    try:
        send(connection, request, *descriptors)
        answers.wait(ANSWER)
        pid = answers.number(b"ready")
        answers.wait(0)
        return pid
    except OSError:
        return None  # the service ended, or had no room


def outcome(answers: Answers) -> int | None:
    """Wait for the exit code and close; None if the process ended without a word. Raises OSError."""
    try:
        return answers.number(b"exit")
    finally:
        answers.close()


def send(connection: _socket.socket, data: bytes, *descriptors: int) -> None:
    """Send some bytes and descriptors together. Raises OSError."""
    rights = struct.pack(f"{len(descriptors)}i", *descriptors)
    ancillary = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)]
    connection.sendmsg([data], ancillary, _socket.MSG_NOSIGNAL)


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
    """The next connection. Raises OSError (EAGAIN: there is none)."""
    fd, _ = listener._accept()  # type: ignore[attr-defined]  # what socket.accept is made of
    return _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, fd)  # asks the kernel nothing


def peer(connection: _socket.socket) -> tuple[int, int]:
    """(pid, uid) of whoever connected, as the kernel knows them. Raises OSError."""
    data = connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, uid, _ = struct.unpack("3i", data)
    return pid, uid & 0xFFFFFFFF


def receive(connection: _socket.socket, wait: bool = False) -> tuple[bytes, list[int]]:
    """Some bytes and the descriptors that came with them, all of them close-on-exec.

    wait: until something comes, or the end, b"". Nothing that a client sends leaves a descriptor open
    here that is not in the list: what does not fit the buffer is closed by the kernel. Raises OSError.
    """
    flags = _socket.MSG_CMSG_CLOEXEC | (0 if wait else _socket.MSG_DONTWAIT)
    data, messages, _, _ = connection.recvmsg(handoff.LONGEST_REQUEST, _RIGHTS, flags)
    found: list[int] = []
    for level, kind, content in messages:
        if (level, kind) == (_socket.SOL_SOCKET, _socket.SCM_RIGHTS):
            count = len(content) // _DESCRIPTOR
            found += struct.unpack(f"{count}i", content[: count * _DESCRIPTOR])
    return data, found
