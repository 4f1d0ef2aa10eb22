"""The queue service at work: takes requests, and gives each to a child

A client that is slow, dies or means ill costs one child's time and nothing else: no child hears of it
before its request is there. One that sends small messages whole shares a child with others; a message in
pipes has a child for itself. What is believed of a client is what the kernel says of it: its uid and pid.
A child that is done is kept for a while: to fork one costs more than to queue a message.
"""

import _socket
import os
import select
import time

from pymail.engines.admission import Admission
from pymail.engines.staff import Staff
from pymail.protocols import handoff
from pymail.queue.worker import Worker
from pymail.unix import queue_service
from pymail.unix.home import Home
from pysvc import launch
from pysvc.unix import signals
from pysvc.unix.strerr import reason, say, unable_to

REQUEST_TIME = 10.0  # seconds in which a client that has connected must have said what it wants
TROUBLE = 0.1        # seconds to wait where no connection can be accepted
LOOK = 1.0           # seconds between two looks for children that are idle
SAID = 4096          # bytes read at a time of what children say


class Pending:
    """A client that has not said yet what it wants."""

    __slots__ = ("connection", "deadline", "pid", "polled", "uid")

    def __init__(self, connection: _socket.socket, deadline: float) -> None:
        self.connection, self.deadline = connection, deadline
        self.polled = False
        self.pid, self.uid = queue_service.peer(connection)


class Service:
    """Serves one home until SIGTERM; children that are at work then finish by themselves."""

    __slots__ = (
        "_admission", "_free", "_home", "_listener", "_look", "_pending", "_poll", "_say_free", "_signals",
        "_staff", "_work",
    )  # fmt: skip

    def __init__(self, home: Home, listener: _socket.socket) -> None:
        self._home, self._listener = home, listener
        roles = ("root", "alias", "qmaild", "qmailq", "qmails")
        self._admission = Admission(frozenset(home.uid(role) for role in roles))
        self._staff = Staff()
        self._work: dict[int, _socket.socket] = {}  # by the child's pid: our end
        self._look = 0.0                            # when to look for idle children
        with unable_to("create pipe"):
            self._free, self._say_free = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._pending: dict[int, Pending] = {}      # by descriptor
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
            self._look_around()

    def _timeout(self) -> int | None:
        """Milliseconds until a client has waited too long, or a child may have been idle too long."""
        due = [client.deadline for client in self._pending.values()]
        if self._work:
            due.append(self._look)
        return max(0, int((min(due) - time.monotonic()) * 1000) + 1) if due else None

    def _look_around(self) -> None:
        """Send away the clients that are too slow, and the children that are not needed."""
        now = time.monotonic()
        for client in list(self._pending.values()):
            if client.deadline <= now:
                self._drop(client)
        if self._work and self._look <= now:
            self._look = now + LOOK
            self._hear()
            for child in self._staff.dismiss(now):
                self._work.pop(child).close()

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
        if not self._admit(client.uid):
            connection.close()  # who is let in later sees no difference: clients ask again
            return
        self._pending[connection.fileno()] = client
        self._request(client)

    def _admit(self, uid: int) -> bool:
        if not self._admission.admit(uid):
            self._hear()
            return self._admission.admit(uid)
        return True

    def _hear(self) -> None:
        """Learn which children have done their work.

        Only where that matters: to be woken by each would cost as much as to give it the next message.
        """
        try:
            said = os.read(self._free, SAID)
        except BlockingIOError:
            return
        now = time.monotonic()
        for child, uid in handoff.parse_free(said):
            if self._staff.free(child, uid, now):
                self._admission.release(uid)

    def _forget(self, client: Pending) -> None:
        """The client is no longer waited for; its admission lasts."""
        fd = client.connection.fileno()
        if client.polled:
            self._poll.unregister(fd)
        del self._pending[fd]
        client.connection.close()

    def _drop(self, client: Pending) -> None:
        self._forget(client)
        self._admission.release(client.uid)

    def _request(self, client: Pending) -> None:
        """Look whether the request has come, and have a child do it."""
        descriptors: list[int] = []
        try:
            request = queue_service.first_byte(client.connection)
            if request != handoff.WHOLE:  # that is left to the child
                request, descriptors = queue_service.receive(client.connection)
        except BlockingIOError:
            if not client.polled:
                client.polled = True
                self._poll.register(client.connection.fileno(), select.POLLIN)
            return
        except OSError:
            self._drop(client)
            return
        try:
            if request == handoff.WHOLE or (
                request in handoff.REQUESTS and len(descriptors) == handoff.DESCRIPTORS
            ):
                self._give(client, request, descriptors)
            else:
                self._drop(client)
        finally:
            for fd in descriptors:
                os.close(fd)

    def _give(self, client: Pending, request: bytes, descriptors: list[int]) -> None:
        """Have a child do it. Where that fails the client sees that nothing has begun, and asks again."""
        try:
            child = self._child(client.uid, shared=not descriptors)
        except OSError:
            self._drop(client)
            return
        pid = client.pid if request == handoff.PROCESS else 0
        try:
            work = handoff.work(client.uid, pid)
            queue_service.send(self._work[child], work, client.connection.fileno(), *descriptors)
        except BlockingIOError:  # the child has more to do than it can be told
            if self._staff.free(child, client.uid, time.monotonic()):
                self._admission.release(client.uid)
        except OSError:
            pass  # the child has died; its end releases the client's admission
        self._forget(client)

    def _child(self, uid: int, shared: bool) -> int:
        """A child that has just got a client: one that there was, or a new one. Raises OSError."""
        child = self._staff.take(uid, shared)
        if child is None:
            self._hear()
            child = self._staff.take(uid, shared)
        if child is None:
            child = self._fork()
            self._staff.start(child, uid, shared)
        return child

    def _fork(self) -> int:
        ours, work = _pair()
        try:
            child = launch.fork("qmail-queued", lambda: Worker(self._home, work, self._say_free).run())
        except OSError:
            ours.close()
            raise
        finally:
            work.close()
        self._work[child] = ours
        return child

    def _reap(self) -> None:
        self._hear()
        while self._staff.children:
            child, _ = os.waitpid(-1, os.WNOHANG)
            if not child:
                return
            for uid in self._staff.end(child):
                self._admission.release(uid)
            if child in self._work:
                self._work.pop(child).close()


def _pair() -> "tuple[_socket.socket, _socket.socket]":
    """The service's end, which never waits, and the child's. Raises OSError."""
    ours, work = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    return ours, work
