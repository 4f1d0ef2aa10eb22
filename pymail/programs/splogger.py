"""splogger - write lines to syslog

Each line of descriptor 0 gets a stamp, seconds and microseconds, because syslog's own are too coarse for
log analysers. Bytes that cannot be printed become `?`; a line of more than 799 bytes goes in pieces, which
have the same stamp and a `+` after it.

Synopsis:    splogger [ tag [ facility ] ]
Operands:    tag        stands before each line, default splogger
             facility   number, default 2, mail
Exit codes:  0 end of input

Lines that begin with `alert:` have priority alert, with `warning:` warning, all others info.
"""

import os
import syslog
import time

from pymail.formats.syslogline import Splitter
from pysvc.formats.number import scan
from pysvc.unix.files import blocks
from pysvc.unix.strerr import unable_to

MAIL = 2
FACILITIES = 128  # as many as there is room for in syslog's number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def main(argv: list[str]) -> int:
    tag = argv[1] if len(argv) > 1 else "splogger"
    facility = scan(os.fsencode(argv[2]))[0] if len(argv) > 2 else MAIL
    syslog.openlog(tag.encode("ascii", "replace").decode(), 0, facility % FACILITIES * 8)
    splitter = Splitter()
    with unable_to("read input"):
        for block in blocks(0):
            write(splitter.feed(block, stamp()))
    write(splitter.end(stamp()))
    return 0


def stamp() -> bytes:
    return b"%d.%06d" % divmod(time.time_ns() // 1000, 1_000_000)


def write(lines: "Iterable[tuple[int, bytes]]") -> None:
    for priority, text in lines:
        syslog.syslog(priority, text.decode("ascii"))
