"""qmail-tcpok - forget which hosts lately timed out

Synopsis:    qmail-tcpok
Files:       queue/lock/tcpto
Exit codes:  0; 111 the table cannot be cleared
"""

import os

from pymail.formats import tcpto
from pymail.unix.home import Home
from pymail.unix.tcpto import path
from pysvc.unix import lock
from pysvc.unix.strerr import unable_to


def main(argv: list[str]) -> int:
    home = Home.of(argv[0])
    table = path(home)
    for folder in (home.path, os.path.dirname(table)):
        with unable_to(f"chdir to {folder}"):
            os.chdir(folder)
    with unable_to(f"write {table}"):
        fd = os.open(table, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with unable_to(f"lock {table}"):
        lock.lock(fd)
    with unable_to(f"clear {table}"):
        os.pwrite(fd, bytes(tcpto.SIZE), 0)
    return 0
