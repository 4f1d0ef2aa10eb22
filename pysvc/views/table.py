"""Services as lines for a person"""

from typing import Any

import click

COLUMNS = f"{'SERVICE':24} {'STATE':14} {'PID':>7} {'FOR':>9} {'CPU':>8} {'MEMORY':>8}  REMARKS"
COLOURS = {
    "up": "green", "ready": "green", "finishing": "yellow", "waiting": "yellow", "failed": "red",
    "not supervised": "red",
}  # fmt: skip
UNITS = ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s"))  # seconds


def table(found: list[dict[str, Any]]) -> list[str]:
    """All lines, the heading first."""
    lines = [click.style(COLUMNS, bold=True)]
    for one in found:
        lines.append(row(one))
        lines += [click.style(f"    {line}", dim=True) for line in one["log"]]
    return lines


def row(one: dict[str, Any]) -> str:
    state = click.style(f"{one['state']:14}", fg=COLOURS.get(one["state"]))
    name = one["service"].removesuffix("/log").rpartition("/")[2] + "/log" * one["service"].endswith("/log")
    cpu = f"{one['cpu']:.2f}s" if one["cpu"] is not None else "-"
    fields = f"{one['pid'] or '-':>7} {age(one['seconds']):>9} {cpu:>8} {size(one['memory']):>8}"
    return f"{name:24} {state} {fields}  {', '.join(remarks(one))}".rstrip()


def remarks(one: dict[str, Any]) -> list[str]:
    """What is unusual about a service."""
    up = one["pid"] is not None
    found = [
        (one["supervised"] and one["normally"] != ("up" if up else "down"), f"normally {one['normally']}"),
        (one["paused"], "paused"),
        (one["want"] == "once", "once"),
        (one["want"] in ("up", "down") and (one["want"] == "up") != up, f"want {one['want']}"),
        (len(one["deaths"]) > 1, f"{len(one['deaths'])} deaths"),
        (one["death"], f"last death: {one['death'] and one['death']['cause']}"),
    ]
    return [words for holds, words in found if holds]


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
