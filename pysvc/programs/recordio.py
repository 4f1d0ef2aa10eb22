"""recordio - run a program and log what it reads and writes

Synopsis:    recordio program [ arg ... ]
Exit codes:  100 wrong usage; 111 no pipe, no process, or the program cannot be run; else the program's own

The program gets pipes in place of descriptors 0 and 1; a child copies between them and the original ones,
at most 256 bytes at a time in each direction, and logs on descriptor 2, before it passes the bytes on:

    PID < DATA␠   a line from outside to the program, whose process is PID
    PID < DATA+   the same, to be continued: no end of line yet
    PID < [EOF]   the end of what comes from outside
    PID > ...     likewise for what the program writes

The copier ends when the program's output ends, or when nobody takes what it has to pass on.
"""

import os
import select

from pysvc import launch
from pysvc.unix import chain, signals
from pysvc.unix.strerr import unable_to, usage

CHUNK = 256  # bytes


def main(argv: list[str]) -> int:
    if len(argv) < 2:
        raise usage(__doc__)
    pid = os.getpid()
    with unable_to("create pipe"):
        program_in, to_program = os.pipe()
        from_program, program_out = os.pipe()
    with unable_to("fork"):
        launch.fork("recordio", lambda: _copier(pid, (program_in, program_out), to_program, from_program))
    os.close(to_program)
    os.close(from_program)
    with unable_to("move descriptors"):
        _move(program_in, 0)
        _move(program_out, 1)
    with unable_to(f"run {argv[1]}"):
        chain.run(argv[1:])


def _move(fd: int, target: int) -> None:
    if fd == target:
        os.set_inheritable(fd, True)
        return
    os.dup2(fd, target)
    os.close(fd)


def _copier(pid: int, of_program: tuple[int, int], to_program: int, from_program: int) -> int:
    signals.ignore(signals.SIGPIPE)
    for fd in of_program:
        os.close(fd)
    inward = Direction(b"%d < " % pid, 0, to_program)
    outward = Direction(b"%d > " % pid, from_program, 1)
    try:
        while outward.open:
            _step([direction for direction in (inward, outward) if direction.open])
    except OSError:
        pass  # nobody takes what there is to pass on
    return 0


def _step(directions: "list[Direction]") -> None:
    """Wait until some direction can go on, and let each that can do its next thing."""
    poll = select.poll()
    for direction in directions:
        poll.register(*direction.wanted())
    ready = dict(poll.poll())
    for direction in directions:
        if direction.wanted()[0] in ready:
            direction.go_on()


class Direction:
    """One of the two ways: a chunk is read and logged, then passed on, then the next one is read."""

    __slots__ = ("_chunk", "_prefix", "_source", "_target", "open")

    def __init__(self, prefix: bytes, source: int, target: int) -> None:
        self._prefix, self._source, self._target = prefix, source, target
        self._chunk = b""
        self.open = True

    def wanted(self) -> tuple[int, int]:
        """The descriptor and poll event that this direction waits for."""
        return (self._target, select.POLLOUT) if self._chunk else (self._source, select.POLLIN)

    def go_on(self) -> None:
        """Do what was waited for. Raises OSError where the target takes no more."""
        if self._chunk:
            self._chunk = self._chunk[os.write(self._target, self._chunk) :]
            return
        try:
            self._chunk = os.read(self._source, CHUNK)
        except OSError:
            pass  # as good as the end
        if not self._chunk:
            self.open = False
            self._log(b"[EOF]")
            os.close(self._target)
            return
        *lines, rest = self._chunk.split(b"\n")
        for line in lines:
            self._log(line + b" ")
        if rest:
            self._log(rest + b"+")

    def _log(self, text: bytes) -> None:
        try:
            os.write(2, self._prefix + text + b"\n")
        except OSError:
            pass  # nobody reads the log
