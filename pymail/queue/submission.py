"""Put a message into the queue from within a program

Three ways, one interface: the program that QMAILQUEUE names, or to which the administrator has made
bin/qmail-queue a link, as on a host without a queue, where that is qmail-qmqpc; a child of this process
where it may write the queue; the queue service for everybody else. The service gets a small message
whole. Otherwise message and envelope go through two pipes, so that nothing is held in memory and a caller
that dies has queued nothing: the envelope's last byte is sent last. Source: qmail.c; qmail-queue manual.
"""

import os

from pymail.formats.envelope import from_caller
from pymail.formats.verdict import CRASHED, LONGEST_CUSTOM, SURPRISE, queue_text
from pymail.protocols import handoff
from pymail.unix import queue_service
from pymail.unix.home import Home
from pysvc import launch
from pysvc.unix import signals
from pysvc.unix.files import read_all, write_all
from pysvc.unix.strerr import Fatal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

BUFFER = 32768    # bytes gathered before they are written
READ_ERROR = 54   # the exit code that stands for a message that was not handed over whole
NO_CHILD, NO_SERVICE, UNUSABLE_HOME, UNABLE_TO_RUN = 51, 56, 61, 120
TEXT = 6  # the descriptor on which a program named by QMAILQUEUE explains itself


class Receipt:
    """What became of a message: `text` is b"" if it is queued, else class letter and reason; `qp` the pid."""

    __slots__ = ("qp", "text")

    def __init__(self, text: bytes, qp: int) -> None:
        self.text, self.qp = text, qp


class Submission:
    """One message on its way into the queue; nothing is queued before finish().

    From the first one on the process ignores SIGPIPE: a queue program that gives up is no reason to die.
    """

    __slots__ = ("_envelope", "_failed", "_gathered", "_home", "_line", "_message", "_qp", "_sent", "_size",
                 "_started", "_text", "_wait")  # fmt: skip

    def __init__(self, home: Home, line: queue_service.Line | None = None) -> None:
        """Failures are remembered and told by finish(). line: what the caller keeps for its next messages."""
        signals.ignore(signals.SIGPIPE)
        self._home, self._line = home, line
        self._message = self._envelope = self._text = -1
        self._gathered: list[bytes] = []
        self._size = self._qp = 0
        self._failed = self._started = self._sent = False
        self._wait: Callable[[], int | None] = lambda: 0

    def _begin(self, envelope: bytes = b"") -> None:
        """Start the queue program, once there is something to do for it: slow clients keep none waiting.

        envelope: all of it, where the whole message has been gathered too.
        """
        if self._started:
            return
        self._started = True
        try:
            self._start(self._home, envelope)
        except Fatal:
            self._give_up(UNUSABLE_HOME)  # the accounts are missing
        except OSError:
            self._give_up(NO_CHILD)
        except queue_service.Refused:
            self._give_up(NO_SERVICE)

    def write(self, data: bytes) -> None:
        """Add to the message, in blocks of any size; never raises."""
        if self._failed:
            return
        self._gathered.append(data)
        self._size += len(data)
        if self._size >= BUFFER:
            self._flush()

    def abandon(self) -> None:
        """Queue nothing."""
        self._failed = True
        self._close()
        self._result()

    def finish(self, sender: bytes, recipients: "Iterable[bytes]") -> Receipt:
        """Send the envelope and wait for the verdict."""
        blocks = from_caller(sender, recipients)
        try:
            first, second = next(blocks), next(blocks, b"")
            self._begin(b"" if second else first)
            if not self._sent:
                self._flush()
                self._message = _closed(self._message)  # the envelope is read after the message's end
                for block in (first, second, *blocks):
                    self._put(block)
        except (OSError, ValueError):
            self._failed = True
        self._close()
        text = self._result()
        return Receipt(text, self._qp)

    def _put(self, records: bytes) -> None:
        if not self._failed:
            write_all(self._envelope, records)

    def _flush(self) -> None:
        self._begin()
        try:
            if not self._failed:
                self._write_message()
        except OSError:
            self._failed = True

    def _write_message(self) -> None:
        gathered, self._gathered, self._size = self._gathered, [], 0
        write_all(self._message, b"".join(gathered))

    def _close(self) -> None:
        self._message, self._envelope = _closed(self._message), _closed(self._envelope)

    def _give_up(self, code: int) -> None:
        self._failed = True
        self._close()
        self._text = _closed(self._text)
        self._wait = lambda: code

    def _result(self) -> bytes:
        """The text of the verdict, once both pipes are closed."""
        try:
            custom = read_all(self._text, LONGEST_CUSTOM) if self._text >= 0 else b""
            self._text = _closed(self._text)
            code = self._wait()
        except OSError:
            return SURPRISE
        if code is None:
            return CRASHED
        return queue_text(READ_ERROR if self._failed and not code else code, custom)

    def _start(self, home: Home, envelope: bytes) -> None:
        program = os.environb.get(b"QMAILQUEUE", _replacement(home))
        if program is not None:
            self._pass(lambda message, envelope: self._run(program, message, envelope))
        elif os.geteuid() in (0, home.uid("qmailq")):
            self._pass(self._write_queue)
        elif envelope and self._size + len(envelope) <= handoff.LARGEST:
            self._send_whole(envelope)
        else:
            self._pass(self._ask)

    def _pass(self, start: "Callable[[int, int], None]") -> None:
        """Give the queue program that start() starts two pipes to read from."""
        message, self._message = os.pipe()
        try:
            envelope, self._envelope = os.pipe()
            try:
                start(message, envelope)
            finally:
                os.close(envelope)
        finally:
            os.close(message)

    def _send_whole(self, envelope: bytes) -> None:
        line = self._line or queue_service.Line(self._home)
        message, self._gathered, self._sent = b"".join(self._gathered), [], True

        def wait() -> int | None:
            try:
                return line.queue(message, envelope)
            except queue_service.Refused:
                return NO_SERVICE
            finally:
                self._qp = line.pid
                if line is not self._line:
                    line.close()

        self._wait = wait

    def _run(self, program: bytes, message: int, envelope: int) -> None:
        self._text, text = os.pipe()
        try:
            self._child(lambda: _execute(self._home, program, {0: message, 1: envelope, TEXT: text}))
        finally:
            os.close(text)

    def _write_queue(self, message: int, envelope: int) -> None:
        from pymail.queue import enqueue

        home, uid = self._home, os.getuid()

        def body() -> int:
            _place({0: message, 1: envelope})
            os.closerange(3, enqueue.DESCRIPTORS)  # the other ends of these pipes, and of other submissions
            enqueue.become_owner(home)
            return enqueue.enqueue(home, uid, os.getpid())

        self._child(body)

    def _child(self, body: "Callable[[], int]") -> None:
        pid = self._qp = launch.fork("qmail-queue", body)

        def wait() -> int | None:
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            return code if code >= 0 else None

        self._wait = wait

    def _ask(self, message: int, envelope: int) -> None:
        connection, self._qp = queue_service.ask(self._home, handoff.SUBMISSION, message, envelope)
        self._wait = lambda: queue_service.outcome(connection)


def _replacement(home: Home) -> bytes | None:
    """The program that a link in place of qmail-queue leads to."""
    path = home.file("bin", "qmail-queue")
    return os.fsencode(path) if os.path.islink(path) else None


def _closed(fd: int) -> int:
    if fd >= 0:
        os.close(fd)
    return -1


def _place(wanted: dict[int, int]) -> None:
    """Give descriptors the numbers that a program expects; the old numbers stay open."""
    import fcntl

    high = {target: fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, TEXT + 1) for target, fd in wanted.items()}
    for target, fd in high.items():
        os.dup2(fd, target)


def _execute(home: Home, program: bytes, descriptors: dict[int, int]) -> int:
    """Become the program that QMAILQUEUE names; the exit code if that fails."""
    _place(descriptors)
    signals.default(signals.SIGPIPE)
    try:
        os.chdir(home.path)
    except OSError:
        return UNUSABLE_HOME
    try:
        os.execv(program, [program])
    except (OSError, ValueError):
        return UNABLE_TO_RUN
