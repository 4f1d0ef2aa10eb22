"""argv0 - run a program under another name

Synopsis:    argv0 realname program [ arg ... ]
Exit codes:  100 wrong usage; 111 realname cannot be run; else the program's own

Runs realname, searched along PATH, with the arguments program, arg, ...: the program sees `program` as
its name. A script does not, because the system puts the script's path there; that includes the programs
of this installation. Unlike the original, argv0 refuses an empty name.
"""

import errno

from pysvc.unix import chain
from pysvc.unix.strerr import unable_to, usage


def main(argv: list[str]) -> int:
    if len(argv) < 3:
        raise usage(__doc__)
    with unable_to(f"run {argv[1]}"):
        if not argv[2]:
            raise OSError(errno.EINVAL, "the interpreter cannot pass an empty name")
        chain.run([argv[1], *argv[3:]], name=argv[2])
