"""envuidgid - run a program with an account's ids in the environment

Synopsis:    envuidgid account child
Environment: UID, GID   set to the decimal ids of the account; the process's own ids do not change
Exit codes:  100 wrong usage; 111 unknown account, or the program cannot be run; else the program's own
"""

import os

from pysvc.unix import chain, ids
from pysvc.unix.strerr import unable_to, usage


def main(argv: list[str]) -> int:
    if len(argv) < 3:
        raise usage(__doc__)
    entry = ids.account(argv[1])
    env = dict(os.environb)
    env[b"GID"] = b"%d" % entry.pw_gid
    env[b"UID"] = b"%d" % entry.pw_uid
    with unable_to(f"run {argv[2]}"):
        chain.run(argv[2:], env)
