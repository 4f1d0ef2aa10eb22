"""qmail-send's loop, its disk real, its clock and partners simulated

Nothing waits: where the loop would, the clock jumps to the next moment at which something is due. The
same decisions of the partners lead to the same run.
"""

import heapq
import os
from collections.abc import Callable
from typing import TypeVar

from pymail.programs.qmail_send import Sender
from pymail.protocols.spawn import Request, Requests, encode_report
from pymail.queue import cleanup
from pymail.queue.settings import Settings
from pymail.unix.background import Background
from pymail.unix.controls import Controls
from pymail.unix.home import Home
from pymail.unix.record import Record
from pysvc.unix import signals
from pysvc.unix.files import write_all

T = TypeVar("T")
BLOCK = 65536
Decide = Callable[[Request, int], tuple[int, bytes]]  # see Spawner
PID_SCAN = 31  # commands from one look of qmail-clean at pid/ to the next
SPINNING = 20000  # turns within one second after which the loop is said to spin


class Spinning(Exception):
    """The loop goes round without anything happening."""


class Undivided(Background):
    """Calls that wait for the disk return before anything else goes on."""

    def start(self, work: "Callable[[], T]", then: "Callable[[T], None]") -> None:
        self.running += 1
        self._call(work, then)


class Spawner:
    """Stands for qmail-lspawn or qmail-rspawn.

    under_way is the number of deliveries now, full_at when there last were as many as allowed.
    """

    def __init__(self, decide: Decide, most: int) -> None:
        """decide: what becomes of a request made now: after how many seconds, and the report."""
        self._decide, self._most = decide, most
        self.full_at = 0
        self._requests = Requests()
        self._input, to_us = _pipe()
        from_us, self._output = _pipe()
        self.descriptors = (to_us, from_us)
        self._due: list[tuple[int, int, bytes]] = []  # (when, delnum, report)

    @property
    def under_way(self) -> int:
        return len(self._due)

    def next(self) -> int | None:
        """When the next report is due."""
        return self._due[0][0] if self._due else None

    def step(self, now: int) -> bool:
        """Take requests and send the reports that are due; whether there were any."""
        self._note(now)
        data = _read(self._input)
        for request in self._requests.feed(data):
            seconds, report = self._decide(request, now)
            heapq.heappush(self._due, (now + seconds, request.delnum, report))
        self._note(now)
        reports = []
        while self._due and self._due[0][0] <= now:
            _, delnum, report = heapq.heappop(self._due)
            reports.append(encode_report(delnum, report))
        write_all(self._output, b"".join(reports))
        return bool(data or reports)

    def _note(self, now: int) -> None:
        if self.under_way >= self._most:
            self.full_at = now


class Cleaner:
    """Stands for qmail-clean, and obeys as that does."""

    def __init__(self, before: Callable[[bytes], None]) -> None:
        """before: called with each command before it is obeyed."""
        self._before = before
        self._input, to_us = _pipe()
        from_us, self._output = _pipe()
        self.descriptors = (to_us, from_us)
        self._left = 0  # commands until the next look at pid/

    def step(self, now: int) -> bool:
        """Obey the commands that there are; whether there were any."""
        commands = _read(self._input).split(b"\0")[:-1]  # qmail-send writes them whole
        for command in commands:
            self._before(command)
        if self._left <= 0:
            cleanup.expire_pids(now)
            self._left = PID_SCAN
        self._left -= len(commands)
        write_all(self._output, cleanup.answers(commands))
        return bool(commands)


def _pipe() -> tuple[int, int]:
    read, write = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(read, False)
    return read, write


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, BLOCK)
    except BlockingIOError:
        return b""


class Simulation:
    """One life of a qmail-send: from start to end(), or to kill()."""

    def __init__(
        self,
        home: Home,
        now: int,
        concurrency: list[int],
        spawners: tuple[Decide, ...],
        *,
        before_cleaning: Callable[[bytes], None] = lambda command: None,
        after_turn: Callable[[], None] = lambda: None,
    ) -> None:
        """spawners: what decides the deliveries of each channel. The queue becomes the current directory.

        after_turn: called after each turn of the loop.
        """
        os.chdir(home.file("queue"))
        self.now = now
        self._after_turn = after_turn
        self._before = _open_descriptors()
        self.spawners = [Spawner(*pair) for pair in zip(spawners, concurrency, strict=True)]
        self._cleaner = Cleaner(before_cleaning)
        for spawner in self.spawners:
            os.set_blocking(spawner.descriptors[0], False)
        log = os.open(home.file("log"), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.sender = Sender(
            home, Settings(Controls(home)), Record(log), concurrency, now,
            spawners=[spawner.descriptors for spawner in self.spawners],
            clean=self._cleaner.descriptors, background=Undivided(),
        )  # fmt: skip
        self._turns = 0  # since the clock moved

    def run(self, until: int) -> None:
        """Go on until that time. Raises Spinning."""
        while self.now < until:
            if not self.step():
                self.now = max(self.now + 1, min(until, self._next(until)))
                self._turns = 0

    def step(self) -> bool:
        """Do what can be done at this time; whether there was anything. Raises Spinning."""
        talked = [spawner.step(self.now) for spawner in self.spawners]
        talked.append(self._cleaner.step(self.now))
        ready = self.sender.wait(0)
        if not ready and self.sender.patience(self.now):
            return any(talked)
        self.sender.turn(ready, self.now)
        self._after_turn()
        self._turns += 1
        if self._turns > SPINNING:
            raise Spinning(f"{SPINNING} turns at one time")
        return True

    def _next(self, until: int) -> int:
        """When something is due."""
        times = [spawner.next() for spawner in self.spawners]
        patience = self.sender.patience(self.now)
        return min(time for time in (*times, self.now + patience, until) if time is not None)

    def end(self) -> None:
        """Ask qmail-send to end, and wait until it has."""
        os.kill(os.getpid(), signals.SIGTERM)
        while not self.sender.over:
            if not self.step():
                self.now = max(self.now + 1, self._next(self.now + 86400))
                self._turns = 0
        self.sender.end()
        self.kill()

    def kill(self) -> None:
        """What the kernel does with a process that is gone."""
        signals.reset_caught()
        for fd in _open_descriptors() - self._before:
            os.close(fd)


def _open_descriptors() -> set[int]:
    return {fd for fd in map(int, os.listdir("/proc/self/fd")) if _is_open(fd)}


def _is_open(fd: int) -> bool:
    """The listing's own descriptor is not, any more."""
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
