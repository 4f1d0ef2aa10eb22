"""pysvc - install these programs, and say what they are

Synopsis:    pysvc install [--bin DIR] | uninstall [--bin DIR] | programs | manual PROGRAM
             | status [--json] [DIR]... | top [DIR]... | deaths [--clear] DIR... | new NAME -- COMMAND...
Verbs:       install     make the launchers of all daemontools and ucspi-tcp programs in DIR (root's
                         default: /usr/local/bin); as root also an empty /service, as the original's
                         installation does. It can be repeated; what somebody else changed stays
             uninstall   remove what install made and nobody changed
             programs    list the programs, one a line
             manual      print a program's manual
             status      show services: state, CPU, memory, last death, last log lines. DIR is a service or a
                         directory of services (the one beside this installation's bin, or /service)
             top         the same, again and again, with what is used now of the CPU; q ends it
             deaths      show when and of what services with a file max-death-tally have died; --clear forgets
             new         write a service directory, run script and log service, and say what was written
Exit codes:  0; 1 something was kept as it is, or a service is not as it should be; 100 wrong usage,
             or this place cannot serve; 111 trouble
"""

import os
import sys

import click

from pysvc import __version__
from pysvc.installation.commands import reference, run_click
from pysvc.installation.install import LEDGER, how_to_start, install
from pysvc.installation.ledger import Ledger
from pysvc.installation.removal import take_back
from pysvc.launch import leave, run
from pysvc.programs import PROGRAMS
from pysvc.unix.strerr import PERMANENT, Fatal, unable_to
from pysvc.views.commands import deaths_command, new_command, status_command, top_command

ROOT_BIN = "/usr/local/bin"


def default_bin(folder: str | None) -> str:
    """The directory for programs: as asked for, or root's default. Fatal for others without one."""
    if folder is None and os.geteuid() != 0:
        raise Fatal("unable to tell where the programs shall lie: say --bin DIR", PERMANENT)
    return os.path.abspath(folder or ROOT_BIN)


@click.group(
    commands=[status_command, top_command, deaths_command, new_command, *reference("pysvc", PROGRAMS)],
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="pysvc")
def commands() -> None:
    """Supervision, logging and TCP programs in the tradition of daemontools and ucspi-tcp."""


@commands.command("install")
@click.option("--bin", "folder", metavar="DIR", help=f"where the programs lie (root: {ROOT_BIN})")
def install_command(folder: str | None) -> int:
    """Make the launchers of all programs; as root also /service."""
    folder = default_bin(folder)
    with unable_to(f"install into {folder}"):
        os.makedirs(folder, exist_ok=True)
        ledger = Ledger(f"{folder}/{LEDGER}", click.echo)
        install(ledger, folder, os.geteuid() == 0)
    if os.geteuid() == 0 and (advice := how_to_start(folder)):
        click.echo(advice)
    return 1 if ledger.kept else 0


@commands.command("uninstall")
@click.option("--bin", "folder", metavar="DIR", help=f"where the programs lie (root: {ROOT_BIN})")
def uninstall_command(folder: str | None) -> int:
    """Remove what install made and nobody changed since."""
    folder = default_bin(folder)
    with unable_to(f"uninstall from {folder}"):
        ledger = Ledger(f"{folder}/{LEDGER}", click.echo)
        left = take_back(ledger)
        for path in left:
            click.echo(f"kept {path}: it is in use, or not as it was made")
        if ledger.entries and not left:
            ledger.forget()
    return 1 if left else 0


def main(argv: list[str]) -> int:
    return run_click(commands, argv)


def console() -> None:
    """The entry point that pip installs."""
    leave(run("pysvc", lambda: main(sys.argv)))
