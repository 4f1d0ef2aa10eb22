"""The loop of a spawner: requests on descriptor 0, a child for each, reports on descriptor 1

Each child has the message, freshly opened, as descriptor 0 and a pipe as 1 and 2. It is forked from a
process that has loaded the program that delivers. Source: qmail's spawn.c; qmail INTERNALS.
"""

import os
import select
import stat

from pymail.engines import spawner
from pymail.engines.spawner import Slots
from pymail.protocols.spawn import Request, Requests, encode_report
from pymail.unix.home import Home
from pysvc import launch
from pysvc.unix import signals
from pysvc.unix.files import BLOCK, write_all
from pysvc.unix.strerr import TEMPORARY, Fatal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

REQUESTS, REPORTS = 0, 1
HIGHEST = 1024  # above every descriptor of a spawner


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


class Spawner:
    """Deliveries that were asked for, each in a process of its own."""

    __slots__ = (
        "_by_output", "_by_pid", "_child", "_name", "_owner", "_poll", "_prepare", "_requests", "_signals",
        "_slots",
    )  # fmt: skip

    def __init__(
        self,
        home: Home,
        name: str,
        slots: Slots,
        child: "Callable[[Request], int]",
        prepare: "Callable[[Request], None] | None" = None,
    ) -> None:
        """name: of the program. child: what a child does, to its exit code; it may chain to a program.
        prepare: called before each fork, in the spawner itself."""
        self._owner, self._name = home.uid("qmailq"), name
        self._slots, self._child, self._prepare = slots, child, prepare
        self._by_pid: dict[int, int] = {}     # processes that have not ended: their delnums
        self._by_output: dict[int, int] = {}  # pipes that somebody may still write to: their delnums
        self._requests = Requests()
        signals.ignore(signals.SIGPIPE)
        self._signals = signals.SelfPipe([signals.SIGCHLD])
        self._poll = select.poll()
        self._poll.register(self._signals.fd, select.POLLIN)

    def run(self) -> None:
        """Serve until there will be no more requests and the last delivery is over."""
        _say(bytes([spawner.COUNT]))
        self._poll.register(REQUESTS, select.POLLIN)
        reading = True
        while reading or self._by_pid or self._by_output:
            for fd, _ in self._poll.poll():
                if fd == REQUESTS:
                    reading = self._read_requests()
                elif fd == self._signals.fd:
                    self._reap()
                else:
                    self._read_output(fd)

    def _read_requests(self) -> bool:
        """Start what is asked for; whether more may come."""
        data = _read(REQUESTS)
        if not data:
            self._poll.unregister(REQUESTS)
        for request in self._requests.feed(data):
            self._report(request.delnum, self._slots.refusal(request) or self._start(request))
        return bool(data)

    def _start(self, request: Request) -> bytes | None:
        """Start a delivery; the report if that is not possible."""
        try:
            message = os.open(request.messid, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return spawner.UNABLE_TO_OPEN
        try:
            return self._objection(message) or self._fork(request, message)
        finally:
            os.close(message)

    def _objection(self, message: int) -> bytes | None:
        try:
            found = os.fstat(message)
        except OSError:
            return spawner.UNABLE_TO_STAT
        if not stat.S_ISREG(found.st_mode):
            return spawner.WRONG_TYPE
        return spawner.WRONG_OWNER if found.st_uid != self._owner else None

    def _fork(self, request: Request, message: int) -> bytes | None:
        try:
            output, writer = os.pipe()
        except OSError:
            return spawner.NO_PIPE
        if self._prepare is not None:
            self._prepare(request)
        try:
            pid = launch.fork(self._name, lambda: self._deliver(request, message, writer))
        except OSError:
            os.close(output)
            return spawner.NO_CHILD
        finally:
            os.close(writer)
        self._slots.start(request.delnum)
        self._by_pid[pid] = self._by_output[output] = request.delnum
        self._poll.register(output, select.POLLIN)
        return None

    def _deliver(self, request: Request, message: int, writer: int) -> int:
        """In the child: nothing of the spawner is left but what the delivery needs."""
        signals.reset_caught()
        signals.default(signals.SIGPIPE)
        os.dup2(message, 0)
        os.dup2(writer, 1)
        os.dup2(writer, 2)
        os.closerange(3, HIGHEST)
        return self._child(request)

    def _reap(self) -> None:
        self._signals.arrived()
        while self._by_pid:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            delnum = self._by_pid.pop(pid, None)
            if delnum is not None:
                self._report(delnum, self._slots.ended(delnum, os.waitstatus_to_exitcode(status)))

    def _read_output(self, output: int) -> None:
        data = _read(output)
        delnum = self._by_output[output]
        if not data:
            self._poll.unregister(output)
            os.close(output)
            del self._by_output[output]
        self._report(delnum, self._slots.output(delnum, data))

    def _report(self, delnum: int, text: bytes | None) -> None:
        if text is not None:
            _say(encode_report(delnum, text))


def _read(fd: int) -> bytes:
    """What is there to read; b"" at the end, and where nothing can be read."""
    try:
        return os.read(fd, BLOCK)
    except OSError:
        return b""


def _say(data: bytes) -> None:
    """Write to qmail-send; without it the deliveries still go on to their end."""
    try:
        write_all(REPORTS, data)
    except OSError:
        null = os.open("/dev/null", os.O_WRONLY)
        os.dup2(null, REPORTS)
        os.close(null)
