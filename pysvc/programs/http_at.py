"""http@ - fetch a page from a host

Synopsis:    http@ [ host [ page [ port ] ] ]
Environment: as for tcpclient
Exit codes:  0, also where there is no connection; 111 the page cannot be printed

Asks port (80) of host (0, this machine) for /page by HTTP/1.0 and prints what follows the head of the
reply, with LF at the ends of lines, also of the last one.
"""

import os

from pysvc.formats import http
from pysvc.unix import asking, files
from pysvc.unix.strerr import unable_to


def main(argv: list[str]) -> int:
    host, page, port = asking.arguments(argv, "0", "", "80")
    body = http.Body()
    request = http.request(os.fsencode(host), os.fsencode(port), os.fsencode(page))
    for block in asking.lines(host, port, request):
        _print(body.feed(block))
    _print(body.end())
    return 0


def _print(text: bytes) -> None:
    with unable_to("write"):
        files.write_all(1, text)
