"""Speed and memory of multilog, tai64n and tai64nlocal beside the C programs (Debian's daemontools)

    .venv/bin/python -m tests.bench.logs [lines] [runs] [word of a row's name]

Every row is the same work for both, first one, then the other, so many runs; medians are shown: seconds of
CPU (user and system) and of the clock, how many times as fast ours is, what it should be, and the highest
resident memory. Input is a file of 50-byte lines, or what else the row's name says.
"""

import os
import select
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.world import World, temporary_directory

CLASSIC = Path("/usr/bin")
LINES, RUNS = 2_000_000, 3
PAUSE = 0.0002  # seconds between lines that come one by one
LOOK = 20       # milliseconds between two looks at the memory
WORDS = ("info: joe logged in", "debug: cache hit", "warning: slow disk", "info: 7 bytes", "fatal: no room")


class Run:
    """What one run took: seconds of CPU and of the clock, KB of memory."""

    def __init__(self, cpu: float, wall: float, memory: int) -> None:
        self.cpu, self.wall, self.memory = cpu, wall, memory


class Row:
    """Arguments of a program, the input it gets, and how many times as fast as the original it should be."""

    def __init__(self, name: str, arguments: str, source: str, target: float = 0, paced: bool = False):
        self.name, self.arguments, self.source = name, arguments.split(), source
        self.target, self.paced = target, paced


ROWS = [
    Row("multilog t", "multilog t ./log", "lines", 2),
    Row("multilog t, largest files", "multilog t s16777215 ./log", "lines", 2),
    Row("multilog, deselect a word", "multilog t -*debug* ./log", "lines", 1),
    Row("multilog, select by column", "multilog t -* +*:_fatal:_* +*:_warning:_* ./log", "lines", 1),
    Row("multilog, two logs", "multilog t ./all -* +*fatal* +*warning* ./bad", "lines", 1),
    Row("multilog, status file", "multilog t -* +*fatal* =status ./log", "lines", 1),
    Row("tai64n", "tai64n", "lines", 2),
    Row("tai64nlocal, busy log", "tai64nlocal", "busy", 3),
    Row("tai64nlocal, quiet log", "tai64nlocal", "quiet", 3),
    Row("multilog t, long lines", "multilog t s16777215 ./log", "long"),
    Row("multilog -*x*, long lines", "multilog t -*fatal* s16777215 ./log", "long"),
    Row("multilog t, one by one", "multilog t ./log", "lines", paced=True),
    Row("multilog -*x*, one by one", "multilog t -*fatal* ./log", "lines", paced=True),
    Row("tai64n, one by one", "tai64n", "lines", paced=True),
    Row("tai64nlocal, one by one", "tai64nlocal", "busy", paced=True),
]  # fmt: skip


def text(count: int) -> bytes:
    """Lines of 50 bytes with their newline, as programs write them."""
    kinds = [f"{1000 + at % 7919:06d}: {WORDS[at % len(WORDS)]}:".encode() for at in range(100)]
    return b"".join(kinds[at % 100].ljust(39) + b"%010d\n" % at for at in range(count))


def labelled(lines: bytes, rate: int) -> bytes:
    """The lines with labels, so many lines a second."""
    step = 10**9 // rate
    start = 1_700_000_000 * 10**9
    stamps = (divmod(start + at * step, 10**9) for at in range(lines.count(b"\n")))
    return b"".join(
        b"@%016x%08x %b\n" % ((1 << 62) + 10 + second, rest // 1000 * 1000 + 500, line)
        for (second, rest), line in zip(stamps, lines.split(b"\n"), strict=False)
    )


def prepare(folder: Path, count: int) -> None:
    """Write the inputs."""
    lines = text(count)
    (folder / "lines").write_bytes(lines)
    (folder / "busy").write_bytes(labelled(lines, 100_000))
    (folder / "quiet").write_bytes(labelled(lines, 20))
    (folder / "long").write_bytes((lines[:100_000].replace(b"\n", b" ") + b"\n") * (len(lines) // 100_000))


def measure(command: list[str], folder: Path, feed: Callable[[], int]) -> Run:
    """Run a command in a folder to its end. feed: makes its standard input."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    stdin = feed()
    start = time.monotonic()
    process = subprocess.Popen(command, stdin=stdin, stdout=subprocess.DEVNULL, cwd=folder)
    os.close(stdin)
    ended = select.poll()
    ended.register(os.pidfd_open(process.pid), select.POLLIN)
    memory = 0
    while not ended.poll(LOOK):
        memory = max(memory, resident(process.pid))
    wall = time.monotonic() - start
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return Run(usage.ru_utime + usage.ru_stime, wall, memory)


def resident(pid: int) -> int:
    """The highest resident memory so far, in KB; 0 if the process has ended."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0


def one_by_one(source: Path, count: int) -> int:
    """The reading end of a pipe into which a child writes lines, each when the one before is read."""
    reader, writer = os.pipe()
    if not os.fork():
        os.close(reader)
        with source.open("rb") as lines:
            for _, line in zip(range(count), lines, strict=False):
                os.write(writer, line)
                time.sleep(PAUSE)
        os._exit(0)
    os.close(writer)
    return reader


def compare(row: Row, programs: dict[str, Path], base: Path, runs: int, paced: int) -> str:
    """The row of the table."""
    source = base / row.source

    def feed() -> int:
        return one_by_one(source, paced) if row.paced else os.open(source, os.O_RDONLY)

    arguments = [word.replace("_", " ") for word in row.arguments]
    taken: dict[str, list[Run]] = {whose: [] for whose in programs}
    for _ in range(runs):
        for whose, folder in programs.items():
            command = [str(folder / arguments[0]), *arguments[1:]]
            taken[whose].append(measure(command, base / "work", feed))
            if row.paced:
                os.wait()
    middle = [[statistics.median(getattr(run, what) for run in done) for done in taken.values()]
              for what in ("cpu", "wall", "memory")]  # fmt: skip
    cells = "".join(f"{ours:8.2f} {theirs:6.2f} {theirs / ours:5.2f}x" for ours, theirs in middle[:2])
    return f"{row.name:28}{cells}{f'{row.target:g}x' if row.target else '':>8}{middle[2][0] / 1024:8.1f} MB"


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else LINES
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else RUNS
    wanted = sys.argv[3] if len(sys.argv) > 3 else ""
    if not (CLASSIC / "multilog").exists():
        print("the classic daemontools are not installed")
        return 1
    with temporary_directory("bench-world-") as made, temporary_directory("bench-logs-") as base:
        programs = {"ours": World(made).bin, "C": CLASSIC}
        prepare(base, count)
        print(f"{count} lines{'':17}CPU ours      C        clock ours    C         target   memory")
        for row in ROWS:
            if wanted in row.name:
                print(compare(row, programs, base, runs, count // 100), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
