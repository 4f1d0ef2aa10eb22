"""svscan in generated directories: ours does what the C program does"""

import os
import signal
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.classic import CLASSIC, MISSING, TRIES, put, remove, some
from tests.support.services import children, process_state
from tests.support.world import Place, Running, eventually

pytestmark = pytest.mark.skipif(MISSING, reason="the classic daemontools are not installed")

ENTRIES = st.dictionaries(
    st.sampled_from(["a", ".b", "c d", "-e", "f\nf", "\udcff", "L" * 250]),
    st.sampled_from(["service", "logged", "odd log", "loop log", "file", "dangling", "link to a"]),
    max_size=5,
)  # fmt: skip
# Says how it was called and what is connected, and ends; svscan calls it again with its next look.
STUB = """#!/bin/sh
exec 3>>"$OUT"
flock 3
pipes=$(for fd in 0 1; do [ -p /proc/self/fd/$fd ] && echo $fd; done)
echo "$#" "$1" "${PWD##*/}" $pipes >&3
"""


@some(8, shrink=False)
@given(
    ENTRIES, st.sampled_from(["bin:/bin:/usr/bin", "/nowhere"]),
    st.sampled_from([[], ["service"], ["service", "x"]]),
)  # fmt: skip
def test_svscan(place: Place, entries: dict[str, str], path: str, arguments: list[str]) -> None:
    """Where one of the two was not ended between its first look and the next, another pair is run."""
    for _ in range(TRIES):
        ours, classic = (
            _one_look(place, at / "svscan", entries, path, arguments) for at in (place.world.bin, CLASSIC)
        )
        if ours == classic:
            break
    assert ours == classic


def _one_look(
    place: Place, program: Path, entries: dict[str, str], path: str, arguments: list[str]
) -> tuple[int, list[bytes], list[bytes], list[str]]:
    """Exit code, what it said, how it called supervise, and what is in the directory afterwards."""
    work = place.path / "work"
    if work.exists():  # of an example that failed
        remove(work)
    (work / "bin").mkdir(parents=True)
    (work / "bin/supervise").write_text(STUB)
    (work / "bin/supervise").chmod(0o755)
    scan = work / "service"
    scan.mkdir()
    for name, kind in entries.items():
        _entry(scan / name, kind)
    place.own()
    env = {"PATH": path.replace("bin:", f"{work}/bin:", 1), "OUT": str(work / "out")}
    running = place.start(
        program, *arguments, cwd=work if arguments else scan, env=env, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    eventually(lambda: _has_looked(running))
    running.signal(signal.SIGTERM)
    code = running.wait()
    assert running.process.stderr is not None
    said = sorted(running.process.stderr.read().splitlines())
    called = sorted((work / "out").read_bytes().splitlines()) if (work / "out").exists() else []
    outcome = (code, said, called, sorted(os.listdir(scan)))
    place.stop()
    remove(work)
    return outcome


def _entry(path: Path, kind: str) -> None:
    if kind in ("service", "logged", "odd log", "loop log"):
        path.mkdir()
    if kind == "logged":
        (path / "log").mkdir()
    elif kind == "odd log":
        (path / "log").touch()
    elif kind == "loop log":
        (path / "log").symlink_to("log")
    elif kind == "link to a":
        path.symlink_to("a")
    put(path, kind)


def _has_looked(running: Running) -> bool:
    """Whether it sleeps, is svscan by now, and all that it has started has ended."""
    name = Path(f"/proc/{running.pid}/comm").read_text()
    quiet = all(process_state(pid) == "Z" for pid in children(running.pid))
    return quiet and name == "svscan\n" and process_state(running.pid) == "S" and _is_pausing(running.pid)


def _is_pausing(pid: int) -> bool:
    """Whether the kernel says that it waits for time or a signal."""
    waits = (b"hrtimer_nanosleep", b"do_sigtimedwait", b"poll_schedule_timeout", b"do_poll", b"0")
    return any(word in Path(f"/proc/{pid}/wchan").read_bytes() for word in waits)
