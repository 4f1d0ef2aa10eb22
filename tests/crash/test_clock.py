"""A clock that is set: nothing that waits does so for ever, nothing new counts as old"""

import os
import shutil
import signal
import subprocess
from pathlib import Path

from tests.crash.instance import Instance, envelope, text
from tests.support.clock import Clock
from tests.support.world import Place, eventually

YEAR, SIX_DAYS = 365 * 86400, 6 * 86400
SHIFTS = (0, YEAR, YEAR, 0, -YEAR)  # of the clock, one after the other


def governed(place: Place, clock: Clock, name: str) -> Path:
    """The launcher of a program under a clock of its own."""
    launcher = place.path / name
    shutil.copy(place.world.bin / name, launcher)
    clock.govern(launcher)
    return launcher


def test_logs_keep_their_order(place: Place) -> None:
    """The files that go are those that were finished first, whatever the clock said."""
    clock = Clock(place.path / "clock")
    reader, writer = os.pipe()
    multilog = place.start(governed(place, clock, "multilog"), "n3", "./log", stdin=reader)
    folder = place.path / "log"
    eventually((folder / "current").exists, what="multilog")
    current = folder / "current"
    for line, ahead in zip((b"one\n", b"two\n", b"three\n", b"four\n", b"five\n"), SHIFTS, strict=True):
        clock.set(ahead)
        os.write(writer, line)
        eventually(lambda line=line: current.read_bytes() == line, what="the line")
        multilog.signal(signal.SIGALRM)
        eventually(lambda: current.exists() and not current.read_bytes(), what="the rotation")
        eventually(lambda: not (folder / "previous").exists(), what="its end")
    os.close(writer)
    assert multilog.wait() == 0
    os.close(reader)
    assert [path.read_bytes() for path in sorted(folder.glob("@*"))] == [b"four\n", b"five\n"]


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_services_are_restarted_and_their_age_is_never_negative(place: Place) -> None:
    clock = Clock(place.path / "clock")
    service = place.path / "service"
    service.mkdir()
    (service / "run").write_text("#!/bin/sh\necho started >>starts\nread line <wait\n")
    (service / "run").chmod(0o755)
    os.mkfifo(service / "wait")
    place.own()
    place.start(governed(place, clock, "supervise"), "service")
    starts = service / "starts"
    for count, ahead in enumerate((0, YEAR, -YEAR), 1):
        clock.set(ahead)
        eventually(lambda count=count: _lines(starts) == count, what="a start")
        (service / "wait").write_text("end\n")
    clock.set(-3 * YEAR)
    said = place.run(governed(place, clock, "svstat"), "service").stdout
    assert b" 0 seconds" in said, said


def test_what_a_clock_ahead_takes_for_a_stray_is_refused(place: Place) -> None:
    """A message that is still being read when the cleanup removes its file is not accepted without it."""
    here = Instance(place)
    clock = Clock(place.path / "clock")
    for launcher in (here.home / "bin").iterdir():
        clock.govern(launcher)
    (place.path / "envelope").write_bytes(envelope("t1x", "in"))
    place.own()
    with (place.path / "envelope").open() as rest:
        queue = place.start(here.program("qmail-queue"), stdin=subprocess.PIPE, stdout=rest)
    eventually(lambda: here.files("mess"), what="the message's file")
    clock.set(3 * 86400)
    here.start_up()
    eventually(lambda: not here.files("mess"), what="its removal")
    queue.process.communicate(text("t1x"))
    assert queue.wait() == 53
    assert here.files("mess", "intd", "todo", "pid") == []
    assert here.end() == 0


def test_mail_that_waits_when_the_clock_is_set_back(place: Place) -> None:
    """It was six days ahead. The next attempt is 14500 seconds away, by the age that the message seems to
    have, and not six days more."""
    here = Instance(place)
    clock = Clock(place.path / "clock")
    for launcher in (here.home / "bin").iterdir():
        clock.govern(launcher)
    (here.alias / ".qmail-later-default").write_text('|[ -e "$HOME/go" ] || exit 111\n./Maildir/\n')
    place.own()
    clock.set(SIX_DAYS)
    here.start_up()
    assert here.put("t1x", "later") == 0
    eventually(lambda: b": deferral: " in here.log.read_bytes(), what="the first attempt")
    eventually(lambda: here.files("info") and not here.files("todo"), what="its schedule")
    assert here.put("t0x", "in") == 0  # when it has been delivered the first one's schedule stands
    eventually(lambda: here.arrived()["in"]["t0x"], what="a message after it")
    (here.alias / "go").write_text("")
    for number, ahead in enumerate((0, 14400, 14600), 2):
        clock.set(ahead)
        assert here.put(f"t{number}x", "in") == 0  # wakes qmail-send
        eventually(lambda number=number: here.arrived()["in"][f"t{number}x"], what="what comes now")
        if ahead < 14500:
            assert not here.arrived()["in"]["t1x"]
    eventually(lambda: here.arrived()["in"]["t1x"], what="the message that waited")
    assert here.end() == 0
