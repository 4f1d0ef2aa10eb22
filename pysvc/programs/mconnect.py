"""mconnect - talk to an SMTP server from a terminal

Synopsis:    mconnect [ host [ port ] ]
Environment: as for tcpclient
Exit codes:  0 the connection has ended; 111 no connection

Connects to port 25 of host (0, this machine) by tcpclient, and copies between the connection and
standard input and output by mconnect-io.
"""

import os

from pysvc.unix import asking, chain
from pysvc.unix.strerr import unable_to

SMTP = "25"


def main(argv: list[str]) -> int:
    host, port = asking.arguments(argv, "0", SMTP)
    programs = os.path.dirname(os.path.realpath(argv[0]))
    with unable_to("run tcpclient"):
        chain.run([f"{programs}/tcpclient", "-RHl0", "--", host, port, f"{programs}/mconnect-io"])
