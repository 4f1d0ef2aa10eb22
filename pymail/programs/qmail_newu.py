"""qmail-newu - compile users/assign for qmail-lspawn

Synopsis:    qmail-newu
Files:       users/assign       the assignments, ended by a line with a dot
             users/cdb          what qmail-lspawn reads; replaced at once, while mail is delivered
             users/cdb.tmp      the new one on its way
Exit codes:  0 done; 111 nothing has changed
"""

import os

from pymail.formats import assign
from pymail.unix.home import Home
from pysvc.formats import cdb
from pysvc.unix.files import read_all, sync_directory, write_all
from pysvc.unix.strerr import Fatal, failing_as

SOURCE, TARGET, NEW = "users/assign", "users/cdb", "users/cdb.tmp"


def main(argv: list[str]) -> int:
    home = Home.of(argv[0])
    os.umask(0o033)
    with failing_as(Fatal("unable to chdir")):
        os.chdir(home.path)
    with failing_as(Fatal(f"unable to open {SOURCE}")):
        source = os.open(SOURCE, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with failing_as(Fatal(f"unable to read {SOURCE}")):
        text = read_all(source)
    try:
        entries = assign.parse(text)
    except assign.BadFormat:
        raise Fatal(f"bad format in {SOURCE}") from None
    _replace(cdb.build(assign.records(entries)))
    return 0


def _replace(database: bytes) -> None:
    with failing_as(Fatal(f"unable to open {NEW}")):
        new = os.open(NEW, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    with failing_as(Fatal(f"unable to write {NEW}")):
        write_all(new, database)
        os.fsync(new)
        os.close(new)
    with failing_as(Fatal(f"unable to move {NEW} to {TARGET}")):
        os.rename(NEW, TARGET)
        sync_directory("users")
