"""qmail-newu as a process"""

from pathlib import Path

import pytest

from pymail.formats import assign
from pysvc.formats import cdb
from tests.support.homes import private_home
from tests.support.world import Place

TEXT = b"=joe:joe:1:2:/home/joe:::\n+joe-:joe:1:2:/home/joe:-::\n.\n"


@pytest.fixture
def home(place: Place) -> Path:
    return Path(private_home(place).path)


def run(place: Place, home: Path) -> tuple[int, bytes]:
    done = place.run(home / "bin/qmail-newu", umask=0)
    assert done.stdout == b""
    return done.returncode, done.stderr


def test_compile(place: Place, home: Path) -> None:
    (home / "users/assign").write_bytes(TEXT)
    assert run(place, home) == (0, b"")
    database = home / "users/cdb"
    assert database.read_bytes() == cdb.build(assign.records(assign.parse(TEXT)))
    assert database.stat().st_mode & 0o777 == 0o644
    assert not (home / "users/cdb.tmp").exists()
    (home / "users/assign").write_bytes(b".\n")
    assert run(place, home) == (0, b"")
    assert database.read_bytes() == cdb.build([(b"", b"")])


def test_bad_format_changes_nothing(place: Place, home: Path) -> None:
    (home / "users/cdb").write_bytes(b"old")
    (home / "users/assign").write_bytes(TEXT[:-2])
    assert run(place, home) == (111, b"qmail-newu: fatal: bad format in users/assign\n")
    assert (home / "users/cdb").read_bytes() == b"old"


def test_no_assign(place: Place, home: Path) -> None:
    assert run(place, home) == (111, b"qmail-newu: fatal: unable to open users/assign\n")


def test_unreadable_assign(place: Place, home: Path) -> None:
    (home / "users/assign").mkdir()
    assert run(place, home) == (111, b"qmail-newu: fatal: unable to read users/assign\n")


def test_unable_to_write(place: Place, home: Path) -> None:
    (home / "users/assign").write_bytes(TEXT)
    (home / "users/cdb.tmp").symlink_to("/dev/full")
    assert run(place, home) == (111, b"qmail-newu: fatal: unable to write users/cdb.tmp\n")
    (home / "users/cdb.tmp").unlink()
    (home / "users/cdb.tmp").mkdir()
    assert run(place, home) == (111, b"qmail-newu: fatal: unable to open users/cdb.tmp\n")


def test_unable_to_move(place: Place, home: Path) -> None:
    (home / "users/assign").write_bytes(TEXT)
    (home / "users/cdb").mkdir()
    text = b"qmail-newu: fatal: unable to move users/cdb.tmp to users/cdb\n"
    assert run(place, home) == (111, text)
