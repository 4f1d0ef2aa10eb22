"""The directories of an installation: paths, owners, modes

Source: qmail hier.c and INSTALL; `run` is ours: the socket of the queue service lies there, where
every local user can reach it. Paths are relative to the home; every group is qmail.
"""

import errno
import os
import stat

from pymail.queue import layout
from pymail.unix.home import Home
from pysvc import launch
from pysvc.unix import ids
from pysvc.unix.files import write_all
from pysvc.unix.strerr import Fatal, unable_to

HOME_DIRECTORIES = {
    "": ("root", 0o755), "control": ("root", 0o755), "users": ("root", 0o755), "bin": ("root", 0o755),
    "alias": ("alias", 0o2755), "run": ("qmailq", 0o755),
}  # fmt: skip
NAMED = os.O_PATH | os.O_CLOEXEC


def directories(split: int = layout.SPLIT) -> dict[str, tuple[str, int]]:
    """Every directory: path -> (owner role, mode), parents before children.

    split: into how many parts the queue is split. The highest comes first, as it tells their number.
    """
    table = dict(HOME_DIRECTORIES)
    for name, entry in layout.DIRECTORIES.items():
        table[f"queue/{name}".rstrip("/")] = entry
    for name in layout.SPLIT_DIRECTORIES:
        for part in reversed(range(split)):
            table[f"queue/{name}/{part}"] = layout.DIRECTORIES[name]
    return table


def split_of(home: Home) -> int:
    """Into how many parts the queue of a home is split, or shall be where there is none. Raises OSError."""
    try:
        return layout.parts_of(home.file("queue", "mess")) or layout.SPLIT
    except FileNotFoundError:
        return layout.SPLIT


def special_files() -> dict[str, tuple[str, int, str]]:
    """The queue's own files: path -> (owner role, mode, kind)."""
    return {f"queue/{name}": entry for name, entry in layout.SPECIAL_FILES.items()}


def give(home: Home, name: str, role: str, mode: int) -> None:
    """Set owner, group and mode of something in the home; name: its path below it. Raises OSError."""
    with _Found(home, name) as found:
        _give(found.fd, home.uid(role), home.gid("qmail"), mode)


def make_tree(home: Home) -> list[str]:
    """Make what is missing of the hierarchy and correct owners and modes; the paths newly made.

    Messages are never touched. Raises OSError.
    """
    made = []
    split = split_of(home)
    kinds = dict.fromkeys(directories(split), "directory") | {
        name: kind for name, (_, _, kind) in special_files().items()
    }
    for name, kind in kinds.items():
        path = home.file(name) if name else home.path
        if not os.path.lexists(path):
            with _Found(home, os.path.dirname(name)) as parent:
                _make(os.path.basename(name), kind, parent.fd)
            made.append(path)
    for name, (role, mode, *_) in (directories(split) | special_files()).items():
        give(home, name, role, mode)
    return made


def _make(name: str, kind: str, folder: int) -> None:
    if kind == "directory":
        os.mkdir(name, 0o700, dir_fd=folder)
    elif kind == "fifo":
        os.mkfifo(name, 0o600, dir_fd=folder)
    else:
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder)
        try:
            write_all(fd, bytes(layout.TCPTO_SIZE if kind == "zeros" else 0))
        finally:
            os.close(fd)


class _Found:
    """`fd` names something in the home, whatever happens to its path. Raises OSError.

    Parts of the queue belong to accounts that are not root. What these may have put in the place of a
    directory or file, a link or a second name of some file of root's, is refused.
    """

    def __init__(self, home: Home, name: str) -> None:
        self.fd = os.open(home.path, NAMED)
        for part in filter(None, name.split("/")):
            folder = self.fd
            try:
                self.fd = _inside(folder, part)
            finally:
                os.close(folder)

    def __enter__(self) -> "_Found":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)


def _inside(folder: int, name: str) -> int:
    owner = os.fstat(folder)
    if owner.st_uid in (0, os.geteuid()) and not owner.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return os.open(name, NAMED, dir_fd=folder)  # a link here is the administrator's
    fd = os.open(name, NAMED | os.O_NOFOLLOW, dir_fd=folder)
    found = os.fstat(fd)
    if stat.S_ISLNK(found.st_mode) or (not stat.S_ISDIR(found.st_mode) and found.st_nlink > 1):
        os.close(fd)
        raise OSError(errno.ELOOP, "a link in a directory that is not root's", name)
    return fd


def _give(fd: int, uid: int, gid: int, mode: int) -> None:
    path = f"/proc/self/fd/{fd}"  # the only way to change what a descriptor names that was not opened
    found = os.fstat(fd)
    changed = (found.st_uid, found.st_gid) != (uid, gid)
    if changed:
        os.chown(path, uid, gid)
    if changed or stat.S_IMODE(found.st_mode) != mode:
        os.chmod(path, mode)


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
