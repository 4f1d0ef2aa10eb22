"""date@ - ask a host for the time of day

Synopsis:    date@ [ host ]
Environment: as for tcpclient
Exit codes:  0, also where there is no connection; 111 the answer cannot be printed

Prints what the daytime service of host (0, this machine) says. Control bytes are shown as ^A, bytes with
the high bit as M-a. Source: RFC 867.
"""

from pysvc.unix import asking

DAYTIME = "13"


def main(argv: list[str]) -> int:
    (host,) = asking.arguments(argv, "0")
    return asking.show(host, DAYTIME)
