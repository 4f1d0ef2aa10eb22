"""predate - run a program with a local date before its input

The program reads a Date field in local time, then what predate reads.

Synopsis:    predate child
Environment: TZ   the time zone
Exit codes:  that of the program; 100 wrong usage, or the program cannot be run; 111 temporary trouble,
             or the program crashed
"""

import time

from pymail.delivery.children import feed
from pymail.formats.date import local_date
from pysvc.unix.strerr import usage


def main(argv: list[str]) -> int:
    if len(argv) < 2:
        raise usage(__doc__)
    now = time.localtime()
    return feed(argv[1:], b"Date: " + local_date(now, now.tm_gmtoff) + b"\n")
