"""datemail - as sendmail, with a local date

Runs predate, which runs sendmail: the message gets a Date field in local time instead of one in GMT.

Synopsis:    datemail [ sendmail's arguments ]
Environment: TZ   the time zone
Exit codes:  those of sendmail; 111 predate cannot be run
"""

from pymail.unix.home import Home
from pysvc.unix import chain
from pysvc.unix.strerr import unable_to


def main(argv: list[str]) -> int:
    home = Home.of(argv[0])
    predate = home.file("bin", "predate")
    with unable_to(f"run {predate}"):
        chain.run([predate, home.file("bin", "sendmail"), *argv[1:]])
