"""A spawner that has nothing but its workers, for tests of both ends"""

import os
import select
from collections.abc import Callable

from pysvc.workers.pool import Pool, Work
from pysvc.workers.worker import Channel


class PoolOwner:
    """Its workers are children of the test's process."""

    def __init__(self) -> None:
        self._handlers: dict[int, Callable[[], None]] = {}
        self.pool = Pool("spawner", self._handlers.__setitem__, self._handlers.__delitem__, 120)
        self._null = os.open("/dev/null", os.O_RDWR)

    def give(self, work: Work, *fds: int) -> list[bytes | None]:
        """Where the answer will be."""
        answers: list[bytes | None] = []
        self.pool.give(work, fds, answers.append)
        return answers

    def wait(self, answers: list[bytes | None]) -> bytes | None:
        while not answers:
            self.turn(20)
        (answer,) = answers
        return answer

    def turn(self, seconds: float = 0) -> None:
        """One round of the loop, in which something should happen."""
        ready = select.select(list(self._handlers), [], [], seconds)[0]
        assert ready or not seconds
        for fd in ready:
            self._handlers[fd]()

    def do(self, work: Work, *fds: int) -> bytes | None:
        return self.wait(self.give(work, *fds))

    @property
    def connections(self) -> int:
        return len(self._handlers)

    def end(self) -> None:
        self.pool.close()
        os.close(self._null)
        while True:
            try:
                os.wait()
            except ChildProcessError:
                return


def echo(channel: Channel) -> int:
    """Answers with its pid and the request."""
    while (request := channel.take()) is not None:
        channel.answer(0, b"%d %s" % (os.getpid(), request))
    return 0


def pid_of(answer: bytes | None) -> int:
    assert answer is not None
    return int(answer[1:].split()[0])
