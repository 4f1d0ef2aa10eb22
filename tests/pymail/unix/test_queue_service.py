"""The two ends of the queue service's socket"""

import os
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from pymail.protocols import handoff
from pymail.unix import queue_service
from pymail.unix.home import Home
from pymail.unix.queue_service import Line, Refused
from tests.support.world import Place

MESSAGE, ENVELOPE = b"hello\n", b"Fa@b\0Tc@d\0\0"
Conversation = Callable[[socket.socket], None]


@pytest.fixture
def home(place: Place, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr(queue_service, "PATIENCE", 5.0)
    monkeypatch.setattr(queue_service, "PAUSE", 0.01)
    (place.path / "run").mkdir()
    return Home(str(place.path))


class Service:
    """Has a conversation with each client that connects, one after the other."""

    def __init__(self, home: Home) -> None:
        self._listener = queue_service.listen(home)
        self._listener.setblocking(True)
        self._thread = threading.Thread(target=lambda: None)

    def talk(self, *conversations: Conversation) -> None:
        def run() -> None:
            for conversation in conversations:
                fd, _ = self._listener._accept()  # type: ignore[attr-defined]
                with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, fd) as connection:
                    conversation(connection)

        self._thread = threading.Thread(target=run)
        self._thread.start()

    def close(self) -> None:
        self._thread.join(10)
        self._listener.close()


@pytest.fixture
def service(home: Home) -> Iterator[Service]:
    service = Service(home)
    yield service
    service.close()


def answering(*codes: int, pid: int = 4711) -> Conversation:
    """Cares for the client, answers so many messages, and reads no more."""

    def converse(connection: socket.socket) -> None:
        connection.sendall(handoff.ready(pid))
        for code in codes:
            assert handoff.parse_whole(connection.recv(handoff.LONGEST)) == (MESSAGE, ENVELOPE)
            connection.sendall(handoff.result(code))

    return converse


def silent(connection: socket.socket) -> None:
    """Goes without having read anything."""


def dying(connection: socket.socket) -> None:
    """Reads a request and dies."""
    connection.sendall(handoff.ready(1))
    connection.recv(handoff.LONGEST)


def test_a_line_is_kept(home: Home, service: Service) -> None:
    service.talk(answering(0, 53, 0))
    line = Line(home)
    assert [line.queue(MESSAGE, ENVELOPE) for _ in range(3)] == [0, 53, 0]
    assert line.pid == 4711
    line.close()


def test_a_line_that_was_ended_is_made_anew(home: Home, service: Service) -> None:
    service.talk(answering(0), answering(0, 0, pid=4712))
    line = Line(home)
    assert [line.queue(MESSAGE, ENVELOPE) for _ in range(3)] == [0, 0, 0]
    assert line.pid == 4712
    line.close()


def test_what_was_not_read_is_asked_again(home: Home, service: Service) -> None:
    service.talk(silent, answering(), silent, answering(0))
    line = Line(home)
    assert line.queue(MESSAGE, ENVELOPE) == 0
    line.close()


def test_what_was_read_is_not_asked_again(home: Home, service: Service) -> None:
    """Nobody knows what became of it; the next one gets another line."""
    service.talk(dying, answering(0))
    line = Line(home)
    assert line.queue(MESSAGE, ENVELOPE) is None
    assert line.queue(MESSAGE, ENVELOPE) == 0
    line.close()


def test_the_kernel_tells_read_from_unread() -> None:
    """At the end of the other side: this is what makes it safe to ask again."""
    for read in (True, False):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            theirs.sendall(handoff.ready(1))
            ours.sendall(b"request")
            assert ours.recv(64) == handoff.ready(1)
            if read:
                theirs.recv(64)
            theirs.close()
            if read:
                assert ours.recv(64) == b""
            else:
                with pytest.raises(ConnectionResetError):
                    ours.recv(64)


def test_nobody_there(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_service, "PATIENCE", 0.05)
    line = Line(home)
    with pytest.raises(Refused):
        line.queue(MESSAGE, ENVELOPE)
    assert line.pid == 0


def test_the_wait_for_care_is_limited(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_service, "PATIENCE", 0.0)
    monkeypatch.setattr(queue_service, "ANSWER", 0.05)
    listener = queue_service.listen(home)
    with pytest.raises(Refused):
        Line(home).queue(MESSAGE, ENVELOPE)
    listener.close()


def test_the_largest_message_goes_through(home: Home, service: Service) -> None:
    sizes = []

    def converse(connection: socket.socket) -> None:
        connection.sendall(handoff.ready(1))
        sizes.append(len(connection.recv(2 * handoff.LONGEST)))
        connection.sendall(handoff.result(0))

    service.talk(converse)
    line = Line(home)
    assert line.queue(b"x" * (handoff.LARGEST - len(ENVELOPE)), ENVELOPE) == 0
    assert sizes == [handoff.LONGEST]
    line.close()


def test_what_is_passed_is_not_inherited() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs, open("/dev/null") as null:
        queue_service.send(theirs, b"x", null.fileno(), null.fileno())
        data, descriptors = queue_service.receive(ours)
        assert data == b"x"
        assert [os.get_inheritable(fd) for fd in descriptors] == [False, False]
        for fd in descriptors:
            os.close(fd)
