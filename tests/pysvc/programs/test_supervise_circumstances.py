"""supervise and svscan where whoever started them, or the service directory, makes it hard"""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from pysvc.engines.attended import Attended
from pysvc.engines.supervisor import Supervisor
from pysvc.formats.servicefiles import Settings
from pysvc.supervision.attended import AttendedKeeper
from tests.support.services import pid_of, service, up
from tests.support.world import Place, eventually

BRIEF = "#!/bin/sh\necho >>starts\nexec sleep 0.1\n"


def _ignore_children() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)


def _starts(x: Path) -> int:
    return len((x / "starts").read_text()) if (x / "starts").exists() else 0


@pytest.mark.parametrize("attended", [False, True])
def test_supervise_where_children_are_ignored(place: Place, attended: bool) -> None:
    """With SIGCHLD ignored the kernel buries children itself: no death would ever be seen."""
    x = service(place, "x", BRIEF)
    if attended:
        (x / "max-death-tally").touch()
    place.own()
    place.start("supervise", "x", preexec_fn=_ignore_children)
    eventually(lambda: _starts(x) >= 2)


def test_svscan_where_children_are_ignored(place: Place) -> None:
    a = service(place, "service/a", BRIEF)
    running = place.start("svscan", "service", stdin=subprocess.DEVNULL, preexec_fn=_ignore_children)
    eventually(lambda: _starts(a) >= 2)
    text = Path(f"/proc/{running.pid}/status").read_text().splitlines()
    ignored = next(int(line.split()[1], 16) for line in text if line.startswith("SigIgn"))
    assert not ignored & 1 << (signal.SIGCHLD - 1)


def test_directory_that_cannot_be_read_any_more(place: Place) -> None:
    """What was read last holds; supervise goes on."""
    x = service(place, "x", "#!/bin/sh\nexec sleep 1000\n")
    (x / "down-signal").write_text("KILL")
    place.own()
    running = place.start("supervise", "x", stderr=subprocess.PIPE)
    first = up(x)
    x.chmod(0o311)
    os.kill(first, signal.SIGKILL)
    up(x, but=first)
    assert running.process.poll() is None


def test_what_was_read_last_holds(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    before = Settings()
    keeper = AttendedKeeper.__new__(AttendedKeeper)
    keeper.directory = "x"
    keeper.supervisor = Attended(Supervisor(0, True), before, 0, 0, False)

    def fail(path: str) -> list[str]:
        raise OSError(24, "no descriptor left")

    monkeypatch.setattr(os, "listdir", fail)
    assert keeper._settings(before) is before
    assert capfd.readouterr().err == "supervise: warning: unable to read x: process cannot open more files\n"


@pytest.mark.parametrize("number", ["999999999", "70000"])
def test_descriptor_that_nobody_can_have(place: Place, number: str) -> None:
    x = service(place, "x")
    (x / "notification-fd").write_text(number)
    place.own()
    running = place.start("supervise", "x", stderr=subprocess.PIPE)
    assert running.process.stderr is not None
    told = running.process.stderr.readline().decode()
    refused = f"unable to use descriptor {number} of x/notification-fd: file descriptor not open"
    assert told == f"supervise: fatal: {refused}\n"
    eventually(lambda: pid_of(x))
