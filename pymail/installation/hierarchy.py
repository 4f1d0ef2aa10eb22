"""The directories of an installation: paths, owners, modes

Source: qmail hier.c and INSTALL; `run` is ours: the socket of the queue service lies there, where
every local user can reach it. Paths are relative to the home; every group is qmail.
"""

import os
import stat

from pymail.queue import layout
from pymail.unix.home import Home
from pysvc import launch
from pysvc.unix import ids
from pysvc.unix.files import replace
from pysvc.unix.strerr import Fatal, unable_to

HOME_DIRECTORIES = {
    "": ("root", 0o755), "control": ("root", 0o755), "users": ("root", 0o755), "bin": ("root", 0o755),
    "alias": ("alias", 0o2755), "run": ("qmailq", 0o755),
}  # fmt: skip


def directories() -> dict[str, tuple[str, int]]:
    """Every directory: path -> (owner role, mode), parents before children."""
    table = dict(HOME_DIRECTORIES)
    for name, entry in layout.DIRECTORIES.items():
        table[f"queue/{name}".rstrip("/")] = entry
    for name in layout.SPLIT_DIRECTORIES:
        for part in range(layout.SPLIT):
            table[f"queue/{name}/{part}"] = layout.DIRECTORIES[name]
    return table


def special_files() -> dict[str, tuple[str, int, str]]:
    """The queue's own files: path -> (owner role, mode, kind)."""
    return {f"queue/{name}": entry for name, entry in layout.SPECIAL_FILES.items()}


def give(home: Home, path: str, role: str, mode: int) -> None:
    """Set owner, group and mode of something in the home. Raises OSError."""
    uid, gid = home.uid(role), home.gid("qmail")
    found = os.lstat(path)
    if (found.st_uid, found.st_gid) != (uid, gid):
        os.lchown(path, uid, gid)
    if stat.S_IMODE(found.st_mode) != mode or (found.st_uid, found.st_gid) != (uid, gid):
        os.chmod(path, mode)


def make_tree(home: Home) -> list[str]:
    """Make what is missing of the hierarchy and correct owners and modes; the paths newly made.

    Messages are never touched. Raises OSError.
    """
    made = []
    for name, (role, mode) in directories().items():
        path = home.file(name) if name else home.path
        if not os.path.isdir(path):
            os.mkdir(path, 0o700)
            made.append(path)
        give(home, path, role, mode)
    for name, (role, mode, kind) in special_files().items():
        path = home.file(name)
        if not os.path.lexists(path):
            _make_file(path, kind)
            made.append(path)
        give(home, path, role, mode)
    return made


def _make_file(path: str, kind: str) -> None:
    if kind == "fifo":
        os.mkfifo(path, 0o600)
    else:
        replace(path, bytes(layout.TCPTO_SIZE if kind == "zeros" else 0), 0o600)



def make_maildir(path: str, uid: int, gid: int) -> None:
    """Make a Maildir as its owner: root trusts nothing below a directory that a user can write.

    Fatal if it cannot be made.
    """
    child = launch.fork("pymail", lambda: _make_maildir(path, uid, gid))
    if os.waitpid(child, 0)[1]:
        raise Fatal(f"unable to make {path}")


def _make_maildir(path: str, uid: int, gid: int) -> int:
    if os.geteuid() == 0:
        ids.become(uid, gid)
    for folder in (path, f"{path}/tmp", f"{path}/new", f"{path}/cur"):
        with unable_to(f"make {folder}"):
            os.mkdir(folder, 0o700)
    return 0
