"""A child of the queue service: queues one message after the other, until the service lets it go

Each message comes with descriptors of its own and takes nothing from the one before: the queue is looked
up anew, whatever was open is closed, and a message that met its time limit is the last.
"""

import _socket
import os
import select

from pymail.protocols import handoff
from pymail.queue import enqueue
from pymail.unix import queue_service
from pymail.unix.home import Home
from pysvc.unix import signals


class Worker:
    """What a child is: `work` brings messages and ends; on `free` it says that it has done one."""

    __slots__ = ("_free", "_home", "_pid", "_work")

    def __init__(self, home: Home, work: _socket.socket, free: int) -> None:
        self._home, self._work, self._free = home, work, free
        self._pid = os.getpid()

    def run(self) -> int:
        """Do all that comes; nothing of the service and its clients stays open meanwhile."""
        signals.reset_caught()
        enqueue.prepare()
        first, second = sorted((self._work.fileno(), self._free))
        os.closerange(3, first)
        os.closerange(first + 1, second)
        os.closerange(second + 1, enqueue.DESCRIPTORS)
        while self._next():
            pass
        return 0

    def _next(self) -> bool:
        """Wait for a message and do it; whether there may be another one."""
        told, descriptors = queue_service.receive(self._work, wait=True)
        try:
            if len(descriptors) != handoff.WORK_DESCRIPTORS:
                return False  # the service has ended, or there was no room for them
            return self._do(*handoff.parse_work(told), *descriptors)
        finally:
            for fd in descriptors:
                os.close(fd)

    def _do(self, uid: int, pid: int, connection: int, message: int, envelope: int) -> bool:
        code = 0
        if _said(connection, handoff.ready(self._pid)):
            code = enqueue.queue_message(
                self._home, uid, pid or self._pid, source=(message, envelope),
                wanted=lambda: _is_there(connection),
            )  # fmt: skip
        # Before the answer: a client that asks again at once finds this child free.
        goes_on = _said(self._free, handoff.free(self._pid))
        _said(connection, handoff.result(code))
        return goes_on and code != enqueue.TIMEOUT


def _said(fd: int, words: bytes) -> bool:
    """Whether somebody is there to be told."""
    try:
        os.write(fd, words)
    except OSError:
        return False
    return True


def _is_there(connection: int) -> bool:
    """Whether the client still waits for the result."""
    poll = select.poll()
    poll.register(connection, 0)
    return not poll.poll(0)
