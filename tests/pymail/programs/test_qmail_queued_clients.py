"""What hostile and dying clients of the queue service can do"""

import os
import socket

import pytest

from pymail.protocols import handoff
from pymail.queue import service as serving
from pymail.unix import queue_service
from pymail.unix.home import Home
from tests.support.homes import queued
from tests.support.processes import children, links
from tests.support.queue_clients import ENVELOPE, Client, connect, ended, service_with
from tests.support.world import Place, Running, eventually


def test_client_that_dies_has_queued_nothing(home: Home, service: Running) -> None:
    """Even one that had sent everything: it cannot have told anybody."""
    client = Client(home)
    os.write(client.message, b"hello\n")
    eventually(lambda: queued(home.file("queue")), what="the message begun")
    client.leave()
    eventually(lambda: not queued(home.file("queue")), what="the cleanup")


def test_client_that_dies_as_qmail_queue(home: Home, service: Running) -> None:
    """Its own descriptors may live on in others, so the connection is what counts."""
    client = Client(home, handoff.PROCESS)
    os.write(client.message, b"hello\n")
    client.connection.close()
    os.write(client.envelope, ENVELOPE)
    os.close(client.message)
    os.close(client.envelope)
    eventually(lambda: not queued(home.file("queue")) and not children(service.pid), what="the cleanup")


def test_clients_that_go_at_once_leave_no_complaint(place: Place, home: Home) -> None:
    with (place.path / "log").open("wb") as log:
        service = place.start(home.file("bin", "qmail-queued"), stderr=log)
    eventually(lambda: queue_service.answers(home), what="the service")
    for _ in range(20):
        with connect(home) as connection, open("/dev/null") as null:
            socket.send_fds(connection, [handoff.SUBMISSION], [null.fileno()] * 2)
    assert Client(home).finish() == 0
    eventually(lambda: not children(service.pid), what="no child")
    assert (place.path / "log").read_bytes() == b""


@pytest.mark.parametrize(
    ("request_", "count"),
    [(b"garbage\n", 2), (b"submission\n", 0), (b"submission\n", 1), (b"submission\n", 3), (b"process", 2),
     (b"x" * 1000, 2), (b"submission\n", 200), (b"submission\nsubmission\n", 2)],
)  # fmt: skip
def test_garbage_is_dropped(home: Home, service: Running, request_: bytes, count: int) -> None:
    with connect(home) as connection, open("/dev/null") as null:
        socket.send_fds(connection, [request_], [null.fileno()] * count)
        assert ended(connection)
    eventually(lambda: not children(service.pid), what="no child")
    eventually(lambda: links(service.pid).count("/dev/null") <= 3, what="what came with it closed")
    assert Client(home).finish() == 0


def test_who_only_connects_does_no_harm(home: Home, service: Running) -> None:
    idle = [connect(home) for _ in range(10)]
    assert Client(home).finish() == 0
    for connection in idle:
        connection.close()
    assert Client(home).finish() == 0


def test_stuck_reader_costs_one_child(home: Home, service: Running) -> None:
    stuck = [Client(home) for _ in range(5)]
    assert Client(home).finish() == 0
    assert len(children(service.pid)) >= 5
    for client in stuck:
        client.leave()
    eventually(lambda: not children(service.pid), what="no child")


def test_too_many_of_one_user(place: Place, home: Home, service: Running) -> None:
    """An ordinary user (the tests', if they run as root) has a bound; the owner of the home goes on."""
    if os.getuid() == home.owner:
        pytest.skip("the owner is not bound")
    clients = [Client(home) for _ in range(20)]
    with connect(home) as one_more:
        assert ended(one_more)
    for client in clients:
        client.leave()
    eventually(lambda: not children(service.pid), what="no child")
    assert Client(home).finish() == 0


def test_silent_client_is_dropped_in_time(home: Home) -> None:
    with service_with(home, serving, "REQUEST_TIME", 1.0):
        with connect(home) as silent:
            assert ended(silent)
        assert Client(home).finish() == 0
