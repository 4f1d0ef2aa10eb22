"""The accounts and groups of section 3.2 of the document, and the one that gets the postmaster's mail"""

import grp
import pwd
import shutil
import subprocess

from pymail.unix.home import GROUPS
from pysvc.unix.strerr import Fatal


def _command(*words: str) -> None:
    """Run one of the system's account programs. Fatal with its own words if it fails."""
    if shutil.which(words[0]) is None:
        raise Fatal(f"unable to run {words[0]}: file does not exist; make the accounts by hand")
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Fatal(f"unable to run {' '.join(words)}: {done.stderr.strip() or done.returncode}")


def group_exists(name: str) -> bool:
    """Whether the system knows a group."""
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def user_exists(name: str) -> bool:
    """Whether the system knows an account."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


EXISTS = {"group": group_exists, "user": user_exists}


def missing() -> list[tuple[str, str]]:
    """(kind, name) of each group and account of the mail system that does not exist."""
    groups = [("group", name) for name in ("nofiles", "qmail") if not group_exists(name)]
    return groups + [("user", role) for role in GROUPS if not user_exists(role)]


def make(kind: str, name: str, home: str) -> None:
    """Make a group or an account of the mail system. Fatal if the system refuses."""
    if kind == "group":
        _command("groupadd", name)
    else:
        folder = f"{home}/alias" if name == "alias" else home
        _command("useradd", "-M", "-s", "/usr/sbin/nologin", "-g", GROUPS[name], "-d", folder, name)


def make_person(name: str) -> None:
    """Make an ordinary account with a home directory. Fatal if the system refuses."""
    _command("useradd", "-m", name)


def remove(kind: str, name: str) -> None:
    """Remove a group or an account, not its files. Fatal if the system refuses."""
    _command("groupdel" if kind == "group" else "userdel", name)
