"""Calls that wait for the disk, each in a thread of its own while a loop goes on

Only what waits belongs here: the loop alone decides and changes what a program remembers.
"""

import _thread
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeVar

    T = TypeVar("T")


ABREAST = 16  # threads that wait for the disk for one call
PAUSE = 0.1   # seconds between two attempts to announce a result


class Background:
    """`fd` becomes readable when a call has returned; collect() then passes on what it returned."""

    __slots__ = ("_returned", "_write", "fd", "running")

    def __init__(self) -> None:
        self.fd, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self.running = 0
        self._returned: list[Callable[[], None]] = []

    def start(self, work: "Callable[[], T]", then: "Callable[[T], None]") -> None:
        """Call work() in a thread, and then(its result) in collect(), which also raises what work raised."""
        self.running += 1
        try:
            _thread.start_new_thread(self._call, (work, then))
        except RuntimeError:
            self._call(work, then)  # no thread to be had: the loop waits itself

    def _call(self, work: "Callable[[], T]", then: "Callable[[T], None]") -> None:
        try:
            result = work()
        except Exception as error:
            self._returned.append(_raiser(error))
        else:
            self._returned.append(lambda: then(result))
        self._announce()

    def _announce(self) -> None:
        """However long there is no memory for it: who waits for a call waits for this byte."""
        while True:
            try:
                os.write(self._write, b"\0")
                return
            except OSError:
                time.sleep(PAUSE)

    def collect(self) -> None:
        """Pass on the results of the calls that have returned since the last time; never waits."""
        try:
            count = len(os.read(self.fd, 4096))
        except BlockingIOError:
            return
        for _ in range(count):
            self.running -= 1
            self._returned.pop(0)()


class Once:
    """Calls that several tasks need done, in threads perhaps, each of them once.

    What has failed fails for everybody: the kernel tells of a lost write only once.
    """

    __slots__ = ("_failures", "_locks")

    def __init__(self) -> None:
        self._failures: dict[str | bytes, OSError | None] = {}
        self._locks: dict[str | bytes, _thread.LockType] = {}

    def do(self, what: str | bytes, call: "Callable[[], None]") -> None:
        """call(), unless `what` has been done before. Raises the OSError that it raised, each time."""
        with self._locks.setdefault(what, _thread.allocate_lock()):
            if what not in self._failures:
                try:
                    call()
                    self._failures[what] = None
                except OSError as error:
                    self._failures[what] = error
        failure = self._failures[what]
        if failure is not None:
            raise failure


def side_by_side(work: "Callable[[T], None]", items: "Iterable[T]", abreast: int = ABREAST) -> None:
    """Call work(item) for each item in up to `abreast` threads, and wait for all. work must not raise.

    Calls that wait for the disk at the same time are served by one commit of the file system.
    """
    shares = [share for n in range(abreast) if (share := list(items)[n::abreast])]
    finished = [_thread.allocate_lock() for _ in shares]

    def run(share: "list[T]", lock: "_thread.LockType") -> None:
        for item in share:
            work(item)
        lock.release()

    for share, lock in zip(shares, finished, strict=True):
        lock.acquire()
        try:
            if share is shares[-1]:
                raise RuntimeError("this thread can do one itself")
            _thread.start_new_thread(run, (share, lock))
        except RuntimeError:
            run(share, lock)
    for lock in finished:
        lock.acquire()


def _raiser(error: Exception) -> "Callable[[], None]":
    def again() -> None:
        raise error

    return again
