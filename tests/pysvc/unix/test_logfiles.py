"""The files of a log directory: crashes at every step, and trouble that passes"""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pysvc.formats.logscript import Directory
from pysvc.unix import logfiles
from pysvc.unix.logfiles import LogFiles

STEPS = ("open", "rename", "link", "unlink", "fsync", "fchmod", "chmod", "write", "mkdir")


def fork(body: Callable[[], int]) -> int:
    pid = os.fork()
    if not pid:
        os._exit(body())
    return pid


class Dies:
    """Lets the process die just before the n-th of the system calls that change something."""

    def __init__(self, step: int) -> None:
        self.left = step
        for name in STEPS:
            setattr(os, name, self.counting(getattr(os, name)))

    def counting(self, call: Callable[..., object]) -> Callable[..., object]:
        def counted(*arguments: object, **options: object) -> object:
            self.left -= 1
            if not self.left:
                os._exit(9)
            return call(*arguments, **options)

        return counted


def life(folder: Path, step: int, processor: bytes | None) -> int:
    """A multilog's life in short, cut off at a step; a processor that dies is tried again at once."""
    logfiles.PAUSE = 0
    Dies(step)
    log = LogFiles(Directory(os.fsencode(folder), processor=processor), fork)
    for text in (b"1\n", b"2\n"):
        log.append(text)
        log.rotate()
    log.append(b"3\n")
    log.close()
    return 0


def gathered(folder: Path) -> list[str]:
    """All that is in log files, finished or not, sorted; what is in two places counts twice."""
    files = [file for file in folder.iterdir() if file.name[0] == "@" or file.name == "current"]
    return sorted("".join(file.read_text() for file in files).split())


@pytest.mark.parametrize("processor", [None, b"cat"])
def test_nothing_is_lost_or_doubled_whenever_it_dies(tmp_path: Path, processor: bytes | None) -> None:
    code, step = 9, 0
    while code:
        step += 1
        folder = tmp_path / str(step)
        _, status = os.waitpid(fork(lambda: life(folder, step, processor)), 0)  # noqa: B023
        code = os.waitstatus_to_exitcode(status)
        before = gathered(folder) if folder.exists() else []
        previous = folder / "previous"
        waiting = previous.read_text().split() if previous.exists() and previous.stat().st_nlink == 1 else []
        _, status = os.waitpid(fork(lambda: restart(folder)), 0)  # noqa: B023
        assert os.waitstatus_to_exitcode(status) == 0, step
        after = gathered(folder)
        assert set(before) | set(waiting) <= set(after), step
        assert len(after) == len(set(after)), step
        assert set(after) <= {"1", "2", "3"}
        assert {file.name for file in folder.iterdir() if file.name[0] != "@"} <= {"current", "lock", "state"}
    assert step > 20


def restart(folder: Path) -> int:
    LogFiles(Directory(os.fsencode(folder)), fork).close()
    return 0


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Warnings, without the pauses."""
    lines: list[str] = []
    monkeypatch.setattr(logfiles, "say", lines.append)
    monkeypatch.setattr(logfiles, "PAUSE", 0)
    return lines


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LogFiles:
    monkeypatch.chdir(tmp_path)
    return LogFiles(Directory(b"./d", number=2), fork)


def fails_once(monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> None:
    call = getattr(os, name)

    def failing(*arguments: object, **options: object) -> object:
        monkeypatch.setattr(os, name, call)
        raise OSError(number, "")

    monkeypatch.setattr(os, name, failing)


@pytest.mark.parametrize(
    ("call", "doing"),
    [
        ("fchdir", "switch to ./d, pausing"),
        ("fsync", "write ./d/current to disk, pausing"),
        ("rename", "rename current to previous in directory ./d, pausing"),
        ("open", "create ./d/current, pausing"),
        ("fchmod", "set mode of ./d/current, pausing"),
        ("chmod", "set mode of ./d/previous, pausing"),
        ("stat", "stat ./d/previous, pausing"),
        ("unlink", "remove ./d/previous, pausing"),
    ],
)
def test_a_rotation_goes_on_when_the_trouble_is_over(
    log: LogFiles, said: list[str], monkeypatch: pytest.MonkeyPatch, call: str, doing: str
) -> None:
    log.append(b"x\n")
    fails_once(monkeypatch, call, errno.ENOSPC)
    log.rotate()
    assert said == [f"multilog: warning: unable to {doing}: out of disk space"]
    assert gathered(Path(".")) == ["x"]
    assert Path("current").read_bytes() == b""


def test_a_name_that_is_taken(log: LogFiles, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    log.append(b"x\n")
    """By somebody else, since the directory was read."""
    monkeypatch.setattr(logfiles.time, "time_ns", iter([0, 1000]).__next__)
    fails_once(monkeypatch, "link", errno.EEXIST)
    log.rotate()
    assert said == [
        "multilog: warning: unable to link to ./d/@400000000000000a000001f4.s, pausing: file already exists"
    ]
    assert Path("@400000000000000a000005dc.s").read_bytes() == b"x\n"


def test_a_directory_that_cannot_be_read(
    log: LogFiles, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log.append(b"x\n")
    monkeypatch.setattr(logfiles.time, "time_ns", iter([0, 1000]).__next__)
    fails_once(monkeypatch, "listdir", errno.EIO)
    log.rotate()
    assert said == [
        "multilog: warning: unable to link to ./d/@400000000000000a000001f4.s, pausing: input/output error"
    ]
    assert gathered(Path(".")) == ["x"]


def test_an_old_file_that_somebody_else_removes(
    log: LogFiles, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the directory was read: it is read again."""
    log.append(b"x\n")
    listdir = os.listdir

    def stale(path: bytes) -> list[bytes]:
        monkeypatch.setattr(os, "listdir", listdir)
        return [*listdir(path), b"@400000000000000a000001f4.s"]

    monkeypatch.setattr(os, "listdir", stale)
    log.rotate()
    assert said == []
    assert gathered(Path(".")) == ["x"]


def test_a_full_disk_goes_on_with_the_byte_it_reached(
    log: LogFiles, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    answers = iter([3, OSError(errno.ENOSPC, ""), 0, 2, 100])

    def full(fd: int, data: bytes) -> int:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return write(fd, data[:answer]) if answer else 0

    monkeypatch.setattr(os, "write", full)
    log.append(b"0123456789\n")
    monkeypatch.setattr(os, "write", write)
    assert Path("current").read_bytes() == b"0123456789\n"
    assert said == [
        f"multilog: warning: unable to write to ./d/current, pausing: {why}"
        for why in ("out of disk space", "no error")
    ]


def test_a_directory_in_the_way_blocks_pruning(log: LogFiles, said: list[str]) -> None:
    """It goes on when somebody has removed the directory."""
    Path("@400000000000000000000000").mkdir()
    log.append(b"x\n")

    def removes(line: str) -> None:
        said.append(line)
        Path("@400000000000000000000000").rmdir()

    logfiles.say = removes  # put back by the fixture
    log.rotate()
    assert said == ["multilog: warning: unable to read ./d, pausing: is a directory"]
    assert gathered(Path(".")) == ["x"]


def test_a_processor_that_crashes_is_said_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    script = b"test -e ../again || { touch ../again; kill -9 $$; }; cat"
    log = LogFiles(Directory(b"./d", processor=script), fork)
    log.append(b"x\n")
    log.rotate()
    crashed, failed = said
    assert crashed.startswith("multilog: warning: processor crashed in ./d, pausing: ")
    assert failed == "multilog: warning: processor failed in ./d, pausing"
    assert gathered(Path(".")) == ["x"]


def test_status_files_are_written_to_the_end(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = logfiles.StatusFile(os.fsencode(tmp_path / "s"))
    fails_once(monkeypatch, "lseek", errno.EIO)
    fails_once(monkeypatch, "write", errno.ENOSPC)
    file.write(b"abc\n")
    file.write(b"12")
    assert (tmp_path / "s").read_bytes() == b"12c\n"
    assert said == [
        f"multilog: warning: unable to move to beginning of {tmp_path}/s, pausing: input/output error",
        f"multilog: warning: unable to write {tmp_path}/s, pausing: out of disk space",
    ]
