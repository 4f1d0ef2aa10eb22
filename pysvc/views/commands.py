"""The verbs of pysvc that show and make services"""

import json
import os
import shutil
import sys
import time

import click

from pysvc.unix.strerr import PERMANENT, Fatal, unable_to
from pysvc.views import newservice
from pysvc.views.service import examine, services
from pysvc.views.table import table

SCAN = "/service"
NOT_AS_WANTED = 1


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


@click.command("status")
@click.argument("directories", nargs=-1, metavar="[DIR]...")
@click.option("--json", "as_json", is_flag=True, help="for machines")
@click.option("--lines", default=2, show_default=True, metavar="N", help="log lines of each service")
def status_command(directories: tuple[str, ...], as_json: bool, lines: int) -> int:
    """Show what services do; exit code 1 if one is not as it should be."""
    found = [examine(directory, lines) for directory in chosen(directories)]
    if as_json:
        click.echo(json.dumps(found, indent=1))
    else:
        click.echo("\n".join(table(found)))
    well = ("up", "ready")
    as_wanted = all(one["state"] in (well if one["normally"] == "up" else (*well, "down")) for one in found)
    return 0 if as_wanted else NOT_AS_WANTED


@click.command("top")
@click.argument("directories", nargs=-1, metavar="[DIR]...")
@click.option("--interval", default=2.0, show_default=True, metavar="SECONDS")
@click.option("--count", default=0, metavar="N", help="end after so many pictures")
def top_command(directories: tuple[str, ...], interval: float, count: int) -> int:
    """Show what services do, again and again, until interrupted."""
    shown = 0
    try:
        while True:
            found = [examine(directory, 0) for directory in chosen(directories)]
            click.clear()
            rows = table(found)[: shutil.get_terminal_size().lines - 2]
            click.echo("\n".join([time.strftime("%F %T"), *rows]))
            shown += 1
            if shown == count:
                return 0
            time.sleep(max(0.1, interval))
    except KeyboardInterrupt:
        return 0


@click.command("new", context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--user", help="account that runs the command")
@click.option("--log-user", help="account that writes the log")
@click.option("--log", default="./main", show_default=True, metavar="DIR", help="where multilog writes")
@click.option("--down", is_flag=True, help="do not start it yet")
@click.option("--service", "scan", metavar="DIR", help="directory of services")
def new_command(
    *,
    name: str,
    command: tuple[str, ...],
    user: str | None,
    log_user: str | None,
    log: str,
    down: bool,
    scan: str | None,
) -> int:
    """Write a service directory NAME that runs COMMAND, with a log service."""
    last = os.path.basename(name)
    if not last or last.startswith(".") or (scan and "/" in name):
        raise Fatal(f"{name!r} is no name for a service", PERMANENT)
    path = name if "/" in name else f"{scan or scan_directory()}/{name}"
    texts = newservice.scripts(list(command), user, log_user, log)
    with unable_to(f"make {path}"):
        for made in newservice.write(path, texts, down, log_user):
            click.echo(f"wrote {made}")
    svscan = "svscan starts it now" if not down else f"start it with: svc -u {path}"
    click.echo(f"{svscan}; see it with: pysvc status {path}")
    return 0
