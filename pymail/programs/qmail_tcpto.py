"""qmail-tcpto - list the hosts that lately timed out

Prints a line for each host that qmail-remote could not reach in time, with the seconds since then and
the number of timeouts. Hosts with two or more are left alone for an hour or more.

Synopsis:    qmail-tcpto
Files:       queue/lock/tcpto
Exit codes:  0; 111 the table cannot be read: the reason is printed on descriptor 1 too
"""

import os
import time

from pymail.formats import tcpto
from pymail.unix.home import Home
from pymail.unix.tcpto import path, read
from pysvc.formats import ip
from pysvc.unix import lock
from pysvc.unix.files import write_all
from pysvc.unix.strerr import TEMPORARY, Fatal, unable_to


def main(argv: list[str]) -> int:
    home = Home.of(argv[0])
    try:
        table = read_table(home)
    except Fatal as fatal:
        write_all(1, os.fsencode(f"fatal: {fatal.text}\n"))
        return TEMPORARY
    now = int(time.time())
    write_all(1, b"".join(line(host, now) for host in tcpto.recent(table)))
    return 0


def read_table(home: Home) -> bytes:
    """The table. Fatal if it cannot be read."""
    with unable_to("chdir"):
        os.chdir(home.path)
    with unable_to("open tcpto"):
        fd = os.open(path(home), os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    with unable_to("lock tcpto"):
        lock.lock(fd)
    with unable_to("read tcpto"):
        return read(fd)


def line(host: tcpto.Timeout, now: int) -> bytes:
    """What is printed for one host; seconds are unsigned, so a time to come is a huge number."""
    seconds = (now - host.when) & 0xFFFFFFFFFFFFFFFF
    return b"%s timed out %d seconds ago; # recent timeouts: %d\n" % (
        ip.text(host.address), seconds, host.count,
    )  # fmt: skip
