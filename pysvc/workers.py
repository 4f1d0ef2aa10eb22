"""Processes that are kept for the next piece of work of the same kind

A spawner forks a process for each delivery. Where deliveries that need the same rights, or the same
connection, follow one another, the process can do the next one too: it is then a worker, and its kind is
its key, a user's ids for local deliveries, a host for remote ones.

In the spawner a Pool gives each piece of work to a worker of its key that has nothing to do, or to a new
one; nobody ever waits for a busy worker. In the worker a Channel brings the work and takes its answer:

    def body(channel: Channel) -> int:        # in the new process, which holds nothing but its channel
        become(...)
        return workers.serve(channel, "qmail-x", lambda request: do(request))

    pool.give(Work(key, request, body), (message, output), done)

A pair of sockets is between the two. The request travels with its descriptors (SCM_RIGHTS), after a byte
that counts them; the answer begins with the exit code, one byte, and whatever comes that way is believed to
be nothing else: the worker may by now belong to a user. A worker ends when its end of the pair says so, that
is when it has waited too long, has worked enough, or the spawner is gone; an end of its own counts as the
crash of its delivery.
"""

import _socket
import errno
import os
import struct
import time

from pysvc import launch
from pysvc.unix import descriptors, signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    Places = tuple[tuple[int, ...], ...]

IDLE = 2.0       # seconds for which a worker waits for more work
USES = 500       # pieces of work that one worker does
LONGEST = 65536  # bytes of a request or an answer
MOST_LOOSE = 16  # descriptors that can come with a request
DELIVERY = (0,), (1, 2)  # the numbers that they have in the worker: message and report
CONNECTION = ((0, 1),)   # a client; descriptor 2 stays as it is

_LOOSE = 128     # added to the number of descriptors that have no places
_FD = struct.calcsize("i")


class Work:
    """A piece of work: the key of the workers that may do it; the request that one of them gets, at least
    one and at most LONGEST bytes; and what a new worker runs, to its exit code.

    answers: whether all that is to be said comes with the answer, so that no pipe is needed.
    together: whether a worker may be asked to do several such pieces at a time.
    """

    __slots__ = ("answers", "body", "key", "request", "together")

    def __init__(
        self,
        key: "Hashable",
        request: bytes,
        body: "Callable[[Channel], int]",
        *,
        answers: bool = False,
        together: bool = False,
    ) -> None:
        self.key, self.request, self.body = key, request, body
        self.answers, self.together = answers, together


# In the spawner


class _Worker:
    __slots__ = ("connection", "done", "key", "pid", "uses", "waits_until")

    def __init__(self, pid: int, key: "Hashable", connection: _socket.socket) -> None:
        self.pid, self.key, self.connection, self.uses = pid, key, connection, 0
        self.done: Callable[[bytes | None], None] | None = None  # whom to tell the answer; None: it is idle
        self.waits_until = 0.0

    def send(self, request: bytes, fds: "Sequence[int]", loose: bool) -> None:
        rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack(f"{len(fds)}i", *fds))] if fds else []
        data = b"%c%s" % (len(fds) + (_LOOSE if loose else 0), request)
        self.connection.sendmsg([data], rights, _socket.MSG_NOSIGNAL | _socket.MSG_DONTWAIT)


class Pool:
    """The workers of one program."""

    __slots__ = (
        "_count", "_idle", "_idle_by_key", "_name", "_unwatch", "_watch", "any_key", "idle_time", "most",
        "places", "uses",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        watch: "Callable[[int, Callable[[], None]], None]",
        unwatch: "Callable[[int], None]",
        most: int,
    ) -> None:
        """name: stands before what a worker says. watch(fd, handler): have handler() called whenever there
        is something to read; unwatch(fd): no longer. most: workers at a time; for one more the one that has
        waited longest ends, if one waits.
        """
        self._name, self._watch, self._unwatch = name, watch, unwatch
        self._idle: dict[_Worker, None] = {}  # those that wait, the longest first
        self._idle_by_key: dict[Hashable, list[_Worker]] = {}
        self._count = 0  # workers, idle or not
        self.idle_time, self.most, self.uses = IDLE, most, USES
        self.any_key = False  # whether a worker of another key will do where there is none of the right one
        self.places: Places = DELIVERY

    def give(
        self,
        work: Work,
        fds: "Sequence[int]",
        done: "Callable[[bytes | None], None]",
        loose: bool = False,
    ) -> int:
        """Have a piece of work done; done(answer) is called when it is, with None if the worker crashed.

        fds: at most as many as there are places, or MOST_LOOSE; the caller closes his own. Returns the
        worker's pid. Raises OSError if nobody can do it now; done is then never called.
        """
        if len(work.request) > LONGEST:
            raise OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))
        while (worker := self._take_idle(work.key)) is not None:
            try:
                worker.send(work.request, fds, loose)
            except OSError:
                self._drop(worker)  # killed while it waited
                continue
            worker.done = done
            return worker.pid
        worker = self._start(work)
        try:
            worker.send(work.request, fds, loose)
        except OSError:
            self._drop(worker)
            raise
        worker.done = done
        return worker.pid

    def tick(self, now: float) -> float | None:
        """Let go of those that have waited too long; when to look again, None if nobody waits.

        now: time.monotonic()."""
        while self._idle:
            worker = next(iter(self._idle))
            if worker.waits_until > now:
                return worker.waits_until
            self._end_idle(worker)
        return None

    def close(self) -> None:
        """Let go of all that wait."""
        self.tick(float("inf"))

    def _start(self, work: Work) -> _Worker:
        if self._idle and self._count >= self.most:
            self._end_idle(next(iter(self._idle)))
        ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        try:
            pid = launch.fork(self._name, lambda: work.body(Channel(theirs.detach(), self.places)))
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        worker = _Worker(pid, work.key, ours)
        self._count += 1
        self._watch(ours.fileno(), lambda: self._readable(worker))
        return worker

    def _readable(self, worker: _Worker) -> None:
        """An answer, an end, or, from a worker that has fallen into wrong hands, anything."""
        try:
            answer = worker.connection.recv(LONGEST + 1, _socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            answer = b""
        done, worker.done = worker.done, None
        if done is None:
            self._forget_idle(worker)
        if done is None or not 0 < len(answer) <= LONGEST:
            self._drop(worker)
        else:
            self._worked(worker)
        if done is not None:
            done(answer if 0 < len(answer) <= LONGEST else None)

    def _worked(self, worker: _Worker) -> None:
        """A worker has nothing to do any more."""
        worker.uses += 1
        if worker.uses >= self.uses:
            self._drop(worker)
            return
        worker.waits_until = time.monotonic() + self.idle_time
        self._idle[worker] = None
        self._idle_by_key.setdefault(worker.key, []).append(worker)

    def _take_idle(self, key: "Hashable") -> _Worker | None:
        """A worker that waits, and from now on is one of that key: the latest of them, so that the others
        can end; else, if any key will do, the one that has waited longest."""
        same = self._idle_by_key.get(key)
        if same is not None:
            worker = same[-1]
        elif self.any_key and self._idle:
            worker = next(iter(self._idle))
        else:
            return None
        self._forget_idle(worker)
        worker.key = key
        return worker

    def _forget_idle(self, worker: _Worker) -> None:
        del self._idle[worker]
        same = self._idle_by_key[worker.key]
        same.remove(worker)
        if not same:
            del self._idle_by_key[worker.key]

    def _end_idle(self, worker: _Worker) -> None:
        self._forget_idle(worker)
        self._drop(worker)

    def _drop(self, worker: _Worker) -> None:
        """Close the connection, at which the worker ends when it looks for work."""
        self._count -= 1
        self._unwatch(worker.connection.fileno())
        worker.connection.close()


# In the worker


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
