"""What a tree of processes costs: memory as PSS, CPU process by process, the ended children included"""

import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


class Process:
    """One process at one moment; own and ended are CPU seconds: of itself, of children it waited for."""

    def __init__(self, pid: int, parent: int, started: int, name: str, own: float, ended: float) -> None:
        self.pid, self.parent, self.started = pid, parent, started
        self.name, self.own, self.ended = name, own, ended


def parse(stat: str) -> Process:
    """A line of /proc/PID/stat; name is what the kernel calls the process."""
    head, _, tail = stat.rpartition(")")
    pid, _, name = head.partition(" (")
    fields = tail.split()
    own, ended = (sum(map(int, fields[at : at + 2])) / TICK for at in (11, 13))
    return Process(int(pid), int(fields[1]), int(fields[19]), name, own, ended)


def table() -> dict[int, Process]:
    """All processes of this machine."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                process = parse(Path(f"/proc/{entry}/stat").read_text())
            except (FileNotFoundError, ProcessLookupError):
                continue
            found[process.pid] = process
    return found


def tree(roots: Iterable[int]) -> list[Process]:
    """The processes that descend from the roots, roots included."""
    every = table()
    children = defaultdict(list)
    for process in every.values():
        children[process.parent].append(process.pid)
    waiting, found = [pid for pid in roots if pid in every], []
    while waiting:
        pid = waiting.pop()
        found.append(every[pid])
        waiting += children[pid]
    return found


def title(pid: int, name: str) -> str:
    """What ps shows of a process: its program, and its last word unless that is an option; else its name."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
    except OSError:
        return name
    return short(command.decode(errors="replace")) or name


def short(command: str) -> str:
    """First and last word of a command, without directories and options; no dots of readproctitle."""
    parts = command.split()
    words = [word.rstrip("/").rpartition("/")[2].rstrip(":") for word in parts]
    last = [word for word in words[1:][-1:] if word[:1] not in ("-", ".") and parts[-2][:1] != "-"]
    return " ".join([*words[:1], *last])[:40]


def pss(pids: Iterable[int]) -> int:
    """KB that the processes take together, each shared page counted once."""
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total


class Account:
    """CPU that a tree uses from now on."""

    def __init__(self, roots: Iterable[int]) -> None:
        self._roots = list(roots)
        self._before = {(process.pid, process.started): process for process in tree(self._roots)}

    def rows(self) -> list[tuple[str, float, float]]:
        """(title, own CPU seconds, those of its ended children), the costliest first.

        A child that ended counts at the process that waited for it, with what its own children took.
        """
        sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        for process in tree(self._roots):
            before = self._before.get((process.pid, process.started))
            row = sums[title(process.pid, process.name)]
            row[0] += process.own - (before.own if before else 0)
            row[1] += process.ended - (before.ended if before else 0)
        rows = [(name, own, ended) for name, (own, ended) in sums.items()]
        return sorted(rows, key=lambda row: -row[1] - row[2])


def total(rows: Iterable[tuple[str, float, float]]) -> float:
    """All CPU seconds of an account."""
    return sum(own + ended for _, own, ended in rows)


class Sampler(threading.Thread):
    """Calls measure() again and again until it is told to stop; `peak` is the largest answer."""

    def __init__(self, measure: Callable[[], int], interval: float) -> None:
        super().__init__(daemon=True)
        self._measure, self._interval = measure, interval
        self._done = threading.Event()
        self.samples: list[int] = []

    def run(self) -> None:
        while not self._done.wait(self._interval):
            self.samples.append(self._measure())

    def stop(self) -> int:
        """End it; the peak."""
        self._done.set()
        self.join()
        return max(self.samples, default=0)
