"""Take back what a ledger says was made, the latest first, and leave what others changed"""

import os
import stat
from collections.abc import Callable

from pysvc.installation.ledger import Ledger, digest
from pysvc.unix.files import read_file

MANY = 5  # removals in one directory that are reported as one


def take_back(ledger: Ledger, keep: Callable[[str], bool] = lambda path: False) -> list[str]:
    """Remove files, links and directories that are still as they were made; the paths left behind.

    keep(path): whether something stays, whatever the ledger says. Raises OSError.
    """
    removed: dict[str, list[str]] = {}
    left: dict[str, None] = {}
    for entry in reversed(ledger.entries):
        path, remover = entry["path"], REMOVERS.get(entry["kind"])
        if remover is None or keep(path) or not os.path.lexists(path):
            continue
        if remover(path, entry):
            removed.setdefault(os.path.dirname(path), []).append(path)
        else:
            left[path] = None
    for folder, paths in removed.items():
        lines = [f"{len(paths)} things in {folder}/"] if len(paths) > MANY else paths
        for line in lines:
            ledger.report(f"removed {line}")
    return [path for path in left if os.path.lexists(path)]


def _remove_file(path: str, entry: dict[str, str]) -> bool:
    if not stat.S_ISREG(os.lstat(path).st_mode) or digest(read_file(path)) != entry["sha256"]:
        return False
    os.unlink(path)
    return True


def _remove_link(path: str, entry: dict[str, str]) -> bool:
    if not os.path.islink(path) or os.readlink(path) != entry["target"]:
        return False
    os.unlink(path)
    return True


def _remove_directory(path: str, entry: dict[str, str]) -> bool:
    if not os.path.isdir(path) or os.path.islink(path) or os.listdir(path):
        return False
    os.rmdir(path)
    return True


REMOVERS = {"file": _remove_file, "link": _remove_link, "directory": _remove_directory}
