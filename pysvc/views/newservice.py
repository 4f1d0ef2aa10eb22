"""Write a service directory as Life with qmail does: a run script, and a log service with multilog"""

import os
import shlex
import shutil
import tempfile

from pysvc.unix.files import sync_directory, write_all
from pysvc.unix.strerr import PERMANENT, Fatal

HEAD = "#!/bin/sh\n"


class Wanted:
    """A service: its command, and the account that runs it.

    log: where multilog writes, as a path seen from the log service, and as log_user; "": there is no log.
    """

    def __init__(self, command: list[str], user: str | None = None, down: bool = False) -> None:
        self.command, self.user, self.down = command, user, down
        self.log = ""
        self.log_user: str | None = None

    def files(self) -> dict[str, str]:
        """The text of each file, by its name in the service directory."""
        found = {"run": f"{HEAD}exec {_become(self.user)}{shlex.join(self.command)} 2>&1\n"}
        if self.log:
            found["log/run"] = f"{HEAD}exec {_become(self.log_user)}multilog t {shlex.quote(self.log)}\n"
        if self.down:
            found["down"] = ""
        return found


def _become(user: str | None) -> str:
    return f"setuidgid {shlex.quote(user)} " if user else ""


def write(path: str, wanted: Wanted) -> list[str]:
    """Make the directory, all of it at once under its name; the paths written. Raises OSError, Fatal."""
    if os.path.lexists(path):
        raise Fatal(f"{path} exists already", PERMANENT)
    folder = os.path.dirname(path) or "."
    new = tempfile.mkdtemp(prefix=f".{os.path.basename(path)}."[:64], dir=folder)  # svscan skips it
    try:
        outside = _fill(new, wanted)
        os.rename(new, path)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    sync_directory(folder)
    return [*(f"{path}/{name}" for name in wanted.files()), *outside]


def _fill(new: str, wanted: Wanted) -> list[str]:
    """Write everything, durably; the directory that was made elsewhere, for the log."""
    os.chmod(new, 0o755)
    made: list[str] = []
    if wanted.log:
        os.mkdir(f"{new}/log", 0o755)
        made = _make_log(f"{new}/log", wanted)
    for name, text in wanted.files().items():
        fd = os.open(f"{new}/{name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o755)
        try:
            os.fchmod(fd, 0o644 if name == "down" else 0o755)
            write_all(fd, text.encode(errors="surrogateescape"))
            os.fsync(fd)
        finally:
            os.close(fd)
    for part in ("log", "") if wanted.log else ("",):
        sync_directory(f"{new}/{part}")
    return made


def _make_log(service: str, wanted: Wanted) -> list[str]:
    """Make the directory of the log, which belongs to who writes it; where it lies if that is elsewhere.

    One that is there already is somebody's: it stays as it is.
    """
    path = os.path.join(service, wanted.log)
    if os.path.isdir(path):
        return []
    os.makedirs(path)
    if wanted.log_user:
        try:
            shutil.chown(path, wanted.log_user)
        except (LookupError, OSError):
            os.rmdir(path)
            who = f"{wanted.log_user}: no such account, or not permitted"
            raise Fatal(f"unable to give the log to {who}") from None
    sync_directory(os.path.dirname(path))
    return [path] if os.path.isabs(wanted.log) else []
