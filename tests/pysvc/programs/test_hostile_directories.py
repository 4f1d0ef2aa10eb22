"""The owner of a supervise directory gains nothing by what he puts there: it is not opened, nobody waits"""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pysvc.formats import status
from pysvc.programs import svc
from pysvc.supervision.keeper import Keeper
from pysvc.unix import fifo
from pysvc.unix.strerr import Fatal
from tests.support.processes import alive
from tests.support.services import SLEEP, pid_of, service, up
from tests.support.world import Place, eventually

WORDS = "symbolic link loop"
PROMPT = 20  # seconds: who waits for a hostile file waits for ever


def directory(place: Place, **files: "bytes | str") -> Path:
    """x/supervise with files: bytes are content, "fifo", or what a link points to."""
    path = place.path / "x/supervise"
    path.mkdir(parents=True)
    for name, what in files.items():
        file = path / name.replace("_new", ".new")
        if isinstance(what, bytes):
            file.write_bytes(what)
        elif what == "fifo":
            os.mkfifo(file)
        else:
            file.symlink_to(what)
    place.own()
    return path


@pytest.fixture
def victim(place: Place) -> Iterator[Path]:
    """A file that nobody may touch."""
    path = place.path / "victim"
    path.write_text("precious")
    before = path.stat()
    yield path
    assert path.read_text() == "precious"
    assert path.stat().st_mtime_ns == before.st_mtime_ns


EMPTY = {True: "temporary failure", False: "bad format"}  # a fifo, by whether somebody could write to it
STATUS = status.pack(status.Status(10**18, 4242, False, b"u"))


# Those who look


@pytest.mark.parametrize("name", ["ok", "status"])
def test_svstat_follows_no_link(place: Place, victim: Path, name: str) -> None:
    path = directory(place, **{"ok": "fifo", name: str(victim)})
    reader = None if name == "ok" else os.open(path / "ok", os.O_RDONLY | os.O_NONBLOCK)
    done = place.run("svstat", "x", timeout=PROMPT)
    assert done.stdout.decode() == f"x: unable to open supervise/{name}: {WORDS}\n"
    if reader is not None:
        os.close(reader)


def test_svok_follows_no_link(place: Place, victim: Path) -> None:
    directory(place, ok=str(victim))
    done = place.run("svok", "x")
    assert done.returncode == 111
    assert done.stderr.decode() == f"svok: fatal: unable to open x/supervise/ok: {WORDS}\n"


@pytest.mark.parametrize("writer", [False, True])
def test_nobody_waits_for_the_writer_of_a_fifo(place: Place, writer: bool) -> None:
    path = directory(place, ok="fifo", status="fifo", state="fifo", death_tally="fifo")
    (place.path / "x/log/main").mkdir(parents=True)
    (place.path / "x/log/run").write_text("exec multilog t ./main\n")
    os.mkfifo(place.path / "x/log/main/current")
    place.own()
    fifos = [path / "ok", *([path / "status", path / "state"] if writer else [])]
    ends = [os.open(name, os.O_RDWR | os.O_NONBLOCK) for name in fifos]
    shown = place.run("svstat", "x", timeout=PROMPT).stdout
    assert shown.decode() == f"x: unable to read supervise/status: {EMPTY[writer]}\n"
    done = place.run("pysvc", "status", "--json", "x", timeout=PROMPT)
    assert [json.loads(done.stdout)[0][key] for key in ("state", "log", "deaths")] == ["unknown", [], []]
    assert place.run("svc", "-wu", "-T", "100", "x", timeout=PROMPT).returncode == 99
    for fd in ends:
        os.close(fd)


@pytest.mark.parametrize("name", ["status", "state", "death_tally", "current"])
def test_status_follows_no_link(place: Place, name: str) -> None:
    """Not even to show to root what root may read: an open alone can do harm."""
    secret = place.path / "secret"
    contents = {"status": STATUS, "state": b"doing secret\nsince @400000003b9aca0a000001f4\n"}
    secret.write_bytes(contents.get(name, b"@400000003b9aca0a000001f4 7\n"))
    files: dict[str, bytes | str] = {"ok": "fifo", "status": STATUS}
    if name != "current":
        files[name] = str(secret)
    path = directory(place, **files)
    (place.path / "x/log/main").mkdir(parents=True)
    (place.path / "x/log/run").write_text("exec multilog t ./main\n")
    if name == "current":
        (place.path / "x/log/main/current").symlink_to(secret)
    place.own()
    reader = os.open(path / "ok", os.O_RDONLY | os.O_NONBLOCK)
    shown = json.loads(place.run("pysvc", "status", "--json", "x").stdout)[0]
    os.close(reader)
    assert (shown["log"], shown["deaths"]) == ([], [])
    assert shown["state"] == ("unknown" if name == "status" else "up")


@pytest.mark.parametrize("pid", [1, 2**31, 2**32 - 1])
def test_status_survives_what_is_written_there(place: Place, pid: int) -> None:
    content = b"\xff" * 12 + pid.to_bytes(4, "little") + b"\7\x1b"
    text = b"doing \x1b]0;woe\x07\nsince @" + b"f" * 24 + b"\ndeath @ \x1b[2J\n"
    path = directory(place, ok="fifo", status=content, state=text)
    reader = os.open(path / "ok", os.O_RDONLY | os.O_NONBLOCK)
    for options in ([], ["--json"]):
        done = place.run("pysvc", "status", *options, "x")
        assert (done.returncode in (0, 1), done.stderr) == (True, b"")
        assert b"\x1b]" not in done.stdout
    assert place.run("svstat", "x").stdout == f"x: up (pid {pid}) 0 seconds, paused\n".encode()
    os.close(reader)


# svc


def test_svc_is_not_kept_waiting(
    place: Place, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """By a fifo that its owner has filled and does not read."""
    control = directory(place, control="fifo") / "control"
    fd = os.open(control, os.O_RDWR | os.O_NONBLOCK)
    try:
        while True:
            os.write(fd, b"z" * 4096)
    except BlockingIOError:
        pass
    monkeypatch.chdir(place.path)
    monkeypatch.setattr(svc, "PATIENCE", 0.1)
    svc.control("x", b"d")
    os.close(fd)
    assert capfd.readouterr().err == "svc: warning: error writing commands to x: timed out\n"


# supervise


@pytest.mark.parametrize("new", ["", "_new"])
@pytest.mark.parametrize("name", ["status", "state", "death_tally"])
def test_supervise_writes_through_no_link(place: Place, victim: Path, name: str, new: str) -> None:
    directory(place, **{name + new: str(victim)})
    x = place.path / "x"
    (x / "run").write_text("#!/bin/sh\nexit 3\n")
    (x / "run").chmod(0o755)
    (x / "max-death-tally").touch()
    place.own()
    place.start("supervise", "x")
    eventually(lambda: _regular(x / "supervise/death_tally") and _regular(x / "supervise/state"))
    assert _regular(x / "supervise/status")


def _regular(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def test_fifo_replaced_while_it_is_opened(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two ends of two fifos: supervise would read end of file for ever."""
    control = directory(place, control="fifo") / "control"
    opened = fifo.open_end

    def swap(path: str, mode: int) -> int:
        fd = opened(path, mode)
        if path == "supervise/control" and mode == os.O_RDONLY:
            control.unlink()
            os.mkfifo(control)
            readers.append(os.open(control, os.O_RDONLY | os.O_NONBLOCK))
        return fd

    readers: list[int] = []
    monkeypatch.chdir(place.path)
    monkeypatch.setattr(fifo, "open_end", swap)
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(Fatal, match="unable to write x/supervise/control: replaced meanwhile"):
        Keeper("x")
    for fd in set(os.listdir("/proc/self/fd")) - before:
        try:
            os.close(int(fd))
        except OSError:
            pass  # it was that of the listing


@pytest.mark.parametrize("how", ["removed", "directories"])
def test_supervise_goes_on_without_its_files(place: Place, how: str) -> None:
    x = service(place, "x")
    running = place.start("supervise", "x", stderr=subprocess.DEVNULL)
    pid = up(x)
    for name in os.listdir(x / "supervise"):
        (x / "supervise" / name).unlink()
        if how == "directories":
            (x / "supervise" / name / "sub").mkdir(parents=True)
    place.own()
    script = x / "run"
    script.write_text(SLEEP.replace("exec", "echo $$ >second; exec"))
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: (x / "second").exists() and (x / "second").read_text().strip())
    assert alive(int((x / "second").read_text()))
    assert running.process.poll() is None
    if how == "removed":
        eventually(lambda: pid_of(x) == int((x / "second").read_text()))
