"""The verbs of pysvc that show and make services"""

import json
import os
import pwd
import shlex
import sys
import time
from typing import Any

import click

from pysvc.unix.strerr import PERMANENT, Fatal, unable_to, warn
from pysvc.views import newservice
from pysvc.views.processes import Processes
from pysvc.views.service import TALLY, deaths, examine, services
from pysvc.views.table import name_of, table

SCAN = "/service"
NOT_AS_WANTED = 1
DAY = 86400  # seconds


def scan_directory() -> str:
    """The services of the installation that this program lies in: X/service for X/bin, else /service."""
    beside = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(sys.argv[0]))), "service")
    return beside if os.path.isdir(beside) else SCAN


def chosen(directories: tuple[str, ...]) -> list[str]:
    """Service directories, and for a directory of services all of them. Fatal."""
    found = []
    for directory in directories or (scan_directory(),):
        with unable_to(f"read {directory}"):
            found += [directory] if _is_service(directory) else services(directory)
    return found


def _is_service(directory: str) -> bool:
    return any(os.path.lexists(f"{directory}/{name}") for name in ("run", "supervise"))


def examined(directories: list[str], lines: int) -> list[dict[str, Any]]:
    processes = Processes()
    return [examine(directory, lines, processes) for directory in directories]


def show(lines: list[str]) -> None:
    """Write lines; without colours where somebody does not want them (no-color.org). Fatal."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    with unable_to("write"):
        click.echo("\n".join(lines), color=False if plain else None)


@click.command("status")
@click.argument("directories", nargs=-1, metavar="[DIR]...")
@click.option("--json", "as_json", is_flag=True, help="for machines")
@click.option("--lines", default=2, type=click.IntRange(0, 10000), show_default=True, metavar="N",
              help="log lines of each service")  # fmt: skip
def status_command(directories: tuple[str, ...], as_json: bool, lines: int) -> int:
    """Show what services do; exit code 1 if one is not as it should be."""
    found = examined(chosen(directories), lines)
    show([json.dumps(found, indent=1)] if as_json else table(found))
    well = ("up", "ready")
    as_wanted = all(one["state"] in (well if one["normally"] == "up" else (*well, "down")) for one in found)
    return 0 if as_wanted else NOT_AS_WANTED


@click.command("top")
@click.argument("directories", nargs=-1, metavar="[DIR]...")
@click.option("--interval", default=2.0, type=click.FloatRange(0.1, DAY), show_default=True,
              metavar="SECONDS")  # fmt: skip
@click.option("--count", default=0, type=click.IntRange(0), metavar="N", help="end after so many pictures")
def top_command(directories: tuple[str, ...], interval: float, count: int) -> int:
    """Show what services do, again and again, until q or control-C."""
    from pysvc.views.live import watch

    shown = chosen(directories)

    def look() -> list[dict[str, Any]]:
        nonlocal shown
        try:
            shown = chosen(directories)
        except Fatal:
            pass  # one has vanished: the others are still of interest, and it is shown for what it is
        return examined(shown, 0)

    def draw(lines: list[str]) -> None:
        click.clear()
        show(lines)

    watch(look, draw, interval, count)
    return 0


@click.command("deaths")
@click.argument("directories", nargs=-1, required=True, metavar="DIR...")
@click.option("--clear", is_flag=True, help="forget them when they have been shown")
def deaths_command(directories: tuple[str, ...], clear: bool) -> int:
    """Show the deaths that supervise remembers of services with a file max-death-tally."""
    for directory in directories:
        with unable_to(f"read {directory}/supervise"):
            os.listdir(f"{directory}/supervise")
        remembered = deaths(directory)
        head = f"{name_of(directory)}: " if len(directories) > 1 else ""
        lines = [f"{head}{_local(one['time'])} {one['cause']}" for one in remembered]
        show(lines or [f"{head}no death is remembered{_why_none(directory)}"])
        if clear and remembered:
            with unable_to(f"remove {directory}/{TALLY}"):
                os.unlink(f"{directory}/{TALLY}")
    return 0


def _local(seconds: float) -> str:
    return time.strftime("%F %T", time.localtime(seconds))


def _why_none(directory: str) -> str:
    wanted = f"{directory}/max-death-tally"
    return "" if os.path.exists(wanted) else f": {wanted} does not exist"


@click.command("new")
@click.argument("name")
@click.argument("command", nargs=-1, required=True, metavar="-- COMMAND...", type=click.UNPROCESSED)
@click.option("--user", help="account that runs the command")
@click.option("--log-user", help="account that writes the log")
@click.option("--log", metavar="DIR", default="./main", show_default=True,
              help="where multilog writes; no absolute path: in NAME/log")  # fmt: skip
@click.option("--no-log", is_flag=True, help="no log service: what the command says goes where svscan's does")
@click.option("--down", is_flag=True, help="do not start it yet")
@click.option("--service", "scan", metavar="DIR", help="directory of services")
def new_command(
    *,
    name: str,
    command: tuple[str, ...],
    user: str | None,
    log_user: str | None,
    log: str,
    no_log: bool,
    down: bool,
    scan: str | None,
) -> int:
    """Write a service directory NAME that runs COMMAND, with a log service.

    A NAME with a slash is a path; else it lies in the directory of services.
    """
    last = os.path.basename(name)
    if not last or not name.isprintable() or last.startswith(".") or (scan and "/" in name):
        raise Fatal(f"{name!r} is no name for a service", PERMANENT)
    if not command[0]:
        raise Fatal("there is no program without a name", PERMANENT)
    path = name if "/" in name else f"{scan or scan_directory()}/{name}"
    _warn_of_accounts(user, log_user)
    wanted = newservice.Wanted(list(command), user, down)
    if not no_log:
        wanted.log, wanted.log_user = log if log[:1] in ("/", ".") else f"./{log}", log_user
    with unable_to(f"make {path}"):
        for made in newservice.write(path, wanted):
            click.echo(f"wrote {made}")
    for line in _what_next(path, scan or scan_directory(), "/" in name, down):
        click.echo(line)
    return 0


def _warn_of_accounts(*names: str | None) -> None:
    for name in names:
        try:
            if name is not None:
                pwd.getpwnam(name)
        except KeyError:
            warn("pysvc", f"there is no account {name} yet")


def _what_next(path: str, scan: str, elsewhere: bool, down: bool) -> list[str]:
    quoted, target = shlex.quote(path), shlex.quote(os.path.abspath(path))
    lines = []
    if elsewhere:
        lines.append(f"have svscan find it with: ln -s {target} {shlex.quote(scan)}/")
    elif not down:
        lines.append("svscan starts it now")
    if down:
        lines.append(f"start it with: svc -u {quoted}")
    return [*lines, f"see it with: pysvc status {quoted}"]
