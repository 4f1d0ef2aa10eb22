"""The queue service as a process, and clients of it"""

import contextlib
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

from pymail.programs import qmail_queued
from pymail.protocols import handoff
from pymail.unix import queue_service
from pymail.unix.home import Home
from tests.support.world import Place, Running, eventually

ENVELOPE = b"Fa@b\0Tjoe@host\0\0"


def serve(place: Place, home: Home) -> Running:
    """A supervised service, once it answers."""
    running = place.start(home.file("bin", "qmail-queued"))
    eventually(lambda: held_by(home) == b"supervised %d" % running.pid, what="the service")
    return running


def held_by(home: Home) -> bytes:
    try:
        return Path(home.file("queue/lock/queued")).read_bytes().strip()
    except FileNotFoundError:
        return b""


@contextlib.contextmanager
def service_with(home: Home, module: object, name: str, value: float) -> Iterator[None]:
    """A service in a child of the test, with another value for one of its constants."""
    pid = os.fork()
    if not pid:
        try:
            if os.getuid() == 0:
                os.setgid(home.gid("qmail"))
                os.setuid(home.owner)
            setattr(module, name, value)
            qmail_queued.main([home.file("bin", "qmail-queued")])
        finally:
            os._exit(70)
    try:
        eventually(lambda: queue_service.answers(home), what="the service")
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


class Client:
    """One request to the service of a home."""

    def __init__(self, home: Home, request: bytes = handoff.SUBMISSION) -> None:
        message, self.message = os.pipe()
        envelope, self.envelope = os.pipe()
        self.connection, self.pid = queue_service.ask(home, request, message, envelope)
        os.close(message)
        os.close(envelope)

    def finish(self, message: bytes = b"hello\n", envelope: bytes = ENVELOPE) -> int | None:
        for fd, data in ((self.message, message), (self.envelope, envelope)):
            with contextlib.suppress(BrokenPipeError):  # a child that cannot queue it does not read it
                os.write(fd, data)
            os.close(fd)
        return queue_service.outcome(self.connection)

    def leave(self) -> None:
        for fd in (self.message, self.envelope):
            os.close(fd)
        self.connection.close()


def connect(home: Home) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.settimeout(20)
    connection.connect(queue_service.socket_path(home))
    return connection


def ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True
