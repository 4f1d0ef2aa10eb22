"""The worker's end: it takes one piece of work after the other, with its descriptors, and answers"""

import _socket
import os
import struct

from pysvc import launch
from pysvc.unix import descriptors, signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Places = tuple[tuple[int, ...], ...]

LONGEST = 65536  # bytes of a request or an answer
MOST_LOOSE = 16  # descriptors that can come with a request
DELIVERY = (0,), (1, 2)  # the numbers that they have in the worker: message and report
CONNECTION = ((0, 1),)   # a client; descriptor 2 stays as it is

_LOOSE = 128     # added to the number of descriptors that have no places
_FD = struct.calcsize("i")


def send(connection: _socket.socket, request: bytes, fds: "Sequence[int]", loose: bool) -> None:
    """In the spawner: the request that take() gets. loose: whether the descriptors have no places there.
    Raises OSError."""
    rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack(f"{len(fds)}i", *fds))] if fds else []
    data = b"%c%s" % (len(fds) + (_LOOSE if loose else 0), request)
    connection.sendmsg([data], rights, _socket.MSG_NOSIGNAL | _socket.MSG_DONTWAIT)


class Channel:
    """The worker's end. Between two pieces of work the descriptors that each of them gets are /dev/null."""

    __slots__ = ("_connection", "_null", "_placed", "_places", "loose")

    def __init__(self, fd: int, places: "Places" = DELIVERY) -> None:
        """Keep this descriptor, and nothing else that is the spawner's, neither files nor signals."""
        signals.reset_caught()
        descriptors.close_all_but((fd,))
        self._connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, fd)
        self._null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        launch.KEPT.update((fd, self._null))
        self._places = places
        self._placed = [number for numbers in places for number in numbers]
        self.loose: list[int] = []  # of the last request: descriptors that have no places
        self._let_go()

    def fileno(self) -> int:
        """To wait for work or the end with a timeout: it becomes readable at both."""
        return self._connection.fileno()

    def take(self) -> bytes | None:
        """Wait for the next request, and put its descriptors in their places; None: there are no more.

        There is no request either where descriptors got lost on their way: no message would be taken for
        an empty one.
        """
        space = _socket.CMSG_SPACE(MOST_LOOSE * _FD)
        try:
            data, messages, _, _ = self._connection.recvmsg(LONGEST + 1, space, _socket.MSG_CMSG_CLOEXEC)
        except ConnectionError:
            return None
        fds: list[int] = []
        for _, _, rights in messages:
            fds += struct.unpack(f"{len(rights) // _FD}i", rights)
        if not data or len(fds) != data[0] % _LOOSE:
            return None
        self._placed.clear()
        if data[0] >= _LOOSE:
            self.loose = fds
            return data[1:]
        for fd, numbers in zip(fds, self._places, strict=False):
            for number in numbers:
                os.dup2(fd, number)
            self._placed += numbers
            os.close(fd)
        return data[1:]

    def answer(self, code: int, data: bytes = b"") -> None:
        """Let go of the descriptors, then tell how it went. Raises OSError; then the worker has to end."""
        self._let_go()
        try:
            self._connection.send(b"%c%s" % (code & 255, data), _socket.MSG_NOSIGNAL)
        except ConnectionError:
            pass  # the spawner is gone, as take() will notice

    def _let_go(self) -> None:
        for fd in self._placed:
            os.dup2(self._null, fd)
        while self.loose:
            os.close(self.loose.pop())


def serve(
    channel: Channel,
    name: str,
    work: "Callable[[bytes], int]",
    together: "Callable[[bytes, list[int]], bytes] | None" = None,
) -> int:
    """Do one piece of work after the other, each to its exit code, as a program of its own would.

    name: of that program; what work() raises ends the piece of work as it would end the program. Each
    begins in / and with the umask that there was at the beginning; signals are as the last one left them,
    at first at their default. together: what does a request with loose descriptors; what it returns is the
    answer behind the exit code.
    """
    mask = os.umask(0)
    signals.default(signals.SIGPIPE)  # a spawner ignores it
    while True:
        os.chdir("/")
        os.umask(mask)
        if (request := channel.take()) is None:
            return 0
        if together is not None and channel.loose:
            channel.answer(*_at_once(name, request, channel.loose, together))
        else:
            channel.answer(launch.run(name, lambda: work(request)))


def _at_once(
    name: str, request: bytes, loose: list[int], together: "Callable[[bytes, list[int]], bytes]"
) -> tuple[int, bytes]:
    said: list[bytes] = []

    def body() -> int:
        said.append(together(request, loose))
        return 0

    return launch.run(name, body), b"".join(said)
