"""svstat as a process, and its words"""

import os
import time
from pathlib import Path

import pytest

from pysvc.formats import status
from pysvc.formats.status import Status
from pysvc.programs import svstat
from tests.support.world import Place

NOW = 1_700_000_000_000_000_000
SINCE = NOW - 7_000_000_000

# up, down file, paused, want: what follows the head; from the manual of daemontools
STATES = [
    (True, False, False, b"u", ""),
    (True, False, False, b"\0", ""),
    (True, False, False, b"d", ", want down"),
    (True, False, True, b"u", ", paused"),
    (True, False, True, b"d", ", paused, want down"),
    (True, True, False, b"u", ", normally down"),
    (True, True, False, b"\0", ", normally down"),
    (True, True, True, b"d", ", normally down, paused, want down"),
    (False, False, False, b"d", ", normally up"),
    (False, False, False, b"\0", ", normally up"),
    (False, False, True, b"d", ", normally up"),
    (False, False, False, b"u", ", normally up, want up"),
    (False, True, False, b"d", ""),
    (False, True, False, b"\0", ""),
    (False, True, True, b"u", ", want up"),
]


@pytest.mark.parametrize(("up", "down_file", "paused", "want", "remarks"), STATES)
def test_words(up: bool, down_file: bool, paused: bool, want: bytes, remarks: str) -> None:
    found = Status(SINCE, 4242 if up else 0, paused, want)
    head = "up (pid 4242) 7 seconds" if up else "down 7 seconds"
    assert svstat.describe(found, down_file, NOW) == head + remarks


@pytest.mark.parametrize(
    ("since", "seconds"), [(NOW + 10**12, 0), (NOW - 1_999_999_999, 2), (NOW - 1, 1), (NOW, 0)]
)
def test_seconds(since: int, seconds: int) -> None:
    assert svstat.describe(Status(since, 1, False, b"u"), False, NOW) == f"up (pid 1) {seconds} seconds"


def supervised(place: Place, name: str, data: bytes | None) -> None:
    """A directory that looks as if supervise ran there; this test reads ok."""
    folder = place.path / name / "supervise"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "ok")
    if data is not None:
        (folder / "status").write_bytes(data)



def test_lines(place: Place) -> None:
    now = time.time_ns()
    up = status.pack(Status(now - 1000 * 10**9, 0xFFFFFFFF, False, b"u"))
    supervised(place, "a", up)
    supervised(place, "b", up[:17])
    supervised(place, "c", None)
    supervised(place, "stale", up)
    supervised(place, "d", up[:12] + b"\0\0\0\0\0dmore")
    (place.path / "never").mkdir()
    (place.path / "loop").mkdir()
    (place.path / "loop/down").symlink_to("down")
    place.own()
    readers = [os.open(_ok(place.path / name), os.O_RDONLY | os.O_NONBLOCK) for name in "abcd"]
    done = place.run("svstat", "a", "b", "c", "stale", "never", "loop", "nowhere", "d", f"{place.path}/d")
    for fd in readers:
        os.close(fd)
    assert (done.returncode, done.stderr) == (0, b"")
    seconds = time.time_ns() // 10**9 - now // 10**9 + 1000
    possible = [expected(place, count) for count in range(1000, seconds + 1)]
    assert done.stdout.decode().splitlines() in possible


def expected(place: Place, seconds: int) -> list[str]:
    return [
        f"a: up (pid 4294967295) {seconds} seconds",
        "b: unable to read supervise/status: bad format",
        "c: unable to open supervise/status: file does not exist",
        "stale: supervise not running",
        "never: unable to open supervise/ok: file does not exist",
        "loop: unable to stat down: symbolic link loop",
        "nowhere: unable to chdir: file does not exist",
        f"d: down {seconds} seconds, normally up",
        f"{place.path}/d: down {seconds} seconds, normally up",
    ]


def _ok(path: Path) -> Path:
    return path / "supervise/ok"


def test_status_cannot_be_read(place: Place) -> None:
    supervised(place, "x", None)
    (place.path / "x/supervise/status").mkdir()
    place.own()
    reader = os.open(_ok(place.path / "x"), os.O_RDONLY | os.O_NONBLOCK)
    done = place.run("svstat", "x")
    os.close(reader)
    assert (done.returncode, done.stdout) == (0, b"x: unable to read supervise/status: is a directory\n")


def test_nothing_to_do(place: Place) -> None:
    done = place.run("svstat")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_output_cannot_be_written(place: Place) -> None:
    with open("/dev/full", "wb") as full:
        running = place.start("svstat", "x", stdout=full)
        assert running.wait() == 0
