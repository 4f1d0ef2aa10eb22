"""Accounts, and becoming one of them"""

import errno
import os
import pwd

from pysvc.unix.strerr import Fatal, unable_to

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

HIGHEST = 2**32 - 2  # the id after it tells the kernel to leave the id as it is: root would remain root


def account(name: str) -> pwd.struct_passwd:
    """The account of that name; Fatal if there is none (a number is just an unknown name)."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise Fatal(f"unknown account {name}") from None


def become(uid: int, gid: int, groups: "Sequence[int] | None" = None) -> None:
    """Give up root for good: groups, then gid, then uid, each real, effective and saved.

    groups: the supplementary groups, by default exactly the one `gid`.
    Fatal `unable to setgid: …` or `unable to setuid: …`, also for a number that is no id.
    """
    with unable_to("setgid"):
        _check(gid)
        os.setgroups([gid] if groups is None else groups)
        os.setresgid(gid, gid, gid)
    with unable_to("setuid"):
        _check(uid)
        os.setresuid(uid, uid, uid)


def _check(number: int) -> None:
    if not 0 <= number <= HIGHEST:
        raise OSError(errno.EINVAL, "no such id")
