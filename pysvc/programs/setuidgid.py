"""setuidgid - run a program as an account

Synopsis:    setuidgid account child
Exit codes:  100 wrong usage; 111 unknown account, its ids cannot be taken, or the program cannot be run;
             else the program's own

The program has the account's user and primary group, real, effective and saved, and no other group.
Its environment stays as it is. Only root can do this.
"""

from pysvc.unix import chain, ids
from pysvc.unix.strerr import unable_to, usage


def main(argv: list[str]) -> int:
    if len(argv) < 3:
        raise usage(__doc__)
    entry = ids.account(argv[1])
    ids.become(entry.pw_uid, entry.pw_gid)
    with unable_to(f"run {argv[2]}"):
        chain.run(argv[2:])
