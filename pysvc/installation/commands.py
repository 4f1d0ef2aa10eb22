"""How the commands that people type run: click, with the exit codes of this family"""

import os

import click

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
