"""Take back what a ledger says was made, the latest first, and leave what others changed"""

import os
import stat

from pysvc.installation.ledger import Ledger, digest
from pysvc.unix.files import read_file


def take_back(ledger: Ledger, keep: "frozenset[str]" = frozenset()) -> list[str]:
    """Remove files, links and directories that are still as they were made; the paths left behind.

    keep: paths that stay, whatever the ledger says. Raises OSError.
    """
    left = []
    for entry in reversed(ledger.entries):
        path = entry["path"]
        if path in keep or not os.path.lexists(path):
            continue
        if REMOVERS.get(entry["kind"], _not_mine)(path, entry):
            ledger.report(f"removed {path}")
        elif path not in left and entry["kind"] in REMOVERS:
            left.append(path)
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


def _not_mine(path: str, entry: dict[str, str]) -> bool:
    return False


REMOVERS = {"file": _remove_file, "link": _remove_link, "directory": _remove_directory}
