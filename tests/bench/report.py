"""What came out, as values: medians, ratios, the table, and what it was run on"""

import os
import platform
import statistics
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench.loads import Outcome
from tests.bench.works import Work

HEADINGS = (
    "work", "unit", "pymail", "peer", "", "ratio", "target", "reached", "CPU ms", "peer's", "C original",
)  # fmt: skip


class Result:
    """All runs of one work; `ours` and `peers` in the order in which they were run."""

    def __init__(self, work: Work, ours: Sequence[Outcome], peers: Sequence[Outcome]) -> None:
        self.work, self.ours, self.peers = work, list(ours), list(peers)

    def figures(self, outcomes: Sequence[Outcome]) -> list[float]:
        return [self.work.figure(outcome) for outcome in outcomes]

    def median(self, outcomes: Sequence[Outcome]) -> "float | None":
        return statistics.median(self.figures(outcomes)) if outcomes else None

    def cpu(self, outcomes: Sequence[Outcome]) -> "float | None":
        """Median of the CPU milliseconds per unit; not for memory."""
        if not outcomes or self.work.memory:
            return None
        return statistics.median(outcome.used() for outcome in outcomes) / self.work.amount * 1000

    def ratio(self) -> "float | None":
        ours, peers = self.median(self.ours), self.median(self.peers)
        return ours / peers if ours is not None and peers else None

    def value(self) -> dict[str, Any]:
        """For JSON."""
        ratio = self.ratio()
        return {
            "name": self.work.name, "title": self.work.title, "unit": self.work.unit,
            "against": self.work.against, "target": self.work.target, "memory": self.work.memory,
            "ours": self.median(self.ours), "peer": self.median(self.peers), "ratio": ratio,
            "reached": None if ratio is None else self.work.reached(ratio),
            "runs": {"ours": self.figures(self.ours), "peer": self.figures(self.peers)},
            "cpu_ms": {"ours": self.cpu(self.ours), "peer": self.cpu(self.peers)},
            "accepted_s": {"ours": [o.accepted for o in self.ours], "peer": [o.accepted for o in self.peers]},
            "original": self.work.original, "times": self.work.times,
        }  # fmt: skip


def number(value: "float | None", digits: int = 3) -> str:
    """A figure with so many significant digits, large ones whole: 0.913, 27.4, 1043; - for none."""
    if value is None:
        return "-"
    decimals = digits - 1
    while decimals > 0 and abs(value) >= 10 ** (digits - decimals):
        decimals -= 1
    return f"{value:.{decimals}f}"


def original(value: dict[str, Any]) -> str:
    """What the C original does elsewhere, and how many times that ours is."""
    if not value["original"]:
        return "-"
    low, high = value["original"]
    text = f"{low:g}" if low == high else f"{low:g}-{high:g}"
    if value["ours"] is None:
        return text
    return f"{text}: {value['ours'] / high:.1f} times, wanted {value['times']:g}"


def row(value: dict[str, Any]) -> list[str]:
    """A result's cells under HEADINGS."""
    reached = {None: "-", True: "yes", False: "NO"}[value["reached"]]
    target = f"{'at most' if value['memory'] else 'at least'} {value['target']:g}"
    cpu = value["cpu_ms"]
    return [
        value["title"], value["unit"], number(value["ours"]), number(value["peer"]), value["against"],
        "-" if value["ratio"] is None else f"{value['ratio']:.2f}", target, reached,
        number(cpu["ours"]), number(cpu["peer"]), original(value),
    ]  # fmt: skip


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as need be; numbers and what comes after the first column stand to the right of it."""
    widths = [max(len(cells[at]) for cells in rows) for at in range(len(rows[0]))]
    lines = []
    for cells in rows:
        padded = [
            cell.rjust(width) if _numeric(cell) else cell.ljust(width)
            for cell, width in zip(cells, widths, strict=True)
        ]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines) + "\n"


def _numeric(cell: str) -> bool:
    return cell == "-" or cell.replace(".", "", 1).isdigit()


def profile(title: str, outcomes: Sequence[Outcome], amount: float) -> str:
    """Where the CPU of one unit goes: medians of the runs, by process, in milliseconds."""
    runs = [{name: (own, ended) for name, own, ended in outcome.cpu} for outcome in outcomes]
    rows = []
    for name in {name for run in runs for name in run}:
        own, ended = (
            statistics.median(run.get(name, (0.0, 0.0))[at] for run in runs) / amount * 1000 for at in (0, 1)
        )
        rows.append((name, own, ended))
    rows.sort(key=lambda row: (-row[1] - row[2], row[0]))
    rows.append(("all", sum(own for _, own, _ in rows), sum(ended for _, _, ended in rows)))
    cells = [[name, f"{own:.3f}", f"{ended:.3f}"] for name, own, ended in rows if own + ended > 0.0005]
    return table([[title, "itself", "its ended children"], *cells])


def machine(disk: Path) -> dict[str, Any]:
    """What it was run on; no names of hosts or paths."""
    words = ["findmnt", "--noheadings", "--output", "SOURCE,FSTYPE", "--target", str(disk)]
    source, kind = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    text = Path("/proc/cpuinfo").read_text()
    models = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": f"{platform.system()} {platform.release()}",
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "disk": f"{kind} on {source.rpartition('/')[2]}",
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 1),
    }


def describe(facts: dict[str, Any]) -> str:
    """One sentence of machine()."""
    return (
        f"{facts['cpu']}, {facts['cores']} cores, {facts['memory_gb']} GB, {facts['kernel']}, "
        f"{facts['disk']}, CPython {facts['python']}, load {facts['load_before']} when it began"
    )
