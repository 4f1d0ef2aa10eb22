"""multilog - write lines to automatically rotated logs

Synopsis:    multilog action ...
Actions:     t           as the first: put a TAI64N label and a space before each line
             -pattern    deselect the line if it is selected and matches
             +pattern    select the line if it is not selected and matches
             e           show a selected line (200 bytes of it) on standard error
             =file       overwrite file with a selected line, filled up to 1001 bytes with newlines
             s size      of the files of the logs that follow: 4096 to 16777215 bytes, at first 99999
             n number    of files that the logs that follow keep: at least 2, at first 10
             !processor  shell command that makes what the logs that follow keep of a finished file
             ./dir /dir  append a selected line to the log in that directory
             Each line begins selected. Patterns and =, e see the first 1000 bytes of a line with its
             label. In a pattern `*` skips to the first occurrence of the byte after it, without ever
             looking back, and takes the rest at the end.
Signals:     TERM        stop after the line that is being read; ALRM  finish every `current` now
Files:       dir/current    what is written now; its bit 0100 tells that it is complete and on disk
             dir/@LABEL.s   finished at that time; @LABEL.u after a crash
             dir/state      what the processor left on descriptor 5, for its next run on descriptor 4
             dir/lock, dir/previous, dir/processed, dir/newstate
Exit codes:  0 end of input, or TERM; 111 unable to start. Later trouble is said, and tried again
"""

import os
import select
import sys
import time

from pysvc import launch
from pysvc.engines import logdir
from pysvc.engines.loglines import Batch, Lines
from pysvc.formats import logscript, tai64n
from pysvc.unix import files, signals
from pysvc.unix.logfiles import LogFiles, StatusFile
from pysvc.unix.strerr import unable_to

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

FRAMES = 8  # that Python's compiler of expressions needs for an expression inside another one, at most
TERMINATE, ROTATE = signals.SIGTERM, signals.SIGALRM


class Log:
    """One log directory: what is written to it, and when its file is full."""

    __slots__ = ("_current", "_files", "_inside")

    def __init__(self, directory: logscript.Directory) -> None:
        self._files = LogFiles(directory, _fork)
        self._current = logdir.Current(self._files.size, directory.size)
        self._inside = False

    @property
    def room(self) -> int:
        return self._current.room

    def fits(self, text: bytes) -> bool:
        """Whether text can be written without a look at where the file ends."""
        return not text or len(text) < self._current.room

    def write(self, text: bytes) -> None:
        """Append text. What does not fit must be no more than the original reads at a time."""
        if not text:
            return
        if self.fits(text):
            self._files.append(text)
            self._current.size += len(text)
        else:
            for part, full in self._current.divide(text, self._inside):
                self._files.append(part)
                if full:
                    self.rotate()
        self._inside = not text.endswith(b"\n")

    def rotate(self) -> None:
        """Finish the file, unless it is empty."""
        if self._current.size:
            self._files.rotate()
            self._current.size = 0

    def close(self) -> None:
        self._files.close()


class Logger:
    """What stands between standard input and the logs. start: a descriptor of the current directory."""

    __slots__ = ("_lines", "_room", "_stamped", "_status", "logs")

    def __init__(self, script: logscript.Script, start: int) -> None:
        self._stamped = script.timestamp
        self._lines = Lines(script)
        self._status = [StatusFile(name) for name in script.files]
        self.logs: list[Log] = []
        for directory in script.directories:
            with unable_to("switch to starting directory"):
                os.fchdir(start)
            self.logs.append(Log(directory))
        self._room = _least(log.room for log in self.logs)

    @property
    def appetite(self) -> int:
        """How much to read: little before a file ends, which takes time, and a SIGKILL would lose it."""
        room = self._room // 2 if self._stamped else self._room  # if lines are as long as labels
        return min(max(room // logdir.READ, 1) * logdir.READ, files.STREAM)

    @property
    def inside(self) -> bool:
        """Whether a line has begun and not ended."""
        return self._lines.inside

    def feed(self, data: bytes) -> None:
        """Take what was read. Everything that can be decided is in the logs when this returns."""
        stamp = tai64n.label(time.time_ns()) + b" " if self._stamped else b""
        while data:
            if len(data) < self._room:  # else it seldom fits
                batch = self._lines.take(data, stamp)
                if all(log.fits(text) for log, text in zip(self.logs, batch.texts, strict=True)):
                    self._obey(batch)
                    return
                self._lines.undo()
            end = self._lines.share(data, stamp, _least(log.room for log in self.logs))
            self._obey(self._lines.take(data[:end], stamp))  # may be too much
            if part := data[end : end + logdir.READ]:  # likely to be too much
                self._obey(self._lines.take(part, stamp))
            data = data[end + logdir.READ :]

    def _obey(self, batch: Batch) -> None:
        for line in batch.alerts:
            _show(logscript.alert(line))
        for at, line in batch.records.items():
            self._status[at].write(logscript.record(line))
        written = [(log, text) for log, text in zip(self.logs, batch.texts, strict=True) if text]
        for log, text in written:
            log.write(text)
        self._room = _least(log.room for log, _ in written)  # the others are seldom written

    def rotate(self) -> None:
        """Finish every log's file."""
        for log in self.logs:
            log.rotate()

    def close(self) -> None:
        """End an unfinished line and all logs."""
        if self.inside:
            self.feed(b"\n")
        for log in self.logs:
            log.close()


def main(argv: list[str]) -> int:
    os.umask(0o022)
    with unable_to("switch to current directory"):
        start = os.open(".", os.O_RDONLY)  # stays open: where descriptor 0 was closed, this is it
    signals.ignore(signals.SIGPIPE)  # where nobody reads descriptor 2 the logs still count
    caught = signals.SelfPipe((TERMINATE, ROTATE))
    signals.unblock(TERMINATE, ROTATE)
    # One expression may be made of all the patterns, each inside the next: as deep as there are arguments.
    sys.setrecursionlimit(sys.getrecursionlimit() + FRAMES * len(argv))
    logger = Logger(logscript.Script([os.fsencode(argument) for argument in argv[1:]]), start)
    _copy(logger, caught)
    logger.close()
    return 0


def _least(rooms: "Iterable[int]") -> int:
    return min(rooms, default=sys.maxsize)


def _copy(logger: Logger, caught: signals.SelfPipe) -> None:
    """Read standard input until its end or SIGTERM."""
    poll = select.poll()
    poll.register(0, select.POLLIN)
    poll.register(caught.fd, select.POLLIN)
    stopping = False
    while logger.inside or not stopping:
        ready = [fd for fd, _ in poll.poll()]
        if caught.fd in ready:
            arrived = caught.arrived()
            if ROTATE in arrived:
                logger.rotate()
            if TERMINATE in arrived:
                stopping = True
        elif not (data := _read(1 if stopping else logger.appetite)):  # 1: the rest is for who comes next
            return
        else:
            logger.feed(data)


def _read(size: int) -> bytes:
    try:
        return os.read(0, size)
    except OSError:
        return b""  # as if the input had ended


def _show(line: bytes) -> None:
    try:
        os.write(2, line)
    except OSError:
        pass  # nobody can be told


def _fork(body: "Callable[[], int]") -> int:
    """Fork with the signals of a program that has just been started."""

    def child() -> int:
        signals.reset_caught()
        signals.default(signals.SIGPIPE)
        signals.unblock(TERMINATE, ROTATE)
        return body()

    signals.block(TERMINATE, ROTATE)
    try:
        return launch.fork("multilog", child)
    finally:
        signals.unblock(TERMINATE, ROTATE)
