"""finger@ - ask a host about a user

Synopsis:    finger@ [ host [ user ] ]
Environment: as for tcpclient
Exit codes:  0, also where there is no connection; 111 the answer cannot be printed

Prints what the finger service of host (0, this machine) says of user, or, without one, of who is there.
Control bytes are shown as ^A, bytes with the high bit as M-a. Source: RFC 1288.
"""

import os

from pysvc.unix import asking

FINGER = "79"


def main(argv: list[str]) -> int:
    host, user = asking.arguments(argv, "0", "")
    return asking.show(host, FINGER, os.fsencode(user) + b"\r\n")
