"""Where the code of this installation lies, as its launchers must name it, and whether it may be used

Every program starts from an interpreter and some directories that the launcher names. Each account
that runs a program must be able to read them, and nobody but root may be able to change what root runs.
"""

import compileall
import importlib.util
import os
import stat
import sys
from collections.abc import Iterator

from pysvc.unix import launchers
from pysvc.unix.strerr import PERMANENT, Fatal

LIBRARIES = ("click", "crypt_r", "dns", "psutil", "setproctitle")


def interpreter() -> str:
    """The interpreter itself, not a virtual environment's link to it."""
    return os.path.realpath(sys.executable)


def search_path() -> list[str]:
    """The directories that hold pysvc, pymail and the libraries, in order, none twice."""
    found: list[str] = []
    for name in ("pysvc", "pymail", *LIBRARIES):
        folder = _folder(name)
        if folder not in found:
            found.append(folder)
    return found


def _folder(name: str) -> str:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise Fatal(f"unable to find the Python package {name}: install this project with pip", PERMANENT)
    folder = os.path.dirname(os.path.realpath(spec.origin))
    return folder if spec.submodule_search_locations is None else os.path.dirname(folder)


def launcher_text(package: str, name: str) -> bytes:
    """The launcher of a program, for the interpreter and the code that are running now."""
    return launchers.header(interpreter(), search_path()) + launchers.last_line(package, name)


def check_access(as_root: bool) -> None:
    """Fatal, with what to do, if the mail users could not read the interpreter or the code.

    as_root: also refuse code that somebody else than root can change.
    """
    if not as_root:
        return
    for path in (interpreter(), *search_path()):
        troubles = (*map(_trouble, _parents(path)), *map(_changeable, _contents(path)))
        for trouble in filter(None, troubles):
            raise Fatal(f"{path} cannot serve here: {trouble}{ADVICE}", PERMANENT)


ADVICE = """
Install into a place that every account can read and only root can write, for example:
    /usr/bin/python3 -m venv /opt/pymail && /opt/pymail/bin/pip install .
    /opt/pymail/bin/pysvc install && /opt/pymail/bin/pymail install"""


def _parents(path: str) -> list[str]:
    """The path and every directory above it, from / on."""
    parts = [path]
    while parts[-1] != "/":
        parts.append(os.path.dirname(parts[-1]))
    return parts[::-1]


def _contents(path: str) -> Iterator[str]:
    """Every file and directory of the packages in a directory, the compiled files included."""
    for entry in os.scandir(path) if os.path.isdir(path) else ():
        if any(name in entry.name for name in ("pysvc", "pymail", *LIBRARIES)):
            yield entry.path
            for folder, folders, files in os.walk(entry.path):
                paths = (os.path.join(folder, name) for name in (*folders, *files))
                yield from filter(os.path.exists, paths)


def _trouble(path: str) -> str | None:
    """What is wrong with one file or directory on the way to the code."""
    found = os.stat(path)
    mode = found.st_mode
    if stat.S_ISDIR(mode) and not mode & stat.S_IXOTH:
        return f"the mail users cannot enter {path} ({stat.filemode(mode)})"
    if not stat.S_ISDIR(mode) and not mode & stat.S_IROTH:
        return f"the mail users cannot read {path} ({stat.filemode(mode)})"
    return _changeable(path)


def _changeable(path: str) -> str | None:
    """Who else than root could change a file or directory."""
    found = os.stat(path)
    if found.st_uid != 0:
        return f"{path} belongs to user {found.st_uid}, who could change what root runs"
    if found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX:
        return f"everybody can write {path}, and so change what root runs"
    return None


def compile_code() -> None:
    """Compile the packages now: the accounts that run them may not write the compiled files."""
    for name in ("pysvc", "pymail"):
        compileall.compile_dir(os.path.join(_folder(name), name), quiet=2, workers=1)
