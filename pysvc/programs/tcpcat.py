"""tcpcat - print what a host sends

Synopsis:    tcpcat [ host [ port ] ]
Environment: as for tcpclient
Exit codes:  0 the connection has ended; 111 no connection, it broke, or its data cannot be printed

Copies what comes from port 17 of host (0, this machine) to standard output, as it is. Source: RFC 865.
"""

from pysvc.unix import asking, files
from pysvc.unix.strerr import unable_to

QUOTE_OF_THE_DAY = "17"


def main(argv: list[str]) -> int:
    host, port = asking.arguments(argv, "0", QUOTE_OF_THE_DAY)
    connection = asking.connect(host, port)
    with unable_to("copy"):
        for block in files.blocks(connection):
            files.write_all(1, block)
    return 0
