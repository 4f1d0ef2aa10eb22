"""supervise: what it needs to begin, and the files that it makes"""

import os
import stat
import subprocess
import time

import pytest

from tests.support.processes import alive
from tests.support.services import REFUSED, service, state, supervising, svc, up
from tests.support.world import Place, eventually, first_line

LOCK = f"{REFUSED} acquire x/supervise/lock"


@pytest.mark.parametrize("arguments", [(), ("a", "b")])
def test_usage(place: Place, arguments: tuple[str, ...]) -> None:
    done = place.run("supervise", *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (100, b"", b"supervise: usage: supervise dir\n")


# What makes it impossible to begin


@pytest.mark.parametrize("name", ["nowhere", ""])
def test_no_directory(place: Place, name: str) -> None:
    done = place.run("supervise", name)
    assert done.returncode == 111
    assert done.stderr.decode() == f"{REFUSED} chdir to {name}: file does not exist\n"


def test_down_cannot_be_told(place: Place) -> None:
    x = service(place, "x")
    (x / "down").symlink_to("down")
    done = place.run("supervise", "x")
    assert (done.returncode, done.stderr.decode()) == (111, f"{REFUSED} stat x/down: symbolic link loop\n")


def test_supervise_is_a_file(place: Place) -> None:
    (service(place, "x") / "supervise").touch()
    done = place.run("supervise", "x")
    assert (done.returncode, done.stderr.decode()) == (111, f"{LOCK}: not a directory\n")


def test_second_supervise(place: Place) -> None:
    x = service(place, "x")
    supervising(place)
    pid = up(x)
    done = place.run("supervise", "x")
    assert (done.returncode, done.stderr.decode()) == (111, f"{LOCK}: temporary failure\n")
    assert state(x).pid == pid
    assert alive(pid)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("lock", "acquire x/supervise/lock"),
        ("control", "read x/supervise/control"),
        ("ok", "read x/supervise/ok"),
    ],
)
def test_links_are_not_followed(place: Place, name: str, complaint: str) -> None:
    """Whoever owns the supervise directory cannot have supervise open somebody else's file."""
    x = service(place, "x")
    (x / "supervise").mkdir()
    (x / "supervise" / name).symlink_to(place.path / "victim")
    place.own()
    os.mkfifo(place.path / "victim") if name != "lock" else None
    done = place.run("supervise", "x")
    assert (done.returncode, done.stderr.decode()) == (111, f"{REFUSED} {complaint}: symbolic link loop\n")
    assert (place.path / "victim").exists() == (name != "lock")


@pytest.mark.parametrize("name", ["control", "ok"])
def test_not_a_fifo(place: Place, name: str) -> None:
    x = service(place, "x")
    (x / "supervise").mkdir()
    (x / "supervise" / name).write_text("u")
    place.own()
    done = place.run("supervise", "x")
    assert done.returncode == 111
    assert done.stderr.decode() == f"{REFUSED} read x/supervise/{name}: not a fifo\n"


@pytest.mark.parametrize("kind", ["symlink", "hard link"])
def test_status_new_leads_nowhere(place: Place, kind: str) -> None:
    x = service(place, "x", down=True)
    victim = place.path / "victim"
    victim.write_text("precious")
    (x / "supervise").mkdir()
    if kind == "symlink":
        (x / "supervise/status.new").symlink_to(victim)
    else:
        (x / "supervise/status.new").hardlink_to(victim)
    place.own()
    supervising(place)
    eventually((x / "supervise/ok").exists)
    assert victim.read_text() == "precious"
    assert state(x).pid == 0


def test_status_cannot_be_written(place: Place) -> None:
    x = service(place, "x", down=True)
    (x / "supervise/status.new/sub").mkdir(parents=True)
    place.own()
    running = supervising(place, stderr=subprocess.PIPE)
    warning = "supervise: warning: unable to open x/supervise/status.new"
    assert first_line(running) == f"{warning}: is a directory\n"
    eventually(lambda: place.run("svok", "x").returncode == 0)
    assert not (x / "supervise/status").exists()
    (x / "supervise/status.new/sub").rmdir()
    (x / "supervise/status.new").rmdir()
    place.run("svc", "-h", "x")  # not to wait for the five seconds
    eventually((x / "supervise/status").exists)
    assert state(x).pid == 0


# What it makes


def test_files(place: Place) -> None:
    x = service(place, "x")
    supervising(place, umask=0o022)
    pid = up(x)
    eventually((x / "supervise/ok").exists)
    kinds = {}
    for name in (".", "lock", "control", "status", "ok"):
        found = (x / "supervise" / name).stat()
        kinds[name] = (stat.S_IFMT(found.st_mode), stat.S_IMODE(found.st_mode), found.st_size)
    assert kinds.pop(".")[:2] == (stat.S_IFDIR, 0o700)
    assert kinds == {
        "lock": (stat.S_IFREG, 0o600, 0),
        "control": (stat.S_IFIFO, 0o600, 0),
        "ok": (stat.S_IFIFO, 0o600, 0),
        "status": (stat.S_IFREG, 0o644, 18),
    }
    data = (x / "supervise/status").read_bytes()
    assert int.from_bytes(data[12:16], "little") == pid
    assert abs(int.from_bytes(data[:8], "big") - (1 << 62) - 10 - time.time()) < 60
    assert data[16:] == b"\0u"
    assert not (x / "supervise/status.new").exists()


def test_status_is_replaced(place: Place) -> None:
    x = service(place, "x", down=True)
    supervising(place)
    eventually((x / "supervise/ok").exists)
    with (x / "supervise/status").open("rb") as old:
        svc(place, "d")
        eventually(lambda: (x / "supervise/status").stat().st_ino != os.fstat(old.fileno()).st_ino)
        assert len(old.read()) == 18


def test_supervise_elsewhere(place: Place) -> None:
    """A dangling link: the directory is made where it points."""
    x = service(place, "x")
    (x / "supervise").symlink_to("../state")
    place.own()
    supervising(place)
    up(x)
    assert stat.S_IMODE((place.path / "state").stat().st_mode) == 0o700


def test_readable_before_ok(place: Place) -> None:
    x = service(place, "x", down=True)
    supervising(place)
    eventually(lambda: place.run("svok", "x").returncode == 0)
    assert state(x).pid == 0
