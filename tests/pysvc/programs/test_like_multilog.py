"""multilog after a crash, and with signals: ours does what the C program does"""

import fcntl
import os
import signal
import subprocess
import termios
from array import array
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.classic import CLASSIC, CLOSED, LABEL, MISSING, both, remove, some, tree
from tests.support.services import children, process_state
from tests.support.world import Place, eventually

pytestmark = pytest.mark.skipif(MISSING, reason="the classic daemontools are not installed")

LEFT = st.dictionaries(
    st.sampled_from(["current", "previous", "processed", "state", "newstate", "junk", "lock", "@short"]),
    st.tuples(
        st.sampled_from([b"", b"left\n", b"half", b"z" * 5000 + b"\n"]),
        st.sampled_from([0o644, 0o744, 0o600]),
    ),
    max_size=6,
)  # fmt: skip
LINKED = st.sampled_from([None, "previous", "processed", "current"])
PROCESSOR = st.sampled_from([[], [b"!cat"], [b"!cat <&4; tr a-z A-Z; echo again >&5"]])
INPUTS = st.sampled_from([b"", b"new\n", b"new", b"w" * 2500 + b"\n" + b"v" * 9000])
SIZES = st.sampled_from([[], [b"s4096"], [b"s4096", b"n2"], [b"n3"]])


@some(30)
@given(LEFT, LINKED, PROCESSOR, SIZES, INPUTS, CLOSED)
@example({"previous": (b"p", 0o744), "current": (b"", 0o644)}, "previous", [b"!cat"], [], b"new\n", [])
@example({"processed": (b"p", 0o744), "newstate": (b"n", 0o644)}, "processed", [b"!cat"], [], b"", [])
def test_multilog_after_a_crash(
    place: Place, left: dict[str, tuple[bytes, int]], linked: str | None, processor: list[bytes],
    sizes: list[bytes], text: bytes, closed: list[int],
) -> None:  # fmt: skip
    """linked: what has got its final name, but has not lost its old one."""

    def prepare(folder: Path) -> None:
        log = folder / "log"
        log.mkdir(0o700)
        clean = left.get("current", (b"", 0))[1] == 0o744
        # Without state no processor can be run, now or ever.
        there = {"state": (b"", 0o644), **left} if clean and processor else left
        for name, (content, mode) in there.items():
            (log / name).write_bytes(content)
            (log / name).chmod(mode)
        if linked in left:
            os.link(log / str(linked), log / "@400000000000000100000000.s")

    ours, classic = both(place, prepare, "multilog", [*sizes, *processor, b"./log", b"=f"], closed, text)
    assert ours == classic


STEPS = st.lists(
    st.one_of(st.sampled_from([b"one\n", b"half", b"\0\n", b"w" * 2200 + b"\n"]), st.just(signal.SIGALRM)),
    max_size=7,
)


@some(12)
@given(STEPS, st.sampled_from([signal.SIGTERM, signal.SIGHUP, signal.SIGKILL, None]), PROCESSOR)
def test_multilog_and_signals(
    place: Place, steps: "list[bytes | int]", end: int | None, processor: list[bytes]
) -> None:
    """Each comes when what came before has been read. None: the end of input."""
    results = []
    for program in (place.world.bin / "multilog", CLASSIC / "multilog"):
        reader, writer = os.pipe()
        command = [program, b"s4096", *processor, b"./log", b"-*", b"./none"]
        running = place.start(*command, stdin=reader, stderr=subprocess.PIPE)
        eventually((place.path / "none/current").exists)
        eventually(lambda running=running: process_state(running.pid) == "S")
        for step in steps:
            if isinstance(step, bytes):
                os.write(writer, step)
            else:
                running.signal(step)
            eventually(lambda reader=reader, running=running: _consumed(reader, running.pid))
        if end is not None:
            running.signal(end)
        if end == signal.SIGTERM and _inside_a_line(steps):  # it goes on to its end, and leaves what follows
            eventually(lambda reader=reader, running=running: _consumed(reader, running.pid))
            os.write(writer, b"tail\nrest\n")
            running.wait()
            assert os.read(reader, 99) == b"rest\n"
        os.close(writer)
        code = running.wait()
        assert running.process.stderr is not None
        found = {name: tree(place.path / name) for name in ("log", "none")}
        results.append((code, LABEL.sub(b"@", running.process.stderr.read()), found))
        os.close(reader)
        for name in ("log", "none"):
            remove(place.path / name)
    assert results[0] == results[1]


def _inside_a_line(steps: "list[bytes | int]") -> bool:
    written = b"".join(step for step in steps if isinstance(step, bytes))
    return bool(written) and not written.endswith(b"\n")


def _consumed(fd: int, pid: int) -> bool:
    """Whether the pipe is empty, no signal is pending, and who reads it waits for more."""
    count = array("i", [0])
    fcntl.ioctl(fd, termios.FIONREAD, count)
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    pending = any(int(line.split()[1], 16) for line in lines if line.startswith(("SigPnd", "ShdPnd")))
    at_rest = process_state(pid) == "S" and not children(pid) and not pending
    return count[0] == 0 and at_rest and process_state(pid) == "S"
