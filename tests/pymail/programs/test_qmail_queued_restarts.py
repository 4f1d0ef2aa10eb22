"""Who serves the queue: restarts, stand-ins, and what clients see of it"""

import os
import signal
import sys

import pytest

from pymail.programs import qmail_queued
from pymail.protocols import handoff
from pymail.unix import queue_service
from pymail.unix.home import Home
from tests.support.homes import queued
from tests.support.processes import alive
from tests.support.queue_clients import Client, held_by, serve
from tests.support.world import Place, Running, eventually


def test_restart_loses_nothing(
    place: Place, home: Home, service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that asks while nobody serves goes on asking."""
    monkeypatch.setattr(queue_service, "PATIENCE", 60)
    service.signal(signal.SIGTERM)
    assert service.wait() == 0
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        code: int | None = 70
        try:
            os.write(writer, b"!")
            code = Client(home).finish()
        finally:
            os._exit(70 if code is None else code)
    assert os.read(reader, 1) == b"!"
    serve(place, home)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(reader)
    os.close(writer)


def test_kill_and_restart(place: Place, home: Home, service: Running) -> None:
    """What a killed service leaves, a socket that nobody listens on, does not stop the next one."""
    service.signal(signal.SIGKILL)
    service.wait()
    assert os.path.exists(queue_service.socket_path(home))
    assert not queue_service.answers(home)
    serve(place, home)
    assert Client(home).finish() == 0


def test_nobody_serves(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_service, "PATIENCE", 0.2)
    with pytest.raises(queue_service.Refused):
        queue_service.ask(home, handoff.SUBMISSION, 0, 1)


def test_stand_in_makes_way(place: Place, home: Home) -> None:
    assert place.run(home.file("bin", "qmail-queued"), "-b").returncode == 0
    assert queue_service.answers(home)
    stand_in = held_by_stand_in(home)
    assert Client(home).finish() == 0
    pending = Client(home)
    supervised = serve(place, home)
    eventually(lambda: not alive(stand_in), what="the stand-in's end")
    assert pending.finish() == 0
    assert Client(home).finish() == 0
    assert supervised.process.poll() is None


@pytest.mark.parametrize("content", [b"", b"\xff", b"stand-in", b"stand-in 0", b"stand-in " + b"9" * 30,
                                     b"stand-in " + b"9" * 9999])  # fmt: skip
def test_garbage_in_the_lock(place: Place, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Nobody is sent away for it."""
    path = place.path / "queued"
    path.write_bytes(content)
    kill = os.kill
    monkeypatch.setattr(os, "kill", lambda pid, number: kill(pid or sys.maxsize, number))
    qmail_queued._send_away(str(path))


def held_by_stand_in(home: Home) -> int:
    kind, _, pid = eventually(lambda: held_by(home), what="the lock").partition(b" ")  # type: ignore[attr-defined]
    assert kind == b"stand-in"
    return int(pid)


def test_stand_in_is_detached(place: Place, home: Home) -> None:
    """Its starter's pipes end although it lives."""
    done = place.run(home.file("bin", "qmail-queued"), "-b", timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    pid = held_by_stand_in(home)
    assert os.getsid(pid) == pid
    assert {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in range(3)} == {"/dev/null"}


def test_stand_in_holds_nothing_of_its_starter(place: Place, home: Home) -> None:
    reader, writer = os.pipe()
    place.run(home.file("bin", "qmail-queued"), "-b", pass_fds=[writer])
    os.close(writer)
    assert os.read(reader, 1) == b""
    os.close(reader)
    assert queue_service.answers(home)


def test_stand_in_that_is_not_needed(place: Place, home: Home, service: Running) -> None:
    for _ in range(2):
        assert place.run(home.file("bin", "qmail-queued"), "-b").returncode == 0
    assert held_by(home) == b"supervised %d" % service.pid


def test_clients_see_no_hand_over(place: Place, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Submissions run all the time while stand-ins and services follow one another."""
    monkeypatch.setattr(queue_service, "PATIENCE", 60)
    place.run(home.file("bin", "qmail-queued"), "-b")
    pids = []
    for _ in range(2):
        pid = os.fork()
        if not pid:
            code: int | None = 70
            try:
                codes = [Client(home).finish() for _ in range(30)]
                code = 0 if codes == [0] * 30 else 1
            finally:
                os._exit(70 if code is None else code)
        pids.append(pid)
    for _ in range(3):
        service = serve(place, home)
        service.signal(signal.SIGTERM)
        assert service.wait() == 0
        place.run(home.file("bin", "qmail-queued"), "-b")
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids] == [0, 0]
    assert len(queued(home.file("queue"))) == 60
