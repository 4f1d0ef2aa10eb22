"""fixcrio - run a program and put CR before LF in what it exchanges

Synopsis:    fixcrio program [ arg ... ]
Exit codes:  100 wrong usage; 111 no pipe, no process, or the program cannot be run; else the program's own

The program gets pipes in place of descriptors 0 and 1; a child copies between them and the original ones,
and in both directions puts CR before each LF that has none. A last line without LF stays as it is. The
child ends when the program's output ends, or when nobody takes what it has to pass on.
"""

from pysvc import launch
from pysvc.formats.crlf import Fixer
from pysvc.unix import chain, copier
from pysvc.unix.strerr import unable_to, usage

CHUNK = 2048  # bytes; twice as many, all LF made CR LF, are one PIPE_BUF


def main(argv: list[str]) -> int:
    if len(argv) < 2:
        raise usage(__doc__)
    copier.insert(lambda body: launch.fork("fixcrio", body), Fixer().feed, Fixer().feed, CHUNK)
    with unable_to(f"run {argv[1]}"):
        chain.run(argv[1:])
