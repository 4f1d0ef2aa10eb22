"""Finding accounts: what is asked, of how many processes, and how long an answer is believed"""

import os
from pathlib import Path

import pytest

from pymail.delivery import accounts
from pymail.delivery.accounts import BELIEVED, PATIENCE, Accounts, Program
from pymail.formats import spawnreport
from pymail.formats.assign import Assignment
from pymail.unix.home import Home
from pysvc.formats import cdb
from pysvc.unix import launchers
from pysvc.workers.pool import Work

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pymail.delivery.accounts import Found

JOE = b"\0joe\x005\x006\0/h/joe\0-\0x\0"  # exit code 0, and what qmail-getpw prints


class Pool:
    """Takes questions; the test answers them."""

    def __init__(self) -> None:
        self.asked: dict[bytes, Callable[[bytes | None], None]] = {}
        self.full = False

    def give(self, work: Work, fds: "Sequence[int]", done: "Callable[[bytes | None], None]") -> None:
        if self.full:
            raise BlockingIOError
        assert not fds
        assert work.request not in self.asked
        self.asked[work.request] = done

    def answer(self, local: bytes, said: bytes | None) -> None:
        self.asked.pop(local)(said)


class World:
    """A home whose qmail-getpw is ours, and a clock."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("bin", "users"):
            (path / name).mkdir()
        self.path, self.now, self.pool = path, 1000.0, Pool()
        monkeypatch.setattr(accounts.time, "monotonic", lambda: self.now)
        header = launchers.header("/usr/bin/python3", ["/lib"])
        monkeypatch.setattr(launchers, "_own", header)
        self.getpw = path / "bin/qmail-getpw"
        self.getpw.write_bytes(header + launchers.last_line("pymail", "qmail-getpw"))
        self.getpw.chmod(0o755)
        self.accounts = Accounts(Home(str(path)), self.pool)  # type: ignore[arg-type]

    def find(self, local: bytes) -> "list[Found]":
        """Where the answer will be."""
        found: list[Found] = []
        self.accounts.find(local, found.append)
        return found

    def pass_time(self, seconds: float) -> "float | None":
        self.now += seconds
        return self.accounts.tick(self.now)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def home_of(found: "list[Found]") -> bytes:
    (account,) = found
    assert isinstance(account, Assignment)
    return account.home


def test_an_answer_is_believed_for_a_while(world: World) -> None:
    first = world.find(b"joe-x")
    assert first == []
    world.pool.answer(b"joe-x", JOE)
    assert home_of(first) == b"/h/joe"
    world.now += 0.9 * BELIEVED
    assert world.find(b"joe-x") == first
    assert world.find(b"joe-y") == []  # another question
    world.pool.answer(b"joe-y", JOE)
    world.now += 0.2 * BELIEVED
    assert world.find(b"joe-x") == []
    assert list(world.pool.asked) == [b"joe-x"]


def test_one_question_for_all_who_want_to_know(world: World) -> None:
    both = [world.find(b"joe"), world.find(b"joe")]
    world.pool.answer(b"joe", JOE)
    assert [home_of(found) for found in both] == [b"/h/joe"] * 2


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (None, spawnreport.SYSTEM),
        (bytes([spawnreport.NFS]), spawnreport.NFS),
        (bytes([spawnreport.NO_ALIAS]) + JOE, spawnreport.NO_ALIAS),
        (b"\0", spawnreport.USAGE),
        (JOE[:-3], spawnreport.USAGE),
        (b"\0u\x004294967295\x007\0/h\0\0\0", spawnreport.USAGE),
        (b"\0" + b"x" * 60000, spawnreport.USAGE),
    ],
)
def test_answers_that_name_nobody(world: World, said: bytes | None, code: int) -> None:
    found = world.find(b"joe")
    world.pool.answer(b"joe", said)
    assert found == [code]
    assert world.find(b"joe") == []  # asked again


def test_one_process_is_asked_as_long_as_it_answers(world: World) -> None:
    found = [world.find(b"user%d" % number) for number in range(3)]
    for number in range(3):
        assert list(world.pool.asked) == [b"user%d" % number]
        world.pool.answer(b"user%d" % number, JOE)
        assert home_of(found[number]) == b"/h/joe"
    assert world.pass_time(0) is None


def test_who_takes_long_delays_the_others_for_a_moment(world: World) -> None:
    slow, quick, third = world.find(b"slow"), world.find(b"quick"), world.find(b"third")
    due = world.accounts.tick(world.now)
    assert due == world.now + PATIENCE
    assert list(world.pool.asked) == [b"slow"]
    world.pass_time(PATIENCE)
    assert list(world.pool.asked) == [b"slow", b"quick"]
    world.pool.answer(b"quick", JOE)
    assert list(world.pool.asked) == [b"slow", b"third"]
    world.pool.answer(b"third", JOE)
    assert home_of(quick) == home_of(third) == b"/h/joe"
    assert slow == []
    assert world.pass_time(PATIENCE) is None
    world.pool.answer(b"slow", bytes([spawnreport.NFS]))
    assert slow == [spawnreport.NFS]


def test_nobody_can_be_asked(world: World) -> None:
    world.pool.full = True
    assert world.find(b"joe") == [None]


def test_another_getpw(world: World) -> None:
    world.getpw.write_text("#!/bin/sh\n")
    assert world.find(b"joe") == [None]
    world.getpw.unlink()
    assert world.find(b"joe") == [None]


def test_database_first(world: World) -> None:
    database = world.path / "users/cdb"
    records = [(b"!joe\0", b"v\x007\x008\0/mail/joe\0\0"), (b"", b"")]
    for expected in (b"/mail/joe", b"/elsewhere"):
        records[0] = (b"!joe\0", b"v\x007\x008\0%s\0\0" % expected)
        (new := world.path / "new").write_bytes(cdb.build(records))
        new.rename(database)
        assert [home_of(world.find(b"joe")) for _ in range(3)] == [expected] * 3
    assert world.find(b"jim") == []
    database.write_bytes(b"short")
    assert world.find(b"joe") == [spawnreport.DATABASE]
    database.write_bytes(cdb.build([(b"!joe\0", b"v\x007"), (b"", b"")]))
    assert world.find(b"joe") == [spawnreport.USAGE]
    assert world.pool.asked.keys() == {b"jim"}
    database.unlink()
    assert world.find(b"joe") == []


def test_database_that_is_cut_while_it_is_open(world: World) -> None:
    """Nobody dies of it: it is not mapped."""
    database = world.path / "users/cdb"
    database.write_bytes(cdb.build([(b"!joe\0", b"v\x007\x008\0/mail/joe\0\0"), (b"", b"")]))
    world.find(b"joe")
    state = os.stat(database)
    database.write_bytes(b"x" * 2048)
    os.truncate(database, state.st_size)
    os.utime(database, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert world.find(b"other") == [spawnreport.DATABASE]


def test_program(world: World) -> None:
    program = Program(Home(str(world.path)), "qmail-getpw")
    found = program.own()
    assert found is not None
    assert found.name == "qmail-getpw"
    assert program.own() is found
    world.getpw.chmod(0o644)
    assert program.own() is None
    world.getpw.chmod(0o755)
    assert program.own() is not None
    world.getpw.write_bytes(world.getpw.read_bytes().replace(b"qmail-getpw", b"qmail-inject"))
    assert program.own() is None
