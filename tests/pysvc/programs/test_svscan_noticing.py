"""svscan: new services, noticed before the next look"""

import os
import signal
import time
from pathlib import Path

from tests.support.processes import alive, command_line, process_state
from tests.support.services import scanning, script, service, supervises, up
from tests.support.world import Place, Running, eventually


def test_late_service(place: Place) -> None:
    (place.path / "service").mkdir()
    place.own()
    scanning(place)
    a = service(place, "service/.a")
    script(a, "#!/bin/sh\nexec fghack sleep 1000\n")
    a = a.rename(place.path / "service/a")
    pid = up(a)
    eventually(lambda: command_line(pid).startswith(b"fghack sleep 1000"))


def paused(place: Place) -> Running:
    """A svscan that has made its first look at an empty directory, and pauses."""
    (place.path / "service").mkdir()
    place.own()
    running = scanning(place)
    title = b"svscan service"
    eventually(lambda: command_line(running.pid).rstrip(b"\0") == title and process_state(running.pid) == "S")
    return running


def test_new_service_is_noticed(place: Place) -> None:
    """In turn, each after the one before is up: five seconds apart without the kernel's word.

    A busy machine may need more than three to show it.
    """
    paused(place)
    begin, quick = time.monotonic(), 0
    for name in "abcdefghij":
        hidden = service(place, f"service/.{name}")
        up(hidden.rename(place.path / "service" / name))
        begin, before = time.monotonic(), begin
        quick += begin - before < 3
        if quick == 3:
            return
    raise AssertionError("most of them had to wait")


def test_alarm_makes_it_look(place: Place) -> None:
    """Also at a supervise that has died, and its children do not have the signal blocked."""
    running = paused(place)
    a = service(place, "service/.a").rename(place.path / "service/a")
    pid = up(a)
    before = supervises(running)
    for _ in range(3):
        killed = supervises(running)["a"]
        os.kill(killed, signal.SIGKILL)
        eventually(lambda killed=killed: not alive(killed))
        running.signal(signal.SIGALRM)
        eventually(lambda killed=killed: supervises(running).get("a", killed) != killed)
    assert supervises(running) != before
    blocked = int(_status(supervises(running)["a"], "SigBlk"), 16)
    assert not blocked & (1 << (signal.SIGALRM - 1) | 1 << (signal.SIGIO - 1))
    assert int(_status(up(a, but=pid), "SigBlk"), 16) == 0


def _status(pid: int, name: str) -> str:
    text = Path(f"/proc/{pid}/status").read_text()
    return next(line.split(":\t")[1] for line in text.splitlines() if line.startswith(f"{name}:"))
