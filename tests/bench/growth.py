"""How cost grows: messages in the queue, recipients, message size, connections, log volume; needs root

    .venv/bin/python -m tests.bench.growth [--runs N] [--quick] [--only NAME,NAME] [--disk DIR] [--as-is]
                                           [--json PATH] [--svg PATH]

The same systems and disk as tests.bench.mail, the same way of counting; medians of interleaved runs, 3 unless
named.
Prints every point, and draws them as small charts side by side. --quick: no queue of 100 000 messages, and
one run unless --runs says otherwise.
"""

import argparse
import json
import os
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench import logs, plots, report
from tests.bench.loads import Outcome, Smtp, tree_pss
from tests.bench.mail import catch_term, check_tools, write
from tests.bench.peers import Peer
from tests.bench.peers.ours import Ours
from tests.bench.peers.postfix import Postfix
from tests.bench.rig import Rig, rig
from tests.support.world import World, temporary_directory

WAITING = (10, 1000, 100_000)
LINES = (10_000, 100_000, 1_000_000, 4_000_000)
WARM = Smtp(40)


@dataclass(frozen=True)
class Step:
    """One point of an axis: where on it, the load, how many units it does, and the backlog it needs."""

    at: float
    load: Smtp
    units: float
    backlog: int | None = None


QUEUE = tuple(Step(count, Smtp(500), 500, count) for count in WAITING)
RECIPIENTS = tuple(
    Step(each, Smtp(count, recipients=each, remote=True), count * each)
    for each, count in ((1, 500), (10, 100), (100, 10), (1000, 1))
)
SIZE = tuple(
    Step(size, Smtp(count, length=size), count * size / 1e6)
    for size, count in ((1000, 400), (10_000, 400), (100_000, 200), (1_000_000, 50), (10_000_000, 10))
)
CONNECTIONS = tuple(Step(count, Smtp(500, sessions=count), 500) for count in (1, 5, 20, 100, 200))
AXES = {  # name: (steps, what is on the axis)
    "queue": (QUEUE, "messages waiting in the queue"),
    "recipients": (RECIPIENTS, "recipients of one message"),
    "size": (SIZE, "bytes a message"),
    "connections": (CONNECTIONS, "connections at a time"),
}  # fmt: skip


def rate(step: Step, outcome: Outcome) -> float:
    return step.units / outcome.seconds


def cpu(step: Step, outcome: Outcome) -> float:
    return outcome.used() / step.units * 1000


def each(step: Step, outcome: Outcome) -> float:
    return outcome.used() / step.load.count * 1000


def memory(_: Step, outcome: Outcome) -> float:
    return outcome.peak / 1000


Figure = Callable[[Step, Outcome], float]
Point = tuple[Step, list[list[Outcome]]]  # a step, and the runs of ours and of the peer
CHARTS: "tuple[tuple[str, str, str, Figure], ...]" = (  # axis, title, unit, figure
    ("queue", "Delivered, by length of the queue", "messages/s", rate),
    ("queue", "CPU, by length of the queue", "ms a message", cpu),
    ("queue", "Memory, by length of the queue", "MB", memory),
    ("connections", "Delivered, by connections", "messages/s", rate),
    ("connections", "CPU, by connections", "ms a message", cpu),
    ("recipients", "Sent on, by recipients", "recipients/s", rate),
    ("size", "Delivered, by message size", "MB/s", rate),
    ("size", "CPU, by message size", "ms a message", each),
)


def arguments() -> argparse.Namespace:
    purpose = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="tests.bench.growth", description=purpose)
    parser.add_argument("--runs", type=int)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="", help=", ".join([*AXES, "logs"]))
    parser.add_argument("--disk", type=Path)
    parser.add_argument("--as-is", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--svg", type=Path)
    return parser.parse_args()


class Pair:
    """Both systems in a rig, ours first."""

    def __init__(self, the_rig: Rig, runs: int) -> None:
        self._rig, self._runs = the_rig, runs
        self.systems: tuple[Peer, ...] = (Ours(the_rig), Postfix(the_rig))

    def measure(self, steps: Iterable[Step]) -> "list[Point]":
        try:
            return [(step, self._step(step)) for step in steps]
        except Exception:
            print(self._rig.logs(), file=sys.stderr)
            raise

    def _step(self, step: Step) -> list[list[Outcome]]:
        """Warm up, then interleave; the outcomes of each system."""
        if step.backlog is not None:
            for system in self.systems:
                system.backlog(step.backlog)
        found: list[list[Outcome]] = [[] for _ in self.systems]
        for turn in range(-1, self._runs):
            for system, outcomes in zip(self.systems, found, strict=True):
                outcome = (step.load if turn >= 0 else WARM).run(self._rig, system)
                outcome.peak = tree_pss(system)
                if turn >= 0:
                    outcomes.append(outcome)
                    said = f"{rate(step, outcome):.1f}/s, {cpu(step, outcome):.2f} ms CPU"
                    print(f"  {step.at:g}: {system.name} {said}", file=sys.stderr)
        return found


def panels(measured: "dict[str, list[Point]]") -> Iterator[dict[str, Any]]:
    """The charts of what was measured, as values."""
    for axis, title, unit, figure in CHARTS:
        if axis in measured:
            series: dict[str, list[list[float]]] = {"pymail": [], "Postfix": []}
            for step, found in measured[axis]:
                for name, outcomes in zip(series, found, strict=True):
                    middle = statistics.median(figure(step, outcome) for outcome in outcomes)
                    series[name].append([step.at, middle])
            yield {"title": title, "unit": unit, "axis": AXES[axis][1], "series": series}


def log_volume(runs: int, volumes: "tuple[int, ...]") -> dict[str, Any]:
    """CPU of `multilog t` for each line, by the number of lines; beside the C program if it is there."""
    series: dict[str, list[list[float]]] = {}
    with temporary_directory("bench-world-") as made, temporary_directory("bench-logs-") as base:
        programs = {"pymail": World(made).bin / "multilog", "C multilog": logs.CLASSIC / "multilog"}
        programs = {name: path for name, path in programs.items() if path.exists()}
        for volume in volumes:
            (base / "lines").write_bytes(logs.text(volume))
            used: dict[str, list[float]] = {name: [] for name in programs}
            for _ in range(runs):
                for name, path in programs.items():
                    command = [str(path), "t", "./log"]
                    feed = lambda: os.open(base / "lines", os.O_RDONLY)  # noqa: E731
                    used[name].append(logs.measure(command, base / "work", feed).cpu)
            for name, figures in used.items():
                point = [float(volume), statistics.median(figures) / volume * 1e6]
                series.setdefault(name, []).append(point)
    title = "CPU of multilog, by log volume"
    return {"title": title, "unit": "µs a line", "axis": "lines written", "series": series}


def lines(panel: dict[str, Any]) -> str:
    """A panel as a table."""
    names = list(panel["series"])
    columns = [panel["series"][name] for name in names]
    rows = [
        [plots.brief(points[0][0]), *(report.number(point[1]) for point in points)]
        for points in zip(*columns, strict=True)
    ]
    head = [panel["axis"], *(f"{name}, {panel['unit']}" for name in names)]
    return f"{panel['title']}\n{report.table([head, *rows])}"


def main() -> int:
    catch_term()
    options = arguments()
    check_tools({"Postfix"})
    runs = options.runs or (1 if options.quick else 3)
    wanted = [name for name in options.only.split(",") if name] or [*AXES, "logs"]
    axes = {name: steps for name, (steps, _) in AXES.items() if name in wanted}
    if options.quick and "queue" in axes:
        axes["queue"] = QUEUE[:-1]
    facts: dict[str, Any] = {}
    measured: dict[str, list[Point]] = {}
    if axes:
        with rig(options.disk, options.as_is) as the_rig:
            facts = report.machine(the_rig.disk)
            pair = Pair(the_rig, runs)
            measured = {name: pair.measure(steps) for name, steps in axes.items()}
            facts["versions"] = {system.name: system.version for system in pair.systems}
        print(report.describe(facts), end="\n\n")
    drawn = list(panels(measured))
    if "logs" in wanted:
        drawn.append(log_volume(runs, LINES[:-1] if options.quick else LINES))
    everything = {"machine": facts, "interleaved_runs": runs, "panels": drawn}
    for panel in drawn:
        print(lines(panel))
    write(options.json, json.dumps(everything, indent=1) + "\n")
    write(options.svg, plots.growth(everything))
    return 0


if __name__ == "__main__":
    sys.exit(main())
