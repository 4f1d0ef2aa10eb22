"""What an installation made, so that it can be repeated, checked and taken back

One line of JSON for each thing, written durably before the thing itself is made: an installation that
was interrupted anywhere can be run again, and removal finds everything. What an administrator made or
changed is never overwritten: a file counts as ours while its content is one that we recorded.
"""

import difflib
import hashlib
import json
import os
import stat
from collections.abc import Callable

from pysvc.unix.files import read_all, read_file, replace, sync_directory, write_all
from pysvc.unix.strerr import PERMANENT, Fatal

Report = Callable[[str], None]


def digest(content: bytes) -> str:
    """The fingerprint by which a file's content is recognised."""
    return hashlib.sha256(content).hexdigest()


def _set_mode(path: str, mode: int) -> None:
    """Change the mode of a file, and of nothing that a link in its place leads to. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fchmod(fd, mode)
    finally:
        os.close(fd)


def _content_of(path: str) -> bytes:
    """What a ledger's file holds. Fatal if it is somebody else's, who could have root remove anything."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return b""
    try:
        owner = os.fstat(fd).st_uid
        if owner != os.geteuid():
            raise Fatal(f"{path} belongs to user {owner}, who alone may change this installation", PERMANENT)
        return read_all(fd)
    finally:
        os.close(fd)


class Ledger:
    """The record of one installation, and the operations that it records.

    path: the ledger's file. report: called with one line for each thing done or left alone.
    Every operation raises OSError if the system refuses it; Fatal if the ledger is somebody else's.
    """

    def __init__(self, path: str, report: Report) -> None:
        self.path, self.report = path, report
        self.kept: list[str] = []  # files left alone because somebody else changed them
        self.entries: list[dict[str, str]] = []
        for line in _content_of(path).splitlines():
            if line.endswith(b"}"):  # a crash may have cut the last line
                self.entries.append(json.loads(line))

    def record(self, kind: str, path: str, **details: str) -> None:
        """Remember, durably, that something is about to be made."""
        entry = {"kind": kind, "path": path, **details}
        if entry in self.entries:
            return
        new = not os.path.exists(self.path)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(self.path, flags, 0o600)
        try:
            size = os.fstat(fd).st_size
            torn = size > 0 and os.pread(fd, 1, size - 1) != b"\n"
            write_all(fd, b"\n" * torn + json.dumps(entry).encode() + b"\n")
            os.fsync(fd)
        finally:
            os.close(fd)
        if new:
            sync_directory(os.path.dirname(self.path))
        self.entries.append(entry)

    def made(self, kind: str, path: str) -> list[dict[str, str]]:
        """The entries about one thing."""
        return [entry for entry in self.entries if (entry["kind"], entry["path"]) == (kind, path)]

    def directory(self, path: str, mode: int = 0o755, owner: tuple[int, int] | None = None) -> None:
        """Make a directory if it is missing; an existing one stays as it is."""
        if os.path.isdir(path):
            return
        self.record("directory", path)
        os.mkdir(path, 0o700)
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if owner is not None:
                os.fchown(fd, *owner)
            os.fchmod(fd, mode)
        finally:
            os.close(fd)
        self.report(f"made {path}/")

    def file(
        self,
        path: str,
        content: bytes,
        mode: int = 0o644,
        why: str = "",
        ours: Callable[[bytes], bool] | None = None,
    ) -> bool:
        """Give a file its content, unless it was changed by somebody else; whether it has it now.

        ours: tells from a file's content that it may be replaced although no entry names it.
        """
        known = {entry["sha256"] for entry in self.made("file", path)}
        old = self._content(path)
        if old == content:
            if stat.S_IMODE(os.stat(path).st_mode) != mode:
                _set_mode(path, mode)
                self.report(f"set the mode of {path} to {mode:o}")
            return True
        if old is not None and digest(old) not in known and not (ours and ours(old)):
            self._keep(path, old, content)
            return False
        self.record("file", path, sha256=digest(content))
        replace(path, content, mode, path + ".pymail-new")
        _set_mode(path, mode)
        self.report(f"{'made' if old is None else 'updated'} {path}" + (f": {why}" if why else ""))
        return True

    def _content(self, path: str) -> bytes | None:
        try:
            return read_file(path) if stat.S_ISREG(os.lstat(path).st_mode) else b"\0not a regular file"
        except FileNotFoundError:
            return None

    def _keep(self, path: str, old: bytes, new: bytes) -> None:
        self.kept.append(path)
        self.report(f"kept {path}: it is not as this installation made it; what it would be differs so:")
        before = old.decode(errors="replace").splitlines()
        after = new.decode(errors="replace").splitlines()
        if b"\0" in old:
            self.report("    (not a text file)")
            return
        for line in difflib.unified_diff(before, after, path, "new", lineterm=""):
            self.report(f"    {line}")

    def link(self, path: str, target: str, why: str = "") -> bool:
        """Make a symbolic link; whether `path` is that link now."""
        if os.path.islink(path) and os.readlink(path) == target:
            return True
        if os.path.lexists(path):
            self.kept.append(path)
            there = f"a link to {os.readlink(path)}" if os.path.islink(path) else "something else"
            self.report(f"kept {path}: it is {there}, not a link to {target}")
            return False
        self.record("link", path, target=target)
        os.symlink(target, path)
        sync_directory(os.path.dirname(path))
        self.report(f"linked {path} to {target}" + (f": {why}" if why else ""))
        return True

    def forget(self) -> None:
        """Remove the ledger itself: nothing of the installation is left."""
        os.unlink(self.path)
