"""The file of timeouts, shared under a lock"""

import fcntl
import os
import threading
from pathlib import Path

from pymail.formats import tcpto as records
from pymail.unix.home import Home
from pymail.unix.tcpto import Timeouts, clear, path
from tests.support.world import eventually

HOST = bytes((192, 0, 2, 1))
NOW = 1_800_000_000


def counts(home: Home) -> list[int]:
    return [entry.count for entry in records.recent(Path(path(home)).read_bytes())]


def test_two_timeouts_make_a_suspect(home: Home) -> None:
    timeouts = Timeouts(home, 0)
    for moment in (NOW, NOW + 200):
        assert not timeouts.shunned(HOST, moment)
        timeouts.tell(HOST, True, moment)
    assert counts(home) == [2]
    assert timeouts.shunned(HOST, NOW + 300)


def test_an_answer_counts_only_where_a_record_was_seen(home: Home) -> None:
    Timeouts(home, 0).tell(HOST, True, NOW)
    unaware = Timeouts(home, 0)
    unaware.tell(HOST, False, NOW)
    assert counts(home) == [1]
    unaware.shunned(HOST, NOW)
    unaware.tell(HOST, False, NOW)
    assert counts(home) == []


def test_clear(home: Home) -> None:
    Timeouts(home, 0).tell(HOST, True, NOW)
    clear(home)
    assert Path(path(home)).read_bytes() == bytes(1024)


def test_without_a_file_nothing_is_known(home: Home) -> None:
    os.unlink(path(home))
    timeouts = Timeouts(home, 0)
    clear(home)
    timeouts.tell(HOST, True, NOW)
    assert not timeouts.shunned(HOST, NOW)
    assert not os.path.exists(path(home))


def test_nobody_writes_while_the_lock_is_held(home: Home) -> None:
    with open(path(home), "r+b") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        teller = threading.Thread(target=Timeouts(home, 0).tell, args=(HOST, True, NOW))
        teller.start()
        waiting = b"-> FLOCK  ADVISORY  WRITE %d " % os.getpid()
        eventually(lambda: waiting in Path("/proc/locks").read_bytes(), what="a wait for the lock")
        assert counts(home) == []
    teller.join(20)
    assert counts(home) == [1]
