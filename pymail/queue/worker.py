"""A child of the queue service: queues messages until the service lets it go

Messages that come whole are queued together with those that have come by then from other clients: they
wait once for the disk, not each for itself. A message in two pipes has the child for itself, because it
may be slow. Nothing stays of a message: the queue is looked up anew each time, whatever was open is
closed, and a message that met its time limit is the last.
"""

import _socket
import os
import select
import time

from pymail.protocols import handoff
from pymail.queue import enqueue
from pymail.queue.enqueue_steps import Message, source
from pymail.unix import queue_service
from pymail.unix.home import Home
from pysvc.unix import signals

REST = 1.0     # seconds that a client may let pass between two messages on one connection
TOGETHER = 32  # messages queued at a time
LIFE = 500     # messages after which a child ends


class Client:
    """A connection on which whole messages come, and whose it is."""

    __slots__ = ("connection", "heard", "uid")

    def __init__(self, connection: _socket.socket, uid: int) -> None:
        self.connection, self.uid = connection, uid
        self.heard = time.monotonic()

    def is_there(self) -> bool:
        return _is_there(self.connection.fileno())


class Worker:
    """What a child is: `work` brings clients and ends; on `free` it says that it has done with one."""

    __slots__ = ("_clients", "_free", "_home", "_life", "_pid", "_poll", "_work")

    def __init__(self, home: Home, work: _socket.socket, free: int) -> None:
        self._home, self._work, self._free = home, work, free
        self._clients: dict[int, Client] = {}  # by descriptor
        self._life = LIFE
        self._pid = os.getpid()
        self._poll = select.poll()
        self._poll.register(work.fileno(), select.POLLIN)

    def run(self) -> int:
        """Do all that comes; nothing of the service and its clients stays open meanwhile."""
        signals.reset_caught()
        enqueue.prepare()
        first, second = sorted((self._work.fileno(), self._free))
        os.closerange(3, first)
        os.closerange(first + 1, second)
        os.closerange(second + 1, enqueue.DESCRIPTORS)
        while self._life > 0 and self._turn():
            pass
        return 0

    def _turn(self) -> bool:
        """Wait for something to do, and do it; whether there may be more.

        A client whose request nobody reads, because this is the end, sees that and asks elsewhere.
        """
        ready = [fd for fd, _ in self._poll.poll(REST * 1000 if self._clients else None)]
        if self._work.fileno() in ready:
            return self._take()  # first, so that what is there is queued together
        self._queue_those(ready)
        if self._clients:
            self._send_away(time.monotonic() - REST)
        return True

    def _take(self) -> bool:
        """Take what the service gives; whether there may be more of it."""
        told, descriptors = queue_service.receive(self._work, wait=True)
        if not told or len(descriptors) not in (1, 1 + handoff.DESCRIPTORS):
            return False  # the service has ended, or there was no room for them
        uid, pid = handoff.parse_work(told)
        connection = queue_service.adopt(descriptors[0])
        if not _said(connection, handoff.ready(self._pid)):
            connection.close()
            _close(descriptors[1:])
            return self._done_with(uid)
        if len(descriptors) == 1:
            client = Client(connection, uid)
            self._clients[connection.fileno()] = client
            self._poll.register(connection.fileno(), select.POLLIN)
            return True
        return self._from_pipes(connection, uid, pid or self._pid, descriptors[1:])

    def _from_pipes(self, connection: _socket.socket, uid: int, pid: int, pipes: list[int]) -> bool:
        """Queue one message however long that takes; whether the child may live on."""
        message = Message(self._home, uid, pid, source(*pipes), lambda: _is_there(connection.fileno()))
        self._queue([message])
        _close(pipes)
        # Before the answer: a client that asks again at once finds this child free.
        goes_on = self._life > 0 and self._done_with(uid)
        _said(connection, handoff.result(message.code))
        connection.close()
        return goes_on

    def _queue_those(self, ready: list[int]) -> None:
        """Queue the messages of some clients together, and answer each."""
        asked: list[tuple[Client, Message]] = []
        for fd in ready:
            client = self._clients.get(fd)
            if client is not None and len(asked) < TOGETHER:
                message = self._message(client)
                if message is None:
                    self._drop(client)
                else:
                    asked.append((client, message))
        if not asked:
            return
        self._queue([message for _, message in asked])
        now = time.monotonic()
        for client, message in asked:
            client.heard = now
            if not _said(client.connection, handoff.result(message.code)):
                self._drop(client)

    def _message(self, client: Client) -> Message | None:
        """What a client that said something wants to be queued; None if it has gone, or is none of ours."""
        try:
            request, descriptors = queue_service.receive(client.connection)
            _close(descriptors)
            text, envelope = handoff.parse_whole(request)
        except (OSError, handoff.Malformed):
            return None
        return Message(self._home, client.uid, self._pid, ((text,), (envelope,)), client.is_there)

    def _queue(self, messages: list[Message]) -> None:
        enqueue.queue_messages(self._home, messages)
        self._life -= len(messages)
        if any(message.code == enqueue.TIMEOUT for message in messages):
            self._life = 0

    def _send_away(self, since: float) -> None:
        """Let go of the clients that have said nothing for too long: they come again when they have to."""
        for client in list(self._clients.values()):
            if client.heard < since:
                self._drop(client)

    def _drop(self, client: Client) -> None:
        fd = client.connection.fileno()
        self._poll.unregister(fd)
        del self._clients[fd]
        client.connection.close()
        if not self._done_with(client.uid):
            self._life = 0

    def _done_with(self, uid: int) -> bool:
        """Tell the service; whether it is there."""
        try:
            os.write(self._free, handoff.free(self._pid, uid))
        except OSError:
            return False
        return True


def _close(descriptors: list[int]) -> None:
    for fd in descriptors:
        os.close(fd)


def _said(connection: _socket.socket, words: bytes) -> bool:
    """Whether somebody is there to be told, and has room for it."""
    try:
        connection.send(words, _socket.MSG_NOSIGNAL | _socket.MSG_DONTWAIT)
    except OSError:
        return False
    return True


def _is_there(connection: int) -> bool:
    """Whether the client still waits for the result."""
    poll = select.poll()
    poll.register(connection, 0)
    return not poll.poll(0)
