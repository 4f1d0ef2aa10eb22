"""Write a service directory as Life with qmail does: a run script, and a log service with multilog"""

import os
import shlex
import shutil
import tempfile

from pysvc.unix.files import sync_directory, write_all
from pysvc.unix.strerr import PERMANENT, Fatal

HEAD = "#!/bin/sh\n"


def scripts(command: list[str], user: str | None, log_user: str | None, log: str) -> dict[str, str]:
    """The text of each file, by its name in the service directory."""
    become = f"setuidgid {shlex.quote(user)} " if user else ""
    become_log = f"setuidgid {shlex.quote(log_user)} " if log_user else ""
    return {
        "run": f"{HEAD}exec {become}{shlex.join(command)} 2>&1\n",
        "log/run": f"{HEAD}exec {become_log}multilog t {shlex.quote(log)}\n",
    }


def write(path: str, texts: dict[str, str], down: bool, log_user: str | None) -> list[str]:
    """Make the directory, all of it at once under its name; the paths written. Raises OSError, Fatal.

    log_user: who is to own the directory of the log.
    """
    if os.path.lexists(path):
        raise Fatal(f"{path} exists already", PERMANENT)
    folder = os.path.dirname(path) or "."
    new = tempfile.mkdtemp(prefix=f".{os.path.basename(path)}.", dir=folder)  # svscan skips it
    os.chmod(new, 0o755)
    os.makedirs(f"{new}/log/main")
    for name, text in {**texts, **({"down": ""} if down else {})}.items():
        fd = os.open(f"{new}/{name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o755)
        try:
            os.fchmod(fd, 0o644 if name == "down" else 0o755)
            write_all(fd, text.encode(errors="surrogateescape"))
            os.fsync(fd)
        finally:
            os.close(fd)
    if log_user:
        try:
            shutil.chown(f"{new}/log/main", log_user)
        except (LookupError, OSError):
            shutil.rmtree(new)
            raise Fatal(f"unable to give the log to {log_user}: no such account, or not permitted") from None
    for part in ("log/main", "log", ""):
        sync_directory(f"{new}/{part}")
    os.rename(new, path)
    sync_directory(folder)
    return [f"{path}/{name}" for name in (*texts, *(["down"] if down else []))]
