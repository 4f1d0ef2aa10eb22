"""The queue service at work: takes requests, and gives each to a child of its own

A client that is slow, dies or means ill costs one child and nothing else. What is believed of a client
is what the kernel says of it: its uid and pid.
"""

import _socket
import os
import select
import time

from pymail.engines.admission import Admission
from pymail.protocols import handoff
from pymail.queue import enqueue
from pymail.unix import queue_service
from pymail.unix.home import Home
from pysvc import launch
from pysvc.unix import signals
from pysvc.unix.strerr import reason, say

REQUEST_TIME = 10.0  # seconds in which a client that has connected must have said what it wants
TROUBLE = 0.1        # seconds to wait where no connection can be accepted
CONNECTION = 3       # the number that the client's connection has in a child


class Pending:
    """A client that has not said yet what it wants."""

    __slots__ = ("connection", "deadline", "pid", "uid")

    def __init__(self, connection: _socket.socket, deadline: float) -> None:
        self.connection, self.deadline = connection, deadline
        self.pid, self.uid = queue_service.peer(connection)


class Service:
    """Serves one home until SIGTERM; children that are at work then finish by themselves."""

    __slots__ = ("_admission", "_children", "_home", "_listener", "_pending", "_poll", "_signals")

    def __init__(self, home: Home, listener: _socket.socket) -> None:
        self._home, self._listener = home, listener
        roles = ("root", "alias", "qmaild", "qmailq", "qmails")
        self._admission = Admission(frozenset(home.uid(role) for role in roles))
        self._children: dict[int, int] = {}     # pid: uid of the client
        self._pending: dict[int, Pending] = {}  # by descriptor
        self._signals = signals.SelfPipe((signals.SIGTERM, signals.SIGCHLD))
        self._poll = select.poll()
        for fd in (self._signals.fd, listener.fileno()):
            self._poll.register(fd, select.POLLIN)

    def run(self) -> None:
        """Serve until SIGTERM."""
        launch.freeze()
        while True:
            ready = [fd for fd, _ in self._poll.poll(self._timeout())]
            if self._signals.fd in ready:
                arrived = self._signals.arrived()  # before the reaping: a death after it is told of again
                self._reap()
                if signals.SIGTERM in arrived:
                    return
            for fd in ready:
                if fd in self._pending:
                    self._request(self._pending[fd])
            if self._listener.fileno() in ready:
                self._accept()
            self._drop_late()

    def _timeout(self) -> int | None:
        """Milliseconds until a client has waited too long."""
        if not self._pending:
            return None
        first = min(client.deadline for client in self._pending.values())
        return max(0, int((first - time.monotonic()) * 1000) + 1)

    def _accept(self) -> None:
        try:
            connection = queue_service.accept(self._listener)
            client = Pending(connection, time.monotonic() + REQUEST_TIME)
        except BlockingIOError:
            return
        except OSError as error:
            say(f"qmail-queued: warning: unable to accept: {reason(error)}")
            time.sleep(TROUBLE)
            return
        if not self._admission.admit(client.uid):
            connection.close()  # who is let in later sees no difference: clients ask again
            return
        self._pending[connection.fileno()] = client
        self._poll.register(connection.fileno(), select.POLLIN)
        self._request(client)

    def _forget(self, client: Pending) -> None:
        """The client is no longer waited for; its admission lasts, its connection is still open."""
        self._poll.unregister(client.connection.fileno())
        del self._pending[client.connection.fileno()]

    def _drop(self, client: Pending) -> None:
        self._forget(client)
        self._admission.release(client.uid)
        client.connection.close()

    def _drop_late(self) -> None:
        now = time.monotonic()
        for client in list(self._pending.values()):
            if client.deadline <= now:
                self._drop(client)

    def _request(self, client: Pending) -> None:
        """Look whether the request has come, and have a child do it."""
        try:
            request, descriptors = queue_service.receive(client.connection)
        except BlockingIOError:
            return
        except OSError:
            self._drop(client)
            return
        try:
            if request in handoff.REQUESTS and len(descriptors) == handoff.DESCRIPTORS:
                self._start(client, request, descriptors)
            else:
                self._drop(client)
        finally:
            for fd in descriptors:
                os.close(fd)

    def _start(self, client: Pending, request: bytes, descriptors: list[int]) -> None:
        try:
            pid = launch.fork("qmail-queued", lambda: self._work(client, request, descriptors))
        except OSError:
            self._drop(client)
            return
        self._children[pid] = client.uid
        self._forget(client)
        client.connection.close()

    def _work(self, client: Pending, request: bytes, descriptors: list[int]) -> int:
        """The child: nothing of other clients stays open in it."""
        signals.reset_caught()
        for target, fd in enumerate((*descriptors, 2, client.connection.detach())):
            os.dup2(fd, target)
        os.closerange(CONNECTION + 1, enqueue.DESCRIPTORS)
        pid = client.pid if request == handoff.PROCESS else os.getpid()
        signals.ignore(signals.SIGPIPE)
        try:
            os.write(CONNECTION, handoff.ready(os.getpid()))
            code = enqueue.enqueue(self._home, client.uid, pid, wanted=_client_is_there)
            os.write(CONNECTION, handoff.result(code))
        except OSError:
            pass  # the client has gone, and asks nobody for the result
        return 0

    def _reap(self) -> None:
        while self._children:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            uid = self._children.pop(pid, None)
            if uid is not None:
                self._admission.release(uid)


def _client_is_there() -> bool:
    """Whether the client still waits for the result."""
    poll = select.poll()
    poll.register(CONNECTION, 0)
    return not poll.poll(0)
