"""Services as lines for a person"""

import os
import time
import unicodedata
from typing import Any

import click

NAME, LONGEST_NAME = 24, 48  # columns of a name, if there are not longer ones; and at most
HEADING = f"{'STATE':14} {'PID':>7} {'FOR':>9} {'CPU':>8} {'MEMORY':>8}  REMARKS"
COLOURS = {
    "up": "green", "ready": "green", "finishing": "yellow", "waiting": "yellow", "failed": "red",
    "not supervised": "red", "unknown": "red",
}  # fmt: skip
UNITS = ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s"))  # seconds


def table(found: list[dict[str, Any]], columns: int = 0) -> list[str]:
    """All lines, the heading first.

    columns: of a terminal whose lines shall not be wrapped; 0: no limit.
    """
    names = [name_of(one["service"]) for one in found]
    room = min(LONGEST_NAME, max([NAME, *map(width, names)]))
    lines = [click.style(cut(f"{'SERVICE':{room}} {HEADING}", columns), bold=True)]
    for one, name in zip(found, names, strict=True):
        lines.append(row(one, name + " " * (room - width(name)), columns))
        lines += [click.style(cut(f"    {line}", columns), dim=True) for line in one["log"]]
    return lines


def row(one: dict[str, Any], name: str, columns: int) -> str:
    """name: as wide as its column."""
    fields = f"{one['pid'] or '-':>7} {age(one['seconds']):>9} {cpu(one):>8} {size(one['memory']):>8}"
    line = cut(f"{name} {one['state']:14} {fields}  {', '.join(remarks(one))}".rstrip(), columns)
    begin, state = len(name) + 1, one["state"]
    end = begin + len(state)  # coloured last: colours have no width
    return line[:begin] + click.style(line[begin:end], fg=COLOURS.get(state)) + line[end:]


def name_of(service: str) -> str:
    """The name of a service directory, or NAME/log."""
    path = os.path.abspath(service)
    last = os.path.basename(path)
    name = f"{os.path.basename(os.path.dirname(path))}/log" if last == "log" else last
    return "".join(letter if letter.isprintable() else "?" for letter in name)


def width(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return sum(map(_width, text))


def _width(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def cut(text: str, columns: int) -> str:
    """The beginning of a text that fits into so many columns; 0: all of it."""
    while columns and width(text) > columns:
        text = text[:-1]
    return text


def remarks(one: dict[str, Any]) -> list[str]:
    """What is unusual about a service."""
    up, death = one["pid"] is not None, one["death"]
    found = [
        (one["trouble"], one["trouble"]),
        (one["supervised"] and one["normally"] != ("up" if up else "down"), f"normally {one['normally']}"),
        (one["paused"], "paused"),
        (one["want"] == "once", "once"),
        (one["want"] in ("up", "down") and (one["want"] == "up") != up, f"want {one['want']}"),
        (len(one["deaths"]) > 1, f"{len(one['deaths'])} deaths"),
        (death, death and f"last death: {death['cause']}, {age(since(death['time']))} ago"),
    ]
    return [words for holds, words in found if holds]


def cpu(one: dict[str, Any]) -> str:
    """Seconds since the start, or where that is known what is used now of one processor."""
    if "percent" in one:
        return f"{one['percent']:.1f}%"
    return f"{one['cpu']:.2f}s" if one["cpu"] is not None else "-"


def since(moment: float) -> int:
    return max(0, int(time.time() - moment))


def age(seconds: int | None) -> str:
    """`41s`, `12m03s`, `5h02m`, `12d04h`."""
    if seconds is None:
        return "-"
    for unit, name, smaller, smaller_name in UNITS:
        if seconds >= unit:
            return f"{seconds // unit}{name}{seconds % unit // smaller:02}{smaller_name}"
    return f"{seconds}s"


def size(count: int | None) -> str:
    if count is None:
        return "-"
    return f"{count / 1e9:.1f}G" if count >= 1e9 else f"{count / 1e6:.1f}M"
