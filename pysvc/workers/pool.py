"""The spawner's end: who does which piece of work, and which worker is let go when"""

import _socket
import errno
import os
import time

from pysvc import launch
from pysvc.workers.worker import DELIVERY, LONGEST, Channel, send

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from pysvc.workers.worker import Places

IDLE = 2.0  # seconds for which a worker waits for more work
USES = 500  # pieces of work that one worker does


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


class _Worker:
    __slots__ = ("connection", "done", "key", "pid", "uses", "waits_until")

    def __init__(self, pid: int, key: "Hashable", connection: _socket.socket) -> None:
        self.pid, self.key, self.connection, self.uses = pid, key, connection, 0
        self.done: Callable[[bytes | None], None] | None = None  # whom to tell the answer; None: it is idle
        self.waits_until = 0.0


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
                send(worker.connection, work.request, fds, loose)
            except OSError:
                self._drop(worker)  # killed while it waited
                continue
            worker.done = done
            return worker.pid
        worker = self._start(work)
        try:
            send(worker.connection, work.request, fds, loose)
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
