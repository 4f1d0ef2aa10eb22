"""The loop of a spawner: requests on descriptor 0, a process for each, reports on descriptor 1

Each delivery has the message, freshly opened, as descriptor 0 and a pipe as 1 and 2. Its process is forked
from one that has loaded the program that delivers, or is a worker that has done such work before. Deliveries
for which the same worker will do and that are asked for at the same time go to it together, if they may;
those that it leaves alone, because they could take long, are then done one by one. Source: qmail's spawn.c;
qmail INTERNALS.
"""

import os
import stat
import time

from pymail.delivery.gathering import Gathering
from pymail.engines import spawner
from pymail.engines.spawner import Slots
from pymail.protocols import together
from pymail.protocols.spawn import Request, Requests, TooLong, encode_report
from pymail.unix.home import Home
from pysvc import launch
from pysvc.unix import descriptors, signals
from pysvc.unix.files import BLOCK, read_once, write_all
from pysvc.unix.strerr import TEMPORARY, Fatal
from pysvc.unix.watching import Watching
from pysvc.workers.pool import Pool, Work

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pymail.delivery.gathering import Piece

    How = Work | int | None
    Plan = Callable[[Request, Callable[[How], None]], None]

REQUESTS, REPORTS = 0, 1
CRASHED = -signals.SIGKILL  # stands for whatever ended a worker before it had answered
CRASH = CRASHED, b""        # exit code and output


def enter(home: Home) -> None:
    """Go where the messages are; silent Fatal if that is not possible.

    qmail-start leaves descriptor 2 closed; nothing that is opened later may get that number.
    """
    try:
        os.chdir(home.file("queue", "mess"))
    except OSError:
        raise Fatal("", TEMPORARY) from None
    null = os.open("/dev/null", os.O_RDWR)
    if null > 2:
        os.close(null)


def own_process(request: Request, go: "Callable[[How], None]") -> None:
    """The plan of a spawner that has no workers."""
    go(None)


class Spawner(Watching):
    """Deliveries that were asked for, each in a process of its own or done by a worker."""

    __slots__ = (
        "_by_pid", "_child", "_gathering", "_name", "_outputs", "_owner", "_reading", "_reports", "_requests",
        "_signals", "_slots", "_ticks", "plan", "pool",
    )  # fmt: skip

    def __init__(self, home: Home, name: str, slots: Slots, child: "Callable[[Request], int]") -> None:
        """name: of the program. child: what a process for one delivery does, to its exit code; it may chain
        to a program.

        plan(request, go), which may be set before run(), decides how a delivery is done, by calling go once,
        now or later: with a Work for a worker of `pool`, with None for a process of its own, with an exit
        code if there is nothing to do. Where no worker can be had it is a process of its own, too.
        """
        super().__init__()
        self._owner, self._name = home.uid("qmailq"), name
        self._slots, self._child = slots, child
        self.plan: Plan = own_process
        self._by_pid: dict[int, int] = {}   # processes of their own: their delnums
        self._outputs: dict[int, int] = {}  # delnums: pipes that somebody may still write to
        self._gathering = Gathering()
        self._requests = Requests()
        self._reading = True
        self._reports: list[bytes] = []
        self.pool = Pool(name, self.watch, self.unwatch, spawner.COUNT)
        self._ticks: list[Callable[[float], float | None]] = [self.pool.tick]
        signals.ignore(signals.SIGPIPE)
        self._signals = signals.SelfPipe([signals.SIGCHLD])
        self.watch(self._signals.fd, self._reap)

    def add_tick(self, tick: "Callable[[float], float | None]") -> None:
        """Call tick(now) before each wait; it returns when it must be called again, by time.monotonic()."""
        self._ticks.append(tick)

    def run(self) -> None:
        """Serve until there will be no more requests and the last delivery is over."""
        _say(bytes([spawner.COUNT]))
        self.watch(REQUESTS, self._read_requests)
        while self._reading or self._slots.busy():
            for fd, _ in self._poll.poll(self._patience()):
                self.handle(fd)
            for pieces in self._gathering.take():
                self._give(pieces)
            if self._reports:
                _say(b"".join(self._reports))
                self._reports.clear()
        self.pool.close()

    def _patience(self) -> float | None:
        """Milliseconds until somebody must be called."""
        now = time.monotonic()
        times = [when for tick in self._ticks if (when := tick(now)) is not None]
        return max(0, min(times) - now) * 1000 + 1 if times else None

    def _read_requests(self) -> None:
        """Start what is asked for; who asks for what makes no sense is heard no longer."""
        data = read_once(REQUESTS)
        try:
            requests = self._requests.feed(data)
        except TooLong:
            data, requests = b"", []
            _let_go(REQUESTS)
        if not data:
            self.unwatch(REQUESTS)
            self._reading = False
        for request in requests:
            self._start(request)

    def _start(self, request: Request) -> None:
        refusal = self._slots.refusal(request)
        if refusal is None:
            try:
                message = os.open(request.messid, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError:
                refusal = spawner.UNABLE_TO_OPEN
            else:
                refusal = self._objection(message)
                if refusal is None:
                    self._slots.start(request.delnum)
                    self.plan(request, lambda how: self._go(request, message, how))
                    return
                os.close(message)
        self._report(request.delnum, refusal)

    def _objection(self, message: int) -> bytes | None:
        try:
            found = os.fstat(message)
        except OSError:
            return spawner.UNABLE_TO_STAT
        if not stat.S_ISREG(found.st_mode):
            return spawner.WRONG_TYPE
        return spawner.WRONG_OWNER if found.st_uid != self._owner else None

    def _go(self, request: Request, message: int, how: "How") -> None:
        """Do a delivery as planned, at the end of this round if others may go with it."""
        gathered = isinstance(how, Work) and self._gathering.add((request, message, how), time.monotonic())
        if not gathered:
            self._go_alone(request, message, how)

    def _give(self, pieces: "list[Piece]") -> None:
        """Have some deliveries done by one worker, if that can be."""
        if len(pieces) > 1 and self._employ_for_all(pieces):
            return
        for piece in pieces:
            self._go_alone(*piece)

    def _employ_for_all(self, pieces: "list[Piece]") -> bool:
        """Whether a worker could be had."""
        requests, messages = [work.request for _, _, work in pieces], [message for _, message, _ in pieces]
        first = pieces[0][2]
        whole = Work(first.key, together.joined(requests), first.body)
        try:
            self.pool.give(whole, messages, lambda answer: self._given(pieces, answer), loose=True)
        except OSError:
            return False
        return True

    def _given(self, pieces: "list[Piece]", answer: bytes | None) -> None:
        """A worker has done what it could."""
        code, said = _parted(answer)
        outcomes = [(code, said)] * len(pieces) if code else together.outcomes(said, len(pieces))
        for (request, message, work), outcome in zip(pieces, outcomes or [CRASH] * len(pieces), strict=True):
            if outcome is None:
                self._gathering.left(work.key, time.monotonic())
                self._go_alone(request, message, work)
            else:
                os.close(message)
                self._ended(request.delnum, *outcome)

    def _go_alone(self, request: Request, message: int, how: "How") -> None:
        delnum = request.delnum
        if isinstance(how, int):
            self._ended(delnum, how, b"")
        elif (failure := self._carry_out(request, message, how)) is not None:
            self._report(delnum, self._slots.fail(delnum, failure))
        os.close(message)

    def _carry_out(self, request: Request, message: int, work: Work | None) -> bytes | None:
        """Have a delivery done by a process; the report if that is not possible."""
        if work is not None and work.answers:
            if self._employ(request.delnum, work, (message,)):
                return None
            work = None
        try:
            output, writer = os.pipe()
        except OSError:
            return spawner.NO_PIPE
        try:
            if work is None or not self._employ(request.delnum, work, (message, writer)):
                self._fork(request, message, writer)
        except OSError:
            os.close(output)
            return spawner.NO_CHILD
        finally:
            os.close(writer)
        os.set_blocking(output, False)
        self._outputs[request.delnum] = output
        self.watch(output, lambda: self._read_output(request.delnum))
        return None

    def _employ(self, delnum: int, work: Work, fds: tuple[int, ...]) -> bool:
        """Whether a worker could be had."""
        answered = self._said if work.answers else self._answered
        try:
            self.pool.give(work, fds, lambda answer: answered(delnum, answer))
        except OSError:
            return False
        return True

    def _answered(self, delnum: int, answer: bytes | None) -> None:
        """A worker has done a delivery. What it has said is in the pipe, and mostly that is all."""
        self._read_output(delnum)
        code = answer[0] if answer is not None else CRASHED
        self._report(delnum, self._slots.ended(delnum, code))

    def _said(self, delnum: int, answer: bytes | None) -> None:
        """A worker has done a delivery, and its answer says all."""
        self._ended(delnum, *_parted(answer))

    def _ended(self, delnum: int, code: int, output: bytes) -> None:
        """A delivery is over, and this is all that it has said."""
        for data in (output, b"") if output else (b"",):
            self._slots.output(delnum, data)
        self._report(delnum, self._slots.ended(delnum, code))

    def _fork(self, request: Request, message: int, writer: int) -> None:
        pid = launch.fork(self._name, lambda: self._deliver(request, message, writer))
        self._by_pid[pid] = request.delnum

    def _deliver(self, request: Request, message: int, writer: int) -> int:
        """In the child: nothing of the spawner is left but what the delivery needs."""
        signals.reset_caught()
        signals.default(signals.SIGPIPE)
        os.dup2(message, 0)
        os.dup2(writer, 1)
        os.dup2(writer, 2)
        descriptors.close_all_but(())
        return self._child(request)

    def _reap(self) -> None:
        self._signals.arrived()
        try:
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                delnum = self._by_pid.pop(ended[0], None)  # None: a worker, whose connection says more
                if delnum is not None:
                    self._report(delnum, self._slots.ended(delnum, os.waitstatus_to_exitcode(ended[1])))
        except ChildProcessError:
            pass  # none is left

    def _read_output(self, delnum: int) -> None:
        """Take what a delivery has said; twice, for after the text there is mostly the end."""
        for _ in range(2):
            if delnum not in self._outputs:
                return
            output = self._outputs[delnum]
            try:
                data = os.read(output, BLOCK)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self.unwatch(output)
                os.close(output)
                del self._outputs[delnum]
            self._report(delnum, self._slots.output(delnum, data))

    def _report(self, delnum: int, text: bytes | None) -> None:
        """Say at the end of this round how a delivery went; None: it goes on."""
        if text is not None:
            self._reports.append(encode_report(delnum, text))


def _parted(answer: bytes | None) -> tuple[int, bytes]:
    """A worker's exit code, and what it has said."""
    return CRASH if answer is None else (answer[0], answer[1:])


def _say(data: bytes) -> None:
    """Write to qmail-send; without it the deliveries still go on to their end."""
    try:
        write_all(REPORTS, data)
    except OSError:
        _let_go(REPORTS)


def _let_go(fd: int) -> None:
    """Leave nobody at the other end, nor the number to anybody else."""
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, fd)
    os.close(null)
