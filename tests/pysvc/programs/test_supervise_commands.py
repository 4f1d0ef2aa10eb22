"""supervise, told what to do by svc"""

import os
import signal

import pytest

from tests.support.processes import alive, process_state
from tests.support.services import down, service, state, supervising, svc, up
from tests.support.world import Place, eventually


def test_normally_down(place: Place) -> None:
    x = service(place, "x", down=True)
    supervising(place)
    eventually(lambda: place.run("svok", "x").returncode == 0)
    assert (state(x).pid, state(x).want) == (0, b"d")
    svc(place, "u")
    up(x)
    assert state(x).want == b"u"


def test_down_keeps_the_time_of_death(place: Place) -> None:
    x = service(place, "x")
    supervising(place)
    up(x)
    svc(place, "d")
    down(x)
    since = state(x).since
    inode = (x / "supervise/status").stat().st_ino
    svc(place, "d")
    eventually(lambda: (x / "supervise/status").stat().st_ino != inode)
    assert state(x).since == since


@pytest.mark.parametrize(("letters", "goes_up"), [("du", True), ("ud", False)])
def test_burst(place: Place, letters: str, goes_up: bool) -> None:
    """Sent within the second after the start: late, but not lost, and in order."""
    x = service(place, "x")
    supervising(place)
    first = up(x)
    svc(place, letters)
    if goes_up:
        up(x, but=first)
    else:
        down(x)
    assert state(x).want == letters[-1].encode()


def test_exit_waits_for_the_death(place: Place) -> None:
    x = service(place, "x")
    running = supervising(place)
    pid = up(x)
    svc(place, "xo")
    eventually(lambda: state(x).want == b"\0")
    svc(place, "u")
    eventually(lambda: state(x).want == b"u")
    assert running.process.poll() is None
    os.kill(pid, signal.SIGKILL)
    assert running.wait() == 0
    assert state(x).pid == 0


def test_exit_while_down(place: Place) -> None:
    x = service(place, "x", "#!/bin/sh\ntouch started\n", down=True)
    running = supervising(place)
    eventually(lambda: place.run("svok", "x").returncode == 0)
    svc(place, "xu")
    assert running.wait() == 0
    assert not (x / "started").exists()


def test_once_then_exit(place: Place) -> None:
    x = service(place, "x", "#!/bin/sh\necho >>started\n", down=True)
    running = supervising(place)
    eventually(lambda: place.run("svok", "x").returncode == 0)
    svc(place, "ox")
    assert running.wait() == 0
    assert (x / "started").read_text() == "\n"


def test_once_on_a_running_service(place: Place) -> None:
    x = service(place, "x")
    supervising(place)
    pid = up(x)
    svc(place, "o")
    eventually(lambda: state(x).want == b"\0")
    assert state(x).pid == pid
    svc(place, "k")
    down(x)
    svc(place, "u")
    up(x, but=pid)


def test_no_escalation(place: Place) -> None:
    """A service that ignores TERM keeps supervise alive after -dx, until it is killed by hand."""
    x = service(place, "x", "#!/bin/sh\ntrap '' TERM\necho >ready\nwhile :; do sleep 0.1; done\n")
    running = supervising(place)
    pid = up(x)
    eventually((x / "ready").exists)
    svc(place, "dx")
    eventually(lambda: state(x).want == b"d")
    assert alive(pid)
    assert running.process.poll() is None
    svc(place, "k")
    assert running.wait() == 0


def test_pause(place: Place) -> None:
    """TERM waits while the service is stopped; d sends CONT after it."""
    x = service(place, "x")
    supervising(place)
    pid = up(x)
    svc(place, "p")
    eventually(lambda: state(x).paused)
    eventually(lambda: process_state(pid) == "T")
    svc(place, "t")
    svc(place, "p")
    eventually(lambda: process_state(pid) == "T")
    assert state(x).pid == pid
    svc(place, "c")
    second = up(x, but=pid)
    assert not state(x).paused
    svc(place, "p")
    eventually(lambda: process_state(second) == "T")
    svc(place, "d")
    down(x)
    assert not alive(second)


@pytest.mark.parametrize(("letter", "name"), [("h", "HUP"), ("a", "ALRM"), ("i", "INT"), ("t", "TERM")])
def test_signals(place: Place, letter: str, name: str) -> None:
    text = f"#!/bin/sh\ntrap 'echo {name} >got' {name}\necho >ready\nwhile :; do sleep 0.1; done\n"
    x = service(place, "x", text)
    supervising(place)
    pid = up(x)
    eventually((x / "ready").exists)
    svc(place, letter)
    eventually(lambda: (x / "got").exists() and (x / "got").read_text() == f"{name}\n")
    assert state(x).pid == pid
