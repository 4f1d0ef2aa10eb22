"""qmail-getpw - find the account that a local address belongs to

Synopsis:    qmail-getpw local
Exit codes:  0 found: user, uid, gid, home directory, dash and extension on descriptor 1, each ended by
             a zero byte; 100 wrong usage; 115 trouble reaching a home directory; 116 no account alias;
             118 trouble with the accounts

qmail-lspawn runs it, as qmailp, for each local part that users/cdb does not assign. An administrator may
put another program in its place. Here an account gets the mail for its name and for name-anything, if it
is not root and owns its home directory; everything else is for alias.
"""

import os

from pymail.unix import users
from pymail.unix.home import Home
from pysvc.unix.files import write_all
from pysvc.unix.strerr import PERMANENT, unable_to


def main(argv: list[str]) -> int:
    if len(argv) < 2:
        return PERMANENT
    found = users.from_accounts(Home.of(argv[0]), os.fsencode(argv[1]))
    with unable_to("write"):
        write_all(1, found.pack())
    return 0
