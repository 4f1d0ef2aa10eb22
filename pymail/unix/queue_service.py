"""The socket of the queue service, both ends

Uses the C half of the socket module alone: the whole one costs each process 8 ms.
"""

import _socket
import os
import struct
import time

from pymail.protocols import handoff
from pymail.unix.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")

BACKLOG = 512
PATIENCE = 6.0   # seconds for which a client goes on asking: longer than a hand-over or restart takes
PAUSE = 0.05     # seconds between two attempts
ANSWER = 30.0    # seconds in which somebody must care for the request
Listener = _socket.socket
_DESCRIPTOR = struct.calcsize("i")
_RIGHTS = _socket.CMSG_SPACE(16 * _DESCRIPTOR)  # room for more than anybody should send


class Refused(Exception):
    """No queue service took the request."""


class Unread(Exception):
    """Nobody has read the request, or there was nobody to send it to."""


class Line:
    """A client's connection for whole messages: made for the first one, kept for the next, made anew if lost.

    The service ends one on which nothing has been said for a second.
    """

    __slots__ = ("_connection", "_home", "pid")

    def __init__(self, home: Home) -> None:
        self._home = home
        self._connection: _socket.socket | None = None
        self.pid = 0  # of the process that got the last message

    def queue(self, message: bytes, envelope: bytes) -> int | None:
        """Have a message queued; the exit code, None if the process ended without a word.

        Both together have at most handoff.LARGEST bytes. Raises Refused, OSError.
        """
        request = handoff.whole(message, envelope)
        if self._connection is not None:
            try:
                return self._queue(request)
            except Unread:
                pass  # it had been ended
        self.pid = 0
        return _patiently(lambda: self._queue(request))

    def _queue(self, request: bytes) -> int | None:
        """Raises Unread, OSError."""
        try:
            if self._connection is None:
                self._connection, self.pid = _begin(self._home, request)
            else:
                self._connection.send(request, _socket.MSG_NOSIGNAL)
            code = _number(self._connection, b"exit")
        except (BrokenPipeError, ConnectionResetError):  # the kernel's word for what was not read at the end
            self.close()
            raise Unread from None
        if code is None:
            self.close()
        return code

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


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
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    try:
        _limit(connection, _socket.SO_SNDTIMEO, ANSWER)
        connection.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF, 2 * handoff.LONGEST)
        connection.connect(socket_path(home))
    except OSError:
        connection.close()
        raise
    return connection


def _limit(connection: _socket.socket, option: int, seconds: float) -> None:
    """Have the kernel watch the time: a timeout of the socket object costs a poll for each call."""
    value = struct.pack("ll", int(seconds), int(seconds % 1 * 1_000_000))
    connection.setsockopt(_socket.SOL_SOCKET, option, value)


def ask(home: Home, request: bytes, message: int, envelope: int) -> tuple[_socket.socket, int]:
    """Have the service read a message and its envelope from two descriptors.

    Returns what the result will come on, and the pid of the process. Raises Refused.
    """
    return _patiently(lambda: _begin(home, request, message, envelope))


def _patiently(attempt: "Callable[[], T]") -> "T":
    """What attempt() returns: called for PATIENCE seconds as long as it raises Unread. Raises Refused."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return attempt()
        except Unread:
            if time.monotonic() > deadline:
                raise Refused from None
        time.sleep(PAUSE)


def _begin(home: Home, request: bytes, *descriptors: int) -> tuple[_socket.socket, int]:
    """A connection with a request, and the pid of the process that cares for it. Raises Unread."""
    try:
        connection = _connect(home)
    except OSError:
        raise Unread from None  # nobody there
    try:
        send(connection, request, *descriptors)
        _limit(connection, _socket.SO_RCVTIMEO, ANSWER)
        pid = _number(connection, b"ready")
        _limit(connection, _socket.SO_RCVTIMEO, 0)
    except OSError:
        pid = None  # the service ended, or had no room
    if pid is None:
        connection.close()
        raise Unread
    return connection, pid


def _number(connection: _socket.socket, word: bytes) -> int | None:
    """The number in the next answer, if that begins with a word; else None. Raises OSError."""
    return handoff.parse(word, connection.recv(handoff.LONGEST_ANSWER))


def outcome(connection: _socket.socket) -> int | None:
    """Wait for the exit code and close; None if the process ended without a word. Raises OSError."""
    try:
        return _number(connection, b"exit")
    finally:
        connection.close()


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
    listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_NONBLOCK)
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
    return adopt(fd)


def adopt(fd: int) -> _socket.socket:
    """The connection at a descriptor; asks the kernel nothing."""
    return _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, fd)


def peer(connection: _socket.socket) -> tuple[int, int]:
    """(pid, uid) of whoever connected, as the kernel knows them. Raises OSError."""
    data = connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, uid, _ = struct.unpack("3i", data)
    return pid, uid & 0xFFFFFFFF


def first_byte(connection: _socket.socket) -> bytes:
    """What the next packet begins with; it stays there. b"" at the end. Raises OSError (EAGAIN: none)."""
    return connection.recv(1, _socket.MSG_PEEK | _socket.MSG_DONTWAIT)


def receive(connection: _socket.socket, wait: bool = False) -> tuple[bytes, list[int]]:
    """A packet and the descriptors that came with it, all of them close-on-exec.

    wait: until something comes, or the end, b"". Nothing that a client sends leaves a descriptor open
    here that is not in the list: what does not fit the buffer is closed by the kernel. Raises OSError.
    """
    flags = _socket.MSG_CMSG_CLOEXEC | (0 if wait else _socket.MSG_DONTWAIT)
    data, messages, _, _ = connection.recvmsg(handoff.LONGEST + 1, _RIGHTS, flags)
    found: list[int] = []
    for level, kind, content in messages:
        if (level, kind) == (_socket.SOL_SOCKET, _socket.SCM_RIGHTS):
            count = len(content) // _DESCRIPTOR
            found += struct.unpack(f"{count}i", content[: count * _DESCRIPTOR])
    return data, found
