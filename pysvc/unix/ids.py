"""Accounts, and becoming one of them"""

import grp
import os
import pwd

from pysvc.unix.strerr import Fatal, unable_to

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def account(name: str) -> pwd.struct_passwd:
    """The account of that name; Fatal if there is none (a number is just an unknown name)."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise Fatal(f"unknown account {name}") from None


def group_id(name: str) -> int:
    """The id of a group; Fatal if there is none."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise Fatal(f"unknown group {name}") from None


def become(uid: int, gid: int, groups: "Sequence[int] | None" = None) -> None:
    """Give up root for good: groups, then gid, then uid, each real, effective and saved.

    groups: the supplementary groups, by default exactly the one `gid`.
    Fatal `unable to setgid: …` or `unable to setuid: …`.
    """
    with unable_to("setgid"):
        os.setgroups([gid] if groups is None else groups)
        os.setresgid(gid, gid, gid)
    with unable_to("setuid"):
        os.setresuid(uid, uid, uid)
