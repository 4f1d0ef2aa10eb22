"""`pymail install --check`: is everything as the installation would make it?

Source of the words: qmail instcheck. Silence is good.
"""

import os
import stat
from collections.abc import Iterator

from pymail.installation import accounts, hierarchy
from pymail.installation.options import LEDGER
from pymail.installation.steps import ROOT_ONLY
from pymail.programs import PROGRAMS
from pymail.queue import layout
from pymail.unix.home import Home
from pysvc.installation import packages
from pysvc.installation.ledger import Ledger, digest
from pysvc.unix.files import read_file
from pysvc.unix.strerr import Fatal, reason

TYPES = {"directory": stat.S_ISDIR, "file": stat.S_ISREG, "fifo": stat.S_ISFIFO}


def differences(path: str) -> Iterator[str]:
    """One line for each thing in a home that is not as it should be."""
    if not os.path.isdir(path):
        yield f"{path} does not exist"
        return
    home = Home(path)
    missing = [] if home.private else accounts.missing()
    yield from (f"{kind} {name} does not exist" for kind, name in missing)
    if missing:
        return
    try:
        packages.check_access(as_root=not home.private)
    except Fatal as fatal:
        yield fatal.text.splitlines()[0]
    yield from _tree(home)
    yield from _programs(home)
    yield from _ledger(home)


def _tree(home: Home) -> Iterator[str]:
    split = hierarchy.split_of(home)
    for name, (role, mode) in hierarchy.directories(split).items():
        yield from _compare(home, home.file(name) if name else home.path, role, mode, "directory")
    for name in layout.SPLIT_DIRECTORIES:
        path = home.file("queue", name)
        if os.path.isdir(path) and layout.parts_of(path) > split:
            yield f"{path} has more parts than {home.file('queue', 'mess')}"
    for name, (role, mode, kind) in hierarchy.special_files().items():
        yield from _compare(home, home.file(name), role, mode, "fifo" if kind == "fifo" else "file")


def _compare(home: Home, path: str, role: str, mode: int, kind: str) -> Iterator[str]:
    """What is wrong with one path, in instcheck's words."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        yield f"{path} does not exist"
        return
    except OSError as error:
        yield f"unable to stat {path}: {reason(error)}"
        return
    if not TYPES[kind](found.st_mode):
        yield f"{path} has wrong type"
    if found.st_uid != home.uid(role):
        yield f"{path} has wrong owner"
    if found.st_gid != home.gid("qmail"):
        yield f"{path} has wrong group"
    if stat.S_IMODE(found.st_mode) != mode:
        yield f"{path} has wrong permissions"


def _programs(home: Home) -> Iterator[str]:
    for name in PROGRAMS:
        path = home.file("bin", name)
        mode = 0o700 if name in ROOT_ONLY and not home.private else 0o755
        wrong = list(_compare(home, path, "root", mode, "file"))
        yield from wrong
        if not wrong and read_file(path) != packages.launcher_text("pymail", name):
            yield f"{path} is not the launcher of this installation"


def _ledger(home: Home) -> Iterator[str]:
    """Files that the installation wrote: gone, or changed since."""
    latest = {}
    for entry in Ledger(home.file(LEDGER), lambda line: None).entries:
        latest[entry["path"]] = entry
    for path, entry in latest.items():
        if entry["kind"] == "file" and not path.startswith(home.file("bin", "")):
            if not os.path.lexists(path):
                yield f"{path} does not exist"
            elif digest(read_file(path)) != entry["sha256"] and _is_script(home, path):
                yield f"{path} was changed"
        elif entry["kind"] == "link" and not os.path.islink(path):
            yield f"{path} does not exist"


def _is_script(home: Home, path: str) -> bool:
    """Whether a file is one of the run scripts; control files, aliases and rules are there to be changed."""
    return path == home.file("rc") or path.startswith(home.file("supervise", ""))
