"""maildir2mbox as a process"""

import fcntl
import os
import subprocess
from pathlib import Path

import pytest

from tests.support.world import Place, eventually

NOON = 981173106  # Sat Feb 03 04:05:06 2001


@pytest.fixture
def maildir(place: Place) -> Path:
    assert place.run("maildirmake", "M").returncode == 0
    return place.path / "M"


def put(place: Place, path: Path, content: bytes, mtime: int = NOON) -> None:
    path.write_bytes(content)
    os.utime(path, (mtime, mtime))
    place.own()


def env_of(place: Place) -> dict[str, str]:
    return {"MAILDIR": str(place.path / "M"), "MAIL": str(place.path / "mbox"), "MAILTMP": "../mbox.tmp"}


def run(place: Place, **changed: str) -> tuple[int, bytes]:
    done = place.run("maildir2mbox", env={**env_of(place), **changed})
    assert done.stdout == b""
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("message", "mbox"),
    [
        (b"Return-Path: <a b@c>\nX: y\n\nhi\n", b"From a-b@c D\nReturn-Path: <a b@c>\nX: y\n\nhi\n\n"),
        (b"Return-Path: <>\n\n", b"From MAILER-DAEMON D\nReturn-Path: <>\n\n\n"),
        (b"X: y\nReturn-Path: <a@b>\n\n", b"From XXX D\nX: y\nReturn-Path: <a@b>\n\n\n"),
        (b"\nFrom x\n>From y\n>>from z\n", b"From XXX D\n\n>From x\n>>From y\n>>from z\n\n"),
        (b"From x\n", b"From XXX D\n>From x\n\n"),
        (b"X: y\n\nlast", b"From XXX D\nX: y\n\nlast\n\n"),  # which the original loses
        (b"Return-Path: <a@b>", b"From a@b D\nReturn-Path: <a@b>\n\n"),
        (b"", b"From XXX D\n\n"),
        (b"x" * 70_000 + b"\nFrom y", b"From XXX D\n" + b"x" * 70_000 + b"\n>From y\n\n"),
    ],
)
def test_messages(place: Place, maildir: Path, message: bytes, mbox: bytes) -> None:
    put(place, maildir / "new" / "1", message)
    assert run(place) == (0, b"")
    assert (place.path / "mbox").read_bytes() == mbox.replace(b" D\n", b" Sat Feb 03 04:05:06 2001\n")
    assert (place.path / "mbox").stat().st_mode & 0o777 == 0o600
    assert list((maildir / "new").iterdir()) == []
    assert not (place.path / "mbox.tmp").exists()


def test_order_and_what_was_there(place: Place, maildir: Path) -> None:
    put(place, place.path / "mbox", b"From old\n\n")
    for name, mtime in (("new/a", NOON + 2), ("cur/b:2,S", NOON + 1), ("new/c", NOON + 3)):
        put(place, maildir / name, name.encode() + b"\n", mtime)
    put(place, maildir / "new" / ".hidden", b"no\n")
    put(place, maildir / "new" / "future", b"no\n", 4_000_000_000)
    assert run(place) == (0, b"")
    lines = (place.path / "mbox").read_bytes().split(b"\n")
    bodies = [line for line in lines if line and not line.startswith(b"From ")]
    assert bodies == [b"cur/b:2,S", b"new/a", b"new/c"]
    assert lines[0] == b"From old"
    assert sorted(path.name for path in (maildir / "new").iterdir()) == [".hidden", "future"]


def test_nothing_there_nothing_opened(place: Place, maildir: Path) -> None:
    assert run(place, MAIL="/nonexistent/mbox") == (0, b"")
    assert not (place.path / "mbox").exists()


def test_tmp_is_cleaned(place: Place, maildir: Path) -> None:
    put(place, maildir / "tmp" / "old", b"")
    (maildir / "tmp" / "new").touch()
    assert run(place) == (0, b"")
    assert [path.name for path in (maildir / "tmp").iterdir()] == ["new"]


def test_variables(place: Place) -> None:
    env: dict[str, str] = {}
    for name in ("MAIL", "MAILTMP", "MAILDIR"):
        done = place.run("maildir2mbox", env=env)
        assert (done.returncode, done.stderr) == (111, f"maildir2mbox: fatal: {name} not set\n".encode())
        env[name] = "/nonexistent"
    done = place.run("maildir2mbox", env=env)
    text = b"maildir2mbox: fatal: unable to chdir to /nonexistent: file does not exist\n"
    assert (done.returncode, done.stderr) == (111, text)


def test_no_maildir(place: Place) -> None:
    text = b"maildir2mbox: fatal: unable to scan $MAILDIR/new: file does not exist\n"
    assert run(place, MAILDIR="/") == (111, text)


@pytest.mark.parametrize("trouble", [{"MAILTMP": "../M"}, {"MAIL": "../M/cur"}, {"MAILTMP": "/dev/full"}])
def test_trouble_removes_nothing(place: Place, maildir: Path, trouble: dict[str, str]) -> None:
    put(place, maildir / "new" / "1", b"x\n")
    code, said = run(place, **trouble)
    assert code == 111
    assert said.startswith(b"maildir2mbox: fatal: unable to ")
    assert (maildir / "new" / "1").exists()


def test_what_cannot_be_removed(place: Place, maildir: Path) -> None:
    put(place, maildir / "new" / "1", b"x\n")
    (maildir / "new").chmod(0o500)
    text = b"maildir2mbox: warning: $MAILDIR/new/1 will be delivered twice; unable to unlink: access denied\n"
    assert run(place) == (0, text)
    assert (place.path / "mbox").read_bytes().endswith(b"\nx\n\n")


def test_the_lock(place: Place, maildir: Path) -> None:
    """Waits for who has the mbox, and takes the file that is called so afterwards."""
    put(place, maildir / "new" / "1", b"x\n")
    mbox = place.path / "mbox"
    put(place, mbox, b"old\n")
    with mbox.open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        running = place.start("maildir2mbox", env=env_of(place), stderr=subprocess.PIPE)
        inode = f":{os.fstat(held.fileno()).st_ino} "
        eventually(lambda: any("->" in line and inode in line for line in locks()), what="waiting")
        put(place, place.path / "other", b"other\n")
        os.rename(place.path / "other", mbox)
    assert running.wait() == 0
    assert mbox.read_bytes().startswith(b"other\nFrom XXX ")


def test_a_delivery_that_waits_meanwhile(place: Place, maildir: Path) -> None:
    """It goes into the mbox that is called so afterwards, not into the one that was replaced."""
    mbox, message = place.path / "mbox", place.path / "message"
    put(place, mbox, b"old\n")
    put(place, message, b"Subject: delivered\n\n")
    words = ("joe", str(place.path), "joe", "", "", "here.test", "s@t.test", "./mbox")
    place.path.chmod(0o700)
    with mbox.open("ab") as held, message.open("rb") as stdin:
        fcntl.flock(held, fcntl.LOCK_EX)
        running = place.start("qmail-local", "--", *words, stdin=stdin, stdout=subprocess.DEVNULL)
        inode = f":{os.fstat(held.fileno()).st_ino} "
        eventually(lambda: any("->" in line and inode in line for line in locks()), what="waiting")
        put(place, place.path / "other", b"other\n")
        os.rename(place.path / "other", mbox)
    assert running.wait() == 0
    assert mbox.read_bytes().startswith(b"other\n\nFrom s@t.test ")
    assert b"Subject: delivered" in mbox.read_bytes()


def locks() -> list[str]:
    return Path("/proc/locks").read_text().splitlines()
