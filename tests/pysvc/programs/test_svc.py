"""svc as a process"""

import os
import threading
from pathlib import Path

import pytest

from tests.support.world import Place, eventually

OPTIONS = (
    b"svc options: u up, d down, o once, x exit, p pause, c continue, "
    b"h hup, a alarm, i interrupt, t term, k kill\n"
)


def fifo(place: Place, name: str) -> int:
    """A directory whose control fifo this test reads."""
    path = place.path / name / "supervise"
    path.mkdir(parents=True)
    os.mkfifo(path / "control")
    place.own()
    return os.open(path / "control", os.O_RDONLY | os.O_NONBLOCK)


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        (["-u", "x"], b"u"), (["-dx", "x"], b"dx"), (["-d", "-x", "x"], b"dx"), (["-udu", "-d", "x"], b"ud"),
        (["-udopchaitkx", "x"], b"udopchaitkx"), (["-d", "--", "x"], b"d"), (["x", "-d"], b""), (["x"], b""),
    ],
)  # fmt: skip
def test_letters(place: Place, arguments: list[str], sent: bytes) -> None:
    reader = fifo(place, "x")
    done = place.run("svc", *arguments)
    assert done.returncode == 0
    assert done.stderr == (b"svc: warning: unable to chdir to -d: file does not exist\n"
                           if arguments == ["x", "-d"] else b"")  # fmt: skip
    assert os.read(reader, 99) == sent
    os.close(reader)


def test_nothing_to_do(place: Place) -> None:
    done = place.run("svc", "-u")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize(("word", "letter"), [("-z", "z"), ("-uq", "q"), ("-:", ":")])
def test_bad_option(place: Place, word: str, letter: str) -> None:
    done = place.run("svc", word, "x")
    assert (done.returncode, done.stderr) == (100, f"svc: illegal option -- {letter}\n".encode() + OPTIONS)


def test_complaint_names_the_link(place: Place) -> None:
    (place.path / "control").symlink_to(place.world.bin / "svc")
    done = place.run(place.path / "control", "-z")
    assert done.stderr.startswith(b"control: illegal option -- z\nsvc options: ")


def test_every_directory_gets_a_chance(place: Place) -> None:
    """Relative paths are all resolved from the first directory; failures are warnings."""
    first, last = fifo(place, "a"), fifo(place, "d")
    (place.path / "b").mkdir()
    stale = fifo(place, "c")
    os.close(stale)
    done = place.run("svc", "-t", "a", "nowhere", "b", "c", "d")
    assert done.returncode == 0
    assert done.stderr.decode().splitlines() == [
        "svc: warning: unable to chdir to nowhere: file does not exist",
        "svc: warning: unable to control b: file does not exist",
        "svc: warning: unable to control c: supervise not running",
    ]
    assert [os.read(fd, 9) for fd in (first, last)] == [b"t", b"t"]
    os.close(first)
    os.close(last)


@pytest.mark.parametrize("kind", ["file", "link to a file", "link to a fifo"])
def test_only_the_fifo_itself(place: Place, kind: str) -> None:
    """Whoever owns a supervise directory must not have root write letters into other files."""
    control = place.path / "x/supervise/control"
    control.parent.mkdir(parents=True)
    victim = place.path / "victim"
    if kind == "link to a fifo":
        os.mkfifo(victim)
        reader = os.open(victim, os.O_RDONLY | os.O_NONBLOCK)
    else:
        (control if kind == "file" else victim).write_text("root")
    if kind != "file":
        control.symlink_to(victim)
    place.own()
    done = place.run("svc", "-d", "x")
    words = "not a fifo" if kind == "file" else "symbolic link loop"
    assert (done.returncode, done.stderr.decode()) == (0, f"svc: warning: unable to control x: {words}\n")
    if kind == "link to a fifo":
        assert os.read(reader, 9) == b""
        os.close(reader)
    else:
        assert (control if kind == "file" else victim).read_text() == "root"


def test_waits_for_room(place: Place) -> None:
    """The open does not wait, the write does."""
    reader = fifo(place, "x")
    writer = os.open(place.path / "x/supervise/control", os.O_WRONLY | os.O_NONBLOCK)
    try:
        while True:
            os.write(writer, b"z" * 4096)
    except BlockingIOError:
        pass
    os.close(writer)
    results = []
    thread = threading.Thread(target=lambda: results.append(place.run("svc", "-u", "x")))
    thread.start()
    eventually(lambda: _waiting_in_write(place.path / "x"))
    seen = b""
    os.set_blocking(reader, True)
    while not seen.endswith(b"u"):
        seen = os.read(reader, 65536)
    thread.join()
    os.close(reader)
    assert (results[0].returncode, results[0].stderr) == (0, b"")


def _waiting_in_write(directory: Path) -> bool:
    """Whether a process has the control fifo of a directory open as its writer."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                links = [os.readlink(fd) for fd in (entry / "fd").iterdir()]
            except OSError:
                continue
            if str(directory / "supervise/control") in links:
                return True
    return False
