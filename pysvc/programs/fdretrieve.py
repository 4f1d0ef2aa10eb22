"""fdretrieve - run a program with the sockets that fdholder holds

Synopsis:    fdretrieve path program [ arg ... ]
Files:       path   the socket of fdholder
Exit codes:  100 wrong usage; 111 no sockets came in time, or the program cannot be run; else its own

The program finds the sockets as descriptors 3 and up, and LISTEN_FDS and LISTEN_PID in its environment, as
systemd would pass them: tcpserver takes them in place of its own.
"""

import errno
import select
import time

from pysvc.unix import activation, chain, local, tcp
from pysvc.unix.strerr import Fatal, unable_to, usage

PATIENCE = 3  # seconds; the holder has nothing else to do


def main(argv: list[str]) -> int:
    if len(argv) < 3:
        raise usage(__doc__)
    path, program = argv[1], argv[2:]
    with unable_to(f"get sockets from {path}"):
        connection = local.connect(path)
        if not tcp.wait(connection.fileno(), select.POLLIN, time.monotonic() + PATIENCE):
            raise OSError(errno.ETIMEDOUT, "no answer")
        sockets = local.take_over(connection)
        connection.close()
    if not sockets:
        raise Fatal(f"unable to get sockets from {path}: there are none")
    with unable_to("set up descriptors"):
        activation.pass_on(sockets)
    with unable_to(f"run {program[0]}"):
        chain.run(program)
