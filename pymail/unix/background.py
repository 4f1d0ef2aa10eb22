"""Calls that wait for the disk, each in a thread of its own while a loop goes on

Only what waits belongs here: the loop alone decides and changes what a program remembers.
"""

import _thread
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")


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
        os.write(self._write, b"\0")

    def collect(self) -> None:
        """Pass on the results of the calls that have returned since the last time; never waits."""
        try:
            count = len(os.read(self.fd, 4096))
        except BlockingIOError:
            return
        for _ in range(count):
            self.running -= 1
            self._returned.pop(0)()


def _raiser(error: Exception) -> "Callable[[], None]":
    def again() -> None:
        raise error

    return again
