"""A child that stands between a program and its descriptors 0 and 1: recordio and fixcrio

The process itself becomes the program, so that its pid and exit code are the program's own; the child
copies between the pipes that the program gets and the original descriptors. It ends when the program's
output ends, or when nobody takes what it has to pass on.
"""

import os
import select

from pysvc.unix import signals
from pysvc.unix.strerr import unable_to

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Filter = Callable[[bytes], bytes]  # what to pass on of a chunk; b"" comes at the end of the input
    Fork = Callable[[Callable[[], int]], int]


def insert(fork: "Fork", inward: "Filter", outward: "Filter", chunk: int) -> None:
    """Put a copier between this process and its descriptors 0 and 1. Fatal if that is impossible.

    fork: runs a function in a child. chunk: bytes read at a time; what a filter makes of them must not
    exceed PIPE_BUF, or a write could wait after poll has said that it would not.
    """
    with unable_to("create pipe"):
        program_in, to_program = os.pipe()
        from_program, program_out = os.pipe()
    of_program = (program_in, program_out)
    with unable_to("fork"):
        fork(lambda: _copy(of_program, Direction(0, to_program, inward, chunk),
                           Direction(from_program, 1, outward, chunk)))  # fmt: skip
    os.close(to_program)
    os.close(from_program)
    with unable_to("move descriptors"):
        _move(program_in, 0)
        _move(program_out, 1)


def _move(fd: int, target: int) -> None:
    if fd == target:
        os.set_inheritable(fd, True)
        return
    os.dup2(fd, target)
    os.close(fd)


def _copy(of_program: tuple[int, int], inward: "Direction", outward: "Direction") -> int:
    signals.ignore(signals.SIGPIPE)
    for fd in of_program:
        os.close(fd)
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
    """One of the two ways: a chunk is read and filtered, then passed on, then the next one is read."""

    __slots__ = ("_chunk", "_filter", "_pending", "_source", "_target", "open")

    def __init__(self, source: int, target: int, filter: "Filter", chunk: int) -> None:
        self._source, self._target, self._filter, self._chunk = source, target, filter, chunk
        self._pending = b""
        self.open = True

    def wanted(self) -> tuple[int, int]:
        """The descriptor and poll event that this direction waits for."""
        return (self._target, select.POLLOUT) if self._pending else (self._source, select.POLLIN)

    def go_on(self) -> None:
        """Do what was waited for. Raises OSError where the target takes no more."""
        if self._pending:
            self._pending = self._pending[os.write(self._target, self._pending) :]
            return
        try:
            chunk = os.read(self._source, self._chunk)
        except OSError:
            chunk = b""  # as good as the end
        self._pending = self._filter(chunk)
        if not chunk:
            self.open = False
            os.close(self._target)
