"""Small line charts side by side: the picture of tests.bench.growth"""

import math
from typing import Any

from tests.bench import svg
from tests.bench.report import describe

COLUMNS, WIDTH, HEIGHT = 3, 300, 236  # of a panel
MARGIN, TOP = 20, 80
LEFT, RIGHT, ABOVE, BELOW = 46, 18, 50, 44  # around the plot in its panel
KINDS = ("ours", "peer")  # first series, second series


def growth(everything: dict[str, Any]) -> str:
    """The SVG for what tests.bench.growth found."""
    panels = everything["panels"]
    width = 2 * MARGIN + COLUMNS * WIDTH
    rows = math.ceil(len(panels) / COLUMNS)
    shapes = [svg.text(MARGIN + 4, 36, "How cost grows", "heading"), *legend(MARGIN + 4, 62)]
    for at, panel in enumerate(panels):
        down, across = divmod(at, COLUMNS)
        shapes += Plot(panel, MARGIN + across * WIDTH, TOP + down * HEIGHT).shapes()
    bottom = TOP + rows * HEIGHT
    words = f"medians of {everything['interleaved_runs']} interleaved runs"
    if everything["machine"]:
        words += f"; {describe(everything['machine'])}"
    shapes.append(svg.text(MARGIN + 4, bottom + 12, words, "note"))
    return svg.page(width, bottom + 32, "How cost grows", shapes)


def legend(x: float, y: float) -> list[str]:
    names = ("pymail", "peer: Debian's Postfix; for the log, the C multilog")
    shapes = []
    for kind, name, left in zip(KINDS, names, (x, x + 96), strict=True):
        shapes.append(svg.path([(left, y - 4), (left + 22, y - 4)], kind))
        shapes += [svg.dot(left + 11, y - 4, kind), svg.text(left + 30, y, name, "note")]
    return shapes


class Plot:
    """One panel: x is logarithmic, with a tick at each point; y begins at 0."""

    def __init__(self, panel: dict[str, Any], x: float, y: float) -> None:
        self._panel, self._x, self._y = panel, x, y
        self._series: list[list[list[float]]] = list(panel["series"].values())
        points = [point for series in self._series for point in series]
        self._first, self._last = min(at for at, _ in points), max(at for at, _ in points)
        self._ticks = ticks(max(value for _, value in points))

    def place(self, at: float, value: float) -> tuple[float, float]:
        """Where a point is on the page."""
        span = math.log(self._last / self._first) or 1.0
        x = self._x + LEFT + (WIDTH - LEFT - RIGHT) * math.log(at / self._first) / span
        return x, self._y + ABOVE + (HEIGHT - ABOVE - BELOW) * (1 - value / self._ticks[-1])

    def shapes(self) -> list[str]:
        return [*self._frame(), *self._lines()]

    def _frame(self) -> list[str]:
        left, right = self._x + LEFT, self._x + WIDTH - RIGHT
        _, bottom = self.place(self._last, 0)
        shapes = [
            svg.text(self._x + 4, self._y + 18, self._panel["title"], "title"),
            svg.text(self._x + 4, self._y + 34, self._panel["unit"], "note"),
            svg.text((left + right) / 2, bottom + 32, self._panel["axis"], "note", "middle"),
        ]
        for tick in self._ticks:
            _, y = self.place(self._last, tick)
            shapes.append(svg.line(left - 4, y, right + 4, y, "grid" if tick else "axis"))
            shapes.append(svg.text(left - 9, y + 4, brief(tick), "note", "end"))
        for at, _ in self._series[0]:
            x, _ = self.place(at, 0)
            shapes.append(svg.text(x, bottom + 16, brief(at), "note", "middle"))
        return shapes

    def _lines(self) -> list[str]:
        shapes = []
        for kind, series in reversed(list(zip(KINDS, self._series, strict=False))):
            places = [self.place(at, value) for at, value in series]
            shapes += [svg.path(places, kind), *(svg.dot(x, y, kind) for x, y in places)]
        return shapes


def ticks(largest: float) -> list[float]:
    """Three to five round values from 0 to at least the largest."""
    step = 10 ** math.floor(math.log10(largest)) if largest > 0 else 1.0
    steps = [step * factor for factor in (0.1, 0.2, 0.25, 0.5, 1, 2, 5)]
    step = next(one for one in steps if one * 4 >= largest * (1 - 1e-9))
    return [step * at for at in range(max(1, math.ceil(largest / step - 1e-9)) + 1)]


def brief(value: float) -> str:
    """A short number: 0.5, 20, 1k, 100k, 4M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
