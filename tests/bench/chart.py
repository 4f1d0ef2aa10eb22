"""The chart of tests.bench.mail: for each work how many times the peer's figure ours is"""

from typing import Any

from tests.bench import svg
from tests.bench.report import describe, number

WIDTH, LEFT, RIGHT, TOP, ROW = 920, 384, 80, 104, 46
BAR = 16  # height
LARGEST = 3.0  # a ratio that is drawn to scale; larger ones are cut off there


def comparison(everything: dict[str, Any]) -> str:
    """The SVG for what tests.bench.mail found; works without a peer's figure are left out."""
    values = [value for value in everything["works"] if value["ratio"] is not None]
    scale = Scale([value["ratio"] for value in values])
    bottom = TOP + ROW * len(values)
    shapes = [*heading(), *scale.grid(bottom)]
    for at, value in enumerate(values):
        shapes += row(value, scale, TOP + ROW * at)
    shapes += legend(bottom + 24)
    notes = about(everything)
    shapes += [svg.text(24, bottom + 50 + 16 * at, words, "note") for at, words in enumerate(notes)]
    return svg.page(
        WIDTH, bottom + 54 + 16 * len(notes), "Mail side by side with Postfix and Dovecot", shapes
    )


class Scale:
    """Where a ratio is drawn."""

    def __init__(self, ratios: list[float]) -> None:
        self.end = min(LARGEST, max([1.25, *(ratio * 1.08 for ratio in ratios)]))

    def x(self, ratio: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * min(ratio, self.end) / self.end

    def grid(self, bottom: float) -> list[str]:
        """A line every half, a strong one at 1, where the peer is."""
        shapes = []
        for half in range(int(self.end * 2) + 1):
            x = self.x(half / 2)
            shapes.append(svg.line(x, TOP - 8, x, bottom, "axis" if half == 2 else "grid"))
            words = "peer = 1" if half == 2 else f"{half / 2:g}"
            shapes.append(svg.text(x, TOP - 14, words, "note", "middle"))
        return shapes


def heading() -> list[str]:
    return [
        svg.text(24, 34, "pymail beside Postfix and Dovecot", "heading"),
        svg.text(24, 54, "how many times the peer's figure, same machine, same disk, same work", "note"),
    ]


def row(value: dict[str, Any], scale: Scale, y: float) -> list[str]:
    """One work: its name and figures, a bar, its target, and where the C original is known to be."""
    ratio = value["ratio"]
    figures = f"{number(value['ours'])} {value['unit']}, {value['against']} {number(value['peer'])}"
    less = "; less is better" if value["memory"] else ""
    top = y + 9
    shapes = [
        svg.text(24, y + 15, value["title"], "title"),
        svg.text(24, y + 31, figures + less, "note"),
        svg.bar(LEFT, top, scale.x(scale.end) - LEFT, BAR, "track"),
        svg.bar(LEFT, top, scale.x(ratio) - LEFT, BAR, "ours" if value["reached"] else "short"),
        svg.line(scale.x(value["target"]), top - 4, scale.x(value["target"]), top + BAR + 4, "target"),
        svg.text(WIDTH - RIGHT + 12, top + 12, f"{ratio:.2f}", "figure"),
    ]
    if value["original"]:
        low, high = (scale.x(figure / value["peer"]) for figure in value["original"])
        shapes.append(svg.line(low - 4, top + BAR + 8, high + 4, top + BAR + 8, "range"))
    return shapes


def legend(y: float) -> list[str]:
    return [
        svg.bar(24, y - 9, 22, 10, "ours"), svg.text(52, y, "target reached", "note"),
        svg.bar(156, y - 9, 22, 10, "short"), svg.text(184, y, "not yet", "note"),
        svg.line(252, y - 12, 252, y + 4, "target"), svg.text(262, y, "target", "note"),
        svg.line(322, y - 4, 344, y - 4, "range"),
        svg.text(354, y, "the C original, as measured elsewhere on two cores", "note"),
    ]  # fmt: skip


def about(everything: dict[str, Any]) -> list[str]:
    """Lines below the chart: versions, how it was run, on what."""
    versions = ", ".join(f"{name} {system['version']}" for name, system in everything["systems"].items())
    runs = everything["interleaved_runs"]
    return [f"{versions}; medians of {runs} interleaved runs", *wrapped(describe(everything["machine"]))]


def wrapped(words: str, width: int = 140) -> list[str]:
    """Words in lines, broken at commas."""
    lines = [""]
    for part in words.split(", "):
        joined = f"{lines[-1]}, {part}" if lines[-1] else part
        if len(joined) > width:
            lines.append(part)
        else:
            lines[-1] = joined
    return lines
