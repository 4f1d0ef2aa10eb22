"""Lines to the queue service: connections on which small messages come whole"""

import os
import signal
import socket

import pytest

from pymail.protocols import handoff
from pymail.queue import worker as working
from pymail.unix import queue_service
from pymail.unix.home import Home
from tests.support.homes import only_message, queued
from tests.support.processes import alive, children, links
from tests.support.queue_clients import ENVELOPE, Client, connect, serve, service_with
from tests.support.world import Place, Running, eventually


def test_whole(home: Home, service: Running, line: queue_service.Line) -> None:
    assert line.queue(b"hello\n", ENVELOPE) == 0
    _, files = only_message(home.file("queue"))
    received, _, text = files["mess"].partition(b"\n")
    assert received.startswith(b"Received: (qmail %d invoked by uid %d); " % (line.pid, os.getuid()))
    assert text == b"hello\n"
    assert files["todo"] == b"u%d\0p%d\0" % (os.getuid(), line.pid) + ENVELOPE[:-1]


@pytest.mark.parametrize(
    ("envelope", "code"), [(b"", 54), (b"X", 91), (b"F" + b"a" * 1003 + b"\0\0", 11), (ENVELOPE[:-1], 54)]
)
def test_whole_codes(
    home: Home, patient: None, line: queue_service.Line, envelope: bytes, code: int
) -> None:
    """A refusal is no reason to give up the line."""
    assert line.queue(b"hello\n", envelope) == code
    pid = line.pid
    assert line.queue(b"hello\n", ENVELOPE) == 0
    assert line.pid == pid


def test_lines_share_a_child(home: Home, service: Running) -> None:
    """And one child's clients wait for nobody's pipes."""
    stuck = Client(home)
    connections = [connect(home) for _ in range(15)]
    for number, connection in enumerate(connections):
        connection.send(handoff.whole(b"%d\n" % number, ENVELOPE))
    ready = {connection.recv(64) for connection in connections}
    assert len(ready) == 1
    assert ready != {handoff.ready(stuck.pid)}
    assert {connection.recv(64) for connection in connections} == {handoff.result(0)}
    for connection in connections:
        connection.close()
    kept = [files for files in queued(home.file("queue")).values() if "todo" in files]
    assert {files["mess"].partition(b"\n")[2] for files in kept} == {b"%d\n" % n for n in range(15)}
    assert stuck.finish() == 0


HOSTILE = [b"w", b"w\0\0", handoff.whole(b"x" * 100, ENVELOPE)[:50], b"w\xff\xff\xff\xff" + b"x" * 60,
           handoff.whole(b"x" * handoff.LARGEST, b"F"), b"x" * 70000]  # fmt: skip


@pytest.mark.parametrize("request_", HOSTILE)
def test_garbage_on_a_line(home: Home, patient: None, request_: bytes) -> None:
    """At once, or after a message; who shares the child sees nothing of it."""
    with connect(home) as neighbour:
        neighbour.send(handoff.whole(b"one\n", ENVELOPE))
        assert neighbour.recv(64).startswith(b"ready")
        assert neighbour.recv(64) == handoff.result(0)
        for begin in ((), (handoff.whole(b"hello\n", ENVELOPE),)):
            with connect(home) as connection:
                for good in begin:
                    connection.send(good)
                    assert connection.recv(64).startswith(b"ready")
                    assert connection.recv(64) == handoff.result(0)
                connection.send(request_)
                while answer := said_to(connection):
                    assert answer.startswith(b"ready")
        neighbour.send(handoff.whole(b"two\n", ENVELOPE))
        assert neighbour.recv(64) == handoff.result(0)
    assert len(queued(home.file("queue"))) == 3


def said_to(connection: socket.socket) -> bytes:
    """The next answer; b"" at the end."""
    try:
        return connection.recv(64)
    except ConnectionResetError:
        return b""


def test_descriptors_on_a_line(home: Home, service: Running) -> None:
    """They are closed unread."""
    with connect(home) as connection, open("/dev/null") as null:
        for _ in range(3):
            socket.send_fds(connection, [handoff.whole(b"hello\n", ENVELOPE)], [null.fileno()] * 16)
        assert connection.recv(64).startswith(b"ready")
        assert [connection.recv(64) for _ in range(3)] == [handoff.result(0)] * 3
        (child,) = children(service.pid)
        assert links(service.pid).count("/dev/null") == links(child).count("/dev/null")


def test_a_client_that_never_listens(home: Home, service: Running) -> None:
    """It is sent away when there is no room for more answers."""
    with connect(home) as connection:
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)

        def sent_away() -> bool:
            try:
                connection.send(handoff.whole(b"", b"X"))
            except BlockingIOError:
                return False
            except BrokenPipeError:
                return True
            return False

        eventually(sent_away, 60, what="the end of patience")
    assert Client(home).finish() == 0


def test_a_line_that_rests(home: Home, line: queue_service.Line) -> None:
    """The child lets it go; the next message begins another."""
    with service_with(home, working, "REST", 0.05):
        assert line.queue(b"one\n", ENVELOPE) == 0
        eventually(lambda: len(sockets_of(line.pid)) == 1, what="the end of the connection")
        assert line.queue(b"two\n", ENVELOPE) == 0
    assert len(queued(home.file("queue"))) == 2


def sockets_of(pid: int) -> list[str]:
    return [link for link in links(pid) if link.startswith("socket:")]


def test_children_do_not_live_for_ever(home: Home, line: queue_service.Line) -> None:
    pids = []
    with service_with(home, working, "LIFE", 3):
        for _ in range(10):
            assert line.queue(b"hello\n", ENVELOPE) == 0
            pids.append(line.pid)
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [3, 3, 3, 1]
    assert len(queued(home.file("queue"))) == 10


def test_a_line_survives_its_child_and_the_service(
    place: Place, home: Home, service: Running, line: queue_service.Line
) -> None:
    assert line.queue(b"one\n", ENVELOPE) == 0
    first = line.pid
    os.kill(first, signal.SIGKILL)
    assert line.queue(b"two\n", ENVELOPE) == 0
    assert line.pid != first
    service.signal(signal.SIGTERM)
    assert service.wait() == 0
    serve(place, home)
    assert line.queue(b"three\n", ENVELOPE) == 0
    assert len(queued(home.file("queue"))) == 3


def test_children_with_lines_end_with_the_service(
    home: Home, service: Running, line: queue_service.Line
) -> None:
    assert line.queue(b"one\n", ENVELOPE) == 0
    service.signal(signal.SIGKILL)
    service.wait()
    eventually(lambda: not alive(line.pid), what="the end of the child")


def test_admission_ends_with_the_line(home: Home, service: Running) -> None:
    """However it ended."""
    for number in range(60):
        line = queue_service.Line(home)
        assert line.queue(b"hello\n", ENVELOPE) == 0
        if number % 3 == 0:
            os.kill(line.pid, signal.SIGKILL)
        line.close()
    clients = [Client(home) for _ in range(20)]
    assert [client.finish() for client in clients] == [0] * 20
