"""svscan: its passes over a real directory, with no processes behind them"""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pysvc.engines.scanner import LIMIT, Scanner
from pysvc.programs import svscan


@pytest.fixture
def scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator["Passes"]:
    monkeypatch.chdir(tmp_path)
    passes = Passes(tmp_path)
    monkeypatch.setattr(svscan, "start", passes.start)
    monkeypatch.setattr(svscan, "warn", passes.warn)
    yield passes
    for made in passes.scanner.services.values():
        for fd in made.pipe or ():
            os.close(fd)


class Passes:
    """svscan's passes over a real directory, with no processes behind them."""

    def __init__(self, path: Path) -> None:
        self.path, self.scanner = path, Scanner()
        self.started: list[str] = []
        self.warnings: list[str] = []
        self.pid = 100

    def start(self, what: str, child: Callable[[], int]) -> int:
        self.started.append(what)
        self.pid += 1
        return self.pid

    def warn(self, program: str, text: str, error: OSError | None = None) -> None:
        self.warnings.append(text)

    def look(self) -> list[str]:
        """One pass; what it started."""
        self.started = []
        svscan.look(self.scanner)
        return sorted(self.started)

    def bury(self) -> None:
        for pid in range(101, self.pid + 1):
            self.scanner.died(pid)


def test_what_is_a_service(scan: Passes) -> None:
    for name in ("a", ".hidden", "b"):
        (scan.path / name).mkdir()
    (scan.path / "file").touch()
    (scan.path / "link").symlink_to("a")
    (scan.path / "dangling").symlink_to("nowhere")
    first = scan.look()
    assert first in (["a", "b"], ["b", "link"])
    assert scan.look() == []
    assert scan.warnings == ["unable to stat dangling"] * 2


@pytest.mark.parametrize("kind", ["directory", "file", "link"])
def test_any_log_counts(scan: Passes, kind: str) -> None:
    (scan.path / "a").mkdir()
    log = scan.path / "a/log"
    if kind == "directory":
        log.mkdir()
    elif kind == "file":
        log.touch()
    else:
        (scan.path / ".elsewhere").mkdir()
        log.symlink_to("../.elsewhere")
    assert scan.look() == ["a", "a/log"]


def test_log_is_decided_once(scan: Passes) -> None:
    (scan.path / "a").mkdir()
    (scan.path / "b/log").mkdir(parents=True)
    scan.look()
    (scan.path / "a/log").mkdir()
    (scan.path / "b/log").rmdir()
    scan.bury()
    assert scan.look() == ["a", "b", "b/log"]


def test_log_cannot_be_told(scan: Passes) -> None:
    (scan.path / "a").mkdir()
    (scan.path / "a/log").symlink_to("log")
    assert scan.look() == []
    assert scan.warnings == ["unable to stat a/log"]
    (scan.path / "a/log").unlink()
    assert scan.look() == ["a"]


def test_rename_and_replacement(scan: Passes) -> None:
    (scan.path / "a").mkdir()
    scan.look()
    (scan.path / "a").rename(scan.path / "b")
    assert scan.look() == []
    (scan.path / "a").mkdir()
    assert scan.look() == ["a"]
    scan.bury()
    assert scan.look() == ["a", "b"]


def test_removed_service_is_forgotten(scan: Passes) -> None:
    """But only when its processes are gone; then its pipe is closed."""
    (scan.path / "a/log").mkdir(parents=True)
    scan.look()
    [made] = scan.scanner.services.values()
    assert made.pipe is not None
    (scan.path / "a").rename(scan.path / ".a")
    scan.look()
    assert len(scan.scanner.services) == 1
    os.fstat(made.pipe[0])
    scan.bury()
    scan.look()
    assert scan.scanner.services == {}
    for fd in made.pipe:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)


def test_pipe_is_closed_on_exec(scan: Passes) -> None:
    (scan.path / "a/log").mkdir(parents=True)
    scan.look()
    [made] = scan.scanner.services.values()
    assert [os.get_inheritable(fd) for fd in made.pipe or ()] == [False, False]


def test_too_many(scan: Passes) -> None:
    for inode in range(LIMIT):
        scan.scanner.add((0, inode), None).pid = 1
    (scan.path / "a").mkdir()
    assert scan.look() == []
    assert scan.warnings == ["unable to start a: running too many services"]


def test_unreadable_directory_forgets_nothing(scan: Passes, monkeypatch: pytest.MonkeyPatch) -> None:
    (scan.path / "a").mkdir()
    scan.look()
    scan.bury()

    def fail(path: str) -> list[str]:
        raise PermissionError(13, "no")

    monkeypatch.setattr(svscan.os, "listdir", fail)
    assert scan.look() == []
    assert scan.warnings == ["unable to read directory"]
    assert len(scan.scanner.services) == 1


def test_pause_is_measured_on_the_monotonic_clock(scan: Passes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step of the time of day makes it neither longer nor shorter."""
    waited: list[float] = []

    def wait(numbers: object, seconds: float) -> int:
        waited.append(seconds)
        return svscan.CHANGED if len(waited) == 1 else 0

    def no_such_clock() -> float:
        raise AssertionError("the time of day")

    monkeypatch.setattr(svscan.signals, "wait", wait)
    for name in ("time", "time_ns"):
        monkeypatch.setattr(svscan.time, name, no_such_clock)
    svscan.pause(scan.scanner)
    assert [round(seconds) for seconds in waited] == [5, 5]


def test_incomplete_service_waits_for_the_next_look(scan: Passes) -> None:
    """A change in the directory starts what has a run file; somebody may be writing the others."""
    (scan.path / "a").mkdir()
    svscan.look(scan.scanner, complete=True)
    assert scan.started == []
    (scan.path / "a/run").touch()
    settle(scan.path / "a")
    assert not svscan.look(scan.scanner, complete=True)
    assert scan.started == ["a"]
    (scan.path / "b").mkdir()
    assert scan.look() == ["b"]


def settle(path: Path) -> None:
    """As if the last change had been a second ago."""
    before = time.time() - 1
    for name in (path / "run", path):
        os.utime(name, (before, before))


@pytest.mark.parametrize("changed", ["", "run"])
def test_log_that_is_still_being_copied(scan: Passes, changed: str) -> None:
    """As by cp -r: with its run file a service is not complete, and its log is decided once."""
    (scan.path / "a").mkdir()
    (scan.path / "a/run").touch()
    settle(scan.path / "a")
    os.utime(scan.path / "a" / changed)
    assert svscan.look(scan.scanner, complete=True)
    assert scan.started == []
    (scan.path / "a/log").mkdir()
    settle(scan.path / "a")
    assert not svscan.look(scan.scanner, complete=True)
    assert sorted(scan.started) == ["a", "a/log"]


@pytest.mark.parametrize("changes", [True, False])
def test_looks_again_when_nobody_writes_any_more(
    scan: Passes, monkeypatch: pytest.MonkeyPatch, changes: bool
) -> None:
    """But five seconds are the limit, however many changes come: supervises that have died wait for it."""
    now, growing = 0.0, iter([True, True, False])

    def wait(numbers: object, seconds: float) -> int:
        nonlocal now
        now += 0.01 if changes or not looks else seconds
        assert now < 60
        return svscan.CHANGED if changes or not looks else 0

    looks: list[float] = []
    monkeypatch.setattr(svscan.signals, "wait", wait)
    monkeypatch.setattr(svscan.time, "monotonic", lambda: now)
    monkeypatch.setattr(svscan.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(svscan, "look", lambda *_, complete: looks.append(now) or next(growing, False))
    svscan.pause(scan.scanner)
    assert 5 <= now < 5.1
    if changes:
        assert len(looks) >= 499
    else:
        assert [round(at, 2) for at in looks] == [0.01, 0.21, 0.41]
