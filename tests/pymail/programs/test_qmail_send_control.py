"""How qmail-send starts, what signals do, and the schedule that it leaves to the next one"""

import fcntl
import os
import shutil
import signal
import time

import pytest

from pymail.engines.rewrite import LOCAL, REMOTE
from tests.support.sending import IDLE, Sending


def test_term(sending: Sending) -> None:
    """Deliveries under way are waited for; what waits is stamped; a message in its pass is not."""
    sending.control("concurrencylocal", b"2\n")
    due = int(time.time()) + 5000
    waiting = sending.preprocessed(b"s@t", {"local": b"Tw@mail.test\0"})
    os.utime(sending.file("local", waiting), (due, due))
    number = sending.put(b"s@t", [b"a@mail.test"])
    sending.start()
    sending.request(LOCAL)
    long = sending.put(b"s@t", [b"b@mail.test", b"c@mail.test"])
    sending.pull()
    sending.request(LOCAL)
    os.utime(sending.file("local", waiting))
    sending.running.signal(signal.SIGTERM)
    sending.quiet()
    assert b"status: exiting" not in sending.log
    later = sending.put(b"s@t", [b"d@mail.test"])
    assert sending.log[-1] == b"status: local 2/2 remote 0/20"
    sending.report(LOCAL, 0, b"Zlater\n")
    sending.logged(b"status: local 1/2 remote 0/20 exitasap")
    before = sending.file("local", long).stat().st_mtime
    sending.report(LOCAL, 1, b"Zlater\n")
    assert sending.ended() == 0
    assert sending.log[-2:] == [b"status: local 0/2 remote 0/20 exitasap", b"status: exiting"]
    assert sending.file("local", waiting).stat().st_mtime == due
    birth = int(sending.file("info", number).stat().st_mtime)
    assert birth + 90 <= sending.file("local", number).stat().st_mtime <= birth + 121
    assert sending.file("local", long).stat().st_mtime == before
    assert sending.kinds(later) == {"mess", "intd", "todo"}


def test_the_schedule_survives(sending: Sending) -> None:
    """The time stamp of a channel file is the time of the next attempt."""
    now = int(time.time())
    future = sending.preprocessed(b"s@t", {"local": b"Tlater@mail.test\0", "remote": b"Tnow@remote.test\0"})
    os.utime(sending.file("local", future), (now + 5000, now + 5000))
    sending.start()
    assert sending.request(REMOTE).recipient == b"now@remote.test"
    sending.quiet()
    assert sending.requests[LOCAL] == []
    sending.running.signal(signal.SIGALRM)
    assert sending.request(LOCAL).recipient == b"later@mail.test"


def test_a_schedule_of_a_clock_that_was_ahead(sending: Sending) -> None:
    """Nobody waits for a year because the clock was set back by one."""
    ahead = int(time.time()) + 365 * 86400
    number = sending.preprocessed(b"s@t", {"local": b"Tx@mail.test\0"}, born=ahead)
    os.utime(sending.file("local", number), (ahead, ahead))
    sending.start()
    sending.report(LOCAL, sending.request(LOCAL).delnum, b"Znot now\n")
    sending.logged(b"delivery 1: deferral: not_now/")
    sending.running.signal(signal.SIGTERM)
    assert sending.ended() == 0
    assert sending.file("local", number).stat().st_mtime < time.time() + 101


def test_alarm_leaves_deliveries_alone(sending: Sending) -> None:
    sending.put(b"s@t", [b"a@mail.test"])
    sending.start()
    sending.request(LOCAL)
    sending.running.signal(signal.SIGALRM)
    sending.quiet()
    assert sending.requests[LOCAL] == []


def test_hup(sending: Sending) -> None:
    sending.control("envnoathost", b"first.test\n")
    sending.start()
    sending.ready()
    sending.control("locals", b"new.test\n")
    sending.control("virtualdomains", b"v.test:pre\n")
    sending.control("envnoathost", b"second.test\n")
    sending.running.signal(signal.SIGHUP)
    sending.quiet()
    sending.put(b"s@t", [b"a@new.test", b"b@v.test", b"c@mail.test", b"d"])
    sending.pull()
    assert [sending.request(LOCAL).recipient for _ in "ab"] == [b"a@new.test", b"pre-b@v.test"]
    assert [sending.request(REMOTE).recipient for _ in "cd"] == [b"c@mail.test", b"d@first.test"]
    (sending.home / "control/locals").unlink()
    sending.control("me", b"another.test\n")
    sending.running.signal(signal.SIGHUP)
    sending.quiet()
    sending.put(b"s@t", [b"e@another.test", b"f@mail.test"])
    sending.pull()
    assert sending.request(LOCAL).recipient == b"f@mail.test"
    assert sending.request(REMOTE).recipient == b"e@another.test"
    assert len(sending.log) == len([line for line in sending.log if not line.startswith(b"alert")])


def test_hup_with_unreadable_files(sending: Sending) -> None:
    sending.control("virtualdomains", b"v.test:pre\n")
    sending.start()
    sending.ready()
    sending.quiet()
    (sending.home / "control/virtualdomains").unlink()
    for name in ("locals", "virtualdomains"):
        (sending.home / "control" / name).mkdir()
    sending.running.signal(signal.SIGHUP)
    sending.logged(b"alert: unable to reread control/locals")
    sending.logged(b"alert: unable to reread control/virtualdomains")
    sending.put(b"s@t", [b"a@v.test", b"b@mail.test"])
    sending.pull()
    assert [sending.request(LOCAL).recipient for _ in "ab"] == [b"pre-a@v.test", b"b@mail.test"]


def test_hup_without_a_home(sending: Sending) -> None:
    sending.start()
    sending.ready()
    sending.quiet()
    elsewhere = sending.home.with_name("elsewhere")
    sending.home.rename(elsewhere)
    sending.running.signal(signal.SIGHUP)
    sending.logged(b"alert: unable to reread controls: unable to switch to home directory")
    elsewhere.rename(sending.home)


def test_second_qmail_send(sending: Sending) -> None:
    with sending.mutex().open("r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        sending.start()
        assert sending.ended() == 111
    assert sending.log == [b"alert: cannot start: qmail-send is already running"]


def test_no_descriptors(sending: Sending) -> None:
    program = sending.home / "bin/qmail-send"
    sending.start(command=("/bin/sh", "-c", f"ulimit -n 9; exec {program}"))
    assert sending.ended() == 111
    assert sending.log == [b"alert: cannot start: unable to create pipe"]


def test_posix_locks_do_not_count(sending: Sending) -> None:
    with sending.mutex().open("r+b") as held:
        fcntl.lockf(held, fcntl.LOCK_EX)
        sending.start()
        sending.logged(IDLE)


@pytest.mark.parametrize(
    ("missing", "complaint"),
    [
        ("control/me", b"unable to read controls"),
        ("queue", b"unable to switch to queue directory"),
        ("queue/lock/sendmutex", b"unable to open mutex"),
    ],
)
def test_cannot_start(sending: Sending, missing: str, complaint: bytes) -> None:
    path = sending.home / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    sending.start()
    assert sending.ended() == 111
    assert sending.log == [b"alert: cannot start: " + complaint]


def test_locals_without_me(sending: Sending) -> None:
    (sending.home / "control/me").unlink()
    sending.control("locals", b"mail.test\n")
    sending.start()
    sending.put(b"s@t", [b"a"])
    sending.pull()
    assert sending.request(REMOTE).recipient == b"a@envnoathost"
