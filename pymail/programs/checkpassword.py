"""checkpassword - check a password, then run a program as its owner

Synopsis:    checkpassword program [ arg ... ]
Descriptors: 3   login name NUL password NUL, then what this program does not look at; at most 512 bytes
Environment: USER, HOME, SHELL   set for the program
Files:       /etc/passwd /etc/shadow   accounts
             users/passwd     virtual mailboxes, for names that no account has; lines as Dovecot's
                              user:{SCHEME}hash:uid:gid:gecos:home:shell:extra
             control/me       the domain of mailboxes that log in without one
Exit codes:  1 not accepted; 2 misuse; 111 trouble that may pass; else the program's own

Prints nothing. The program runs in the home directory with the ids of the account, or of the mailbox's
line, and with no group but its primary one. In a private instance there are only mailboxes, and the
program runs as whoever runs this one. While a password is hashed the process may use 64 MB more than
its memory limits allow, because current hashes need more than services are commonly given.

Who is refused waits for one hash of each kind that any account or mailbox has, whoever that is; so nobody
learns from the time which names there are.

Dovecot runs it as it runs any checkpassword that takes the user's ids:

    passdb {
      driver = checkpassword
      args = /usr/bin/env INSECURE_SETUID=1 /var/qmail/bin/checkpassword
    }
    userdb {
      driver = prefetch
    }
    service auth {
      user = root
    }
"""

import os

from pymail.unix import passwords
from pymail.unix.home import Home
from pysvc.unix import chain, ids
from pysvc.unix.files import read_all
from pysvc.unix.strerr import TEMPORARY, Fatal

REJECTED, MISUSE = 1, 2
DESCRIPTOR, LONGEST = 3, 512


def main(argv: list[str]) -> int:
    if len(argv) < 2:
        return MISUSE
    try:
        home = Home.of(argv[0])
        account = passwords.verify(home, *_credentials())
        if account is None:
            return REJECTED
        _become(home, account)
        os.chdir(account.home)
        env = dict(os.environb)
        env.update({b"USER": account.name, b"HOME": account.home, b"SHELL": account.shell})
        chain.run(argv[1:], env)
    except OSError:
        return TEMPORARY
    except Fatal as fatal:
        return fatal.code


def _credentials() -> tuple[bytes, bytes]:
    """Login name and password from the descriptor, which is closed. Raises OSError, silent Fatal."""
    data = read_all(DESCRIPTOR, LONGEST + 1)
    os.close(DESCRIPTOR)
    if len(data) > LONGEST:
        raise Fatal("", REJECTED)
    fields = data.split(b"\0", 2)
    if len(fields) < 3:
        raise Fatal("", MISUSE)
    return fields[0], fields[1]


def _become(home: Home, account: passwords.Account) -> None:
    """Take the account's ids. Only where one user plays every role is there nothing to take."""
    if home.private and os.geteuid():
        return
    try:
        ids.become(account.uid, account.gid)
    except Fatal:
        raise Fatal("", REJECTED) from None
