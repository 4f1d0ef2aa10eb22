"""unixclient - make a Unix connection and run a program with it

Synopsis:    unixclient socket program
Exit codes:  1 wrong usage, or no connection; 255 the program cannot be run; else the program's own

The program can read from the connection as descriptor 6 and write to it as descriptor 7; descriptors 0, 1 and
2 are left alone. It gets PROTO=UNIX, UNIXLOCALUID, UNIXLOCALGID, UNIXLOCALPID (its own), UNIXREMOTEPATH, and
what the kernel says of the server: UNIXREMOTEEUID, UNIXREMOTEEGID, UNIXREMOTEPID.
"""

import os

from pysvc.unix import chain, descriptors, local
from pysvc.unix.strerr import Fatal, unable_to, usage

FAILED, CANNOT_RUN = 1, 255  # exit codes


def main(argv: list[str]) -> int:
    if len(argv) < 3:
        raise usage(__doc__, FAILED)
    path, program = argv[1], argv[2:]
    with unable_to(f"connect to {path}", FAILED):
        fd = local.connect(path).detach()
    environment = {**os.environb, **local.variables(b"UNIXREMOTEPATH", path, fd)}
    try:
        descriptors.as_client(fd)
    except Fatal as fatal:
        raise Fatal(fatal.text, FAILED) from None
    with unable_to(f"run {program[0]}", CANNOT_RUN):
        chain.run(program, environment)
