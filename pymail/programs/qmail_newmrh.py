"""qmail-newmrh - compile control/morercpthosts for qmail-smtpd

Synopsis:    qmail-newmrh
Files:       control/morercpthosts       domains, as in control/rcpthosts
             control/morercpthosts.cdb   what the servers read; replaced at once
             control/morercpthosts.tmp   the new one on its way
Exit codes:  0 done; 111 nothing has changed
"""

import os

from pymail.formats import control
from pymail.unix.home import Home
from pysvc.formats import cdb
from pysvc.unix.files import read_file, sync_directory, write_all
from pysvc.unix.strerr import Fatal, reason, unable_to

SOURCE, TARGET, NEW = "control/morercpthosts", "control/morercpthosts.cdb", "control/morercpthosts.tmp"


def main(argv: list[str]) -> int:
    home = Home.of(argv[0])
    os.umask(0o033)
    with unable_to(f"chdir to {home.path}"):
        os.chdir(home.path)
    with unable_to(f"read {SOURCE}"):
        items = control.items(read_file(SOURCE))
    with unable_to(f"write to {NEW}"):
        new = os.open(NEW, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        write_all(new, cdb.build([(item.lower(), b"") for item in items]))
        os.fsync(new)
        os.close(new)
    try:
        os.rename(NEW, TARGET)
        sync_directory("control")
    except OSError as error:
        raise Fatal(f"unable to move {NEW} to {TARGET}{reason(error)}") from error  # as the original has it
    return 0
