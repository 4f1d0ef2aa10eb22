"""pgrphack - run a program in a session of its own

Synopsis:    pgrphack child

The session is also a process group, without a terminal: signals typed there do not reach the program.

Exit codes:  100 wrong usage; 111 the program cannot be run; else the program's own
"""

import os

from pysvc.unix import chain
from pysvc.unix.strerr import unable_to, usage


def main(argv: list[str]) -> int:
    if len(argv) < 2:
        raise usage(__doc__)
    try:
        os.setsid()
    except OSError:
        pass  # it leads a group already
    with unable_to(f"run {argv[1]}"):
        chain.run(argv[1:])
