"""The few shapes that charts need, as SVG that reads well on light and on dark pages

Colours are classes of one style sheet, which follows the reader's preference; the chart brings its own
background, so it never stands on one that it was not made for.
"""

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

STYLE = """
text{font-family:system-ui,-apple-system,"Segoe UI",Helvetica,Arial,"DejaVu Sans",sans-serif;fill:#1f2933}
.page{fill:#ffffff;stroke:#d9dee3}
.heading{font-size:17px;font-weight:600}.title{font-size:13px;font-weight:600}
.note{font-size:11px;fill:#66727e}.figure{font-size:12px;font-weight:600}
.grid{stroke:#e6eaee;stroke-width:1}.axis{stroke:#9aa5b1;stroke-width:1.25}
.ours{fill:#1f7a8c}.short{fill:#d9822b}.peer{fill:#8794a1}.track{fill:#f1f4f6}
.target{stroke:#1f2933;stroke-width:2}.range{stroke:#a44a9e;stroke-width:3;stroke-linecap:round}
.line{fill:none;stroke-width:2.25;stroke-linejoin:round;stroke-linecap:round}
.line.ours{stroke:#1f7a8c;fill:none}.line.peer{stroke:#8794a1;fill:none}
@media (prefers-color-scheme:dark){
text{fill:#e3e8ed}.page{fill:#14191f;stroke:#2f3944}.note{fill:#95a1ae}
.grid{stroke:#27303a}.axis{stroke:#5c6976}.track{fill:#1d242c}
.ours{fill:#4fb3c6}.short{fill:#e39a4c}.peer{fill:#7d8a97}.target{stroke:#e3e8ed}.range{stroke:#c77cc2}
.line.ours{stroke:#4fb3c6}.line.peer{stroke:#7d8a97}}
"""


def page(width: float, height: float, title: str, shapes: Sequence[str]) -> str:
    """A whole SVG file."""
    size = f'width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}"'
    background = f'<rect class="page" x="0.5" y="0.5" width="{width - 1:g}" height="{height - 1:g}" rx="8"/>'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size}>',
        f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>", background, *shapes, "</svg>",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def text(x: float, y: float, words: str, kind: str, anchor: str = "start") -> str:
    """Words; anchor: start, middle or end of them is at x."""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor={quoteattr(anchor)}'
    return f"<text class={quoteattr(kind)} {place}>{escape(words)}</text>"


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class={quoteattr(kind)} x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def bar(x: float, y: float, width: float, height: float, kind: str) -> str:
    size = f'width="{max(width, 0):.1f}" height="{height:.1f}"'
    return f'<rect class={quoteattr(kind)} x="{x:.1f}" y="{y:.1f}" {size} rx="2"/>'


def dot(x: float, y: float, kind: str) -> str:
    return f'<circle class={quoteattr(kind)} cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'


def path(points: Sequence[tuple[float, float]], kind: str) -> str:
    """A line through the points."""
    coordinates = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline class={quoteattr("line " + kind)} points="{coordinates}"/>'
