"""How the commands that people type run: click, with the exit codes of this family"""

import importlib
import os

import click

from pysvc.unix.launchers import Launcher
from pysvc.unix.strerr import PERMANENT


def run_click(group: click.Group, argv: list[str]) -> int:
    """Run a click command; its function's number is the exit code, and wrong usage is 100."""
    try:
        code = group.main(argv[1:], prog_name=os.path.basename(argv[0]), standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return PERMANENT
    except click.Abort:
        return PERMANENT
    return int(code or 0)


def reference(package: str, programs: dict[str, tuple[str, str]]) -> list[click.Command]:
    """The verbs by which a package tells of its programs: `programs` and `manual`."""

    @click.command("programs")
    def programs_command() -> int:
        """List the programs."""
        for name, (what, _) in programs.items():
            click.echo(f"{name:15} {what}")
        return 0

    @click.command("manual")
    @click.argument("program", type=click.Choice(list(programs)))
    def manual_command(program: str) -> int:
        """Print a program's manual."""
        click.echo((importlib.import_module(Launcher(package, program).module).__doc__ or "").rstrip())
        return 0

    return [programs_command, manual_command]
