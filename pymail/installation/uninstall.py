"""`pymail uninstall`: what the installation made goes; mail, queue and logs only when asked for"""

import os
import pwd
import shutil
import time

from pymail.installation import accounts
from pymail.installation.options import LEDGER
from pymail.installation.scripts import SERVICES
from pymail.unix.home import Home
from pysvc.installation import install as tools
from pysvc.installation.ledger import Ledger, Report
from pysvc.installation.removal import take_back
from pysvc.unix.strerr import Fatal, unable_to

PATIENCE = 30  # seconds that a service may take to end


def uninstall(path: str, purge: bool, report: Report) -> list[str]:
    """Stop the services and remove the installation in a home; the paths that had to stay.

    purge: mail, queue and logs too. Raises OSError, Fatal.
    """
    if not os.path.exists(f"{path}/{LEDGER}"):
        raise Fatal(f"unable to uninstall {path}: it was not installed by pymail install")
    home = Home(path)
    ledger = Ledger(home.file(LEDGER), report)
    with unable_to("uninstall"):
        _stop_services(home, ledger)
        restored = _restore_moved(ledger)
        content = [] if purge else [home.file("queue"), home.file("run"), *_logs(ledger)]
        if purge:
            _purge(home, ledger)
        left = take_back(ledger, lambda path: path in restored or _below(path, content))
        _remove_tools(ledger)
        if purge:
            _remove_accounts(ledger)
            ledger.forget()
            _remove_if_empty(home.path, ledger)
        else:
            report(f"kept in {home.path}/ the queue and the mail; also the logs and the accounts (--purge)")
    return [path for path in left if os.path.lexists(path) and not os.path.isdir(path)]


def _below(path: str, folders: list[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)


def _logs(ledger: Ledger) -> list[str]:
    """The directories that hold logs."""
    made = [entry["path"] for entry in ledger.entries if entry["kind"] == "directory"]
    return [path for path in made if "/log" in path and "/supervise" not in path]


def _remove_tools(ledger: Ledger) -> None:
    """The supervision programs, if they came with the mail system and nothing else is supervised."""
    for entry in ledger.entries:
        if entry["kind"] == "tools" and not (os.path.isdir(tools.SCAN) and os.listdir(tools.SCAN)):
            its_own = Ledger(f"{entry['path']}/{tools.LEDGER}", ledger.report)
            if its_own.entries and not take_back(its_own):
                its_own.forget()


def _service_links(ledger: Ledger) -> list[str]:
    links = [entry["path"] for entry in ledger.entries if entry["kind"] == "link"]
    return [path for path in links if os.path.basename(path) in SERVICES]


def _stop_services(home: Home, ledger: Ledger) -> None:
    """Unlink each service, tell its supervise to end, and remove what supervise made."""
    for link in _service_links(ledger):
        if os.path.islink(link):
            os.unlink(link)
            ledger.report(f"removed {link}")
    folders = [home.file("supervise", name) for name in SERVICES]
    for folder in [*folders, *(f"{folder}/log" for folder in folders)]:
        _end(folder)
    for folder in [*folders, *(f"{folder}/log" for folder in folders)]:
        _wait_for_end(folder)
        shutil.rmtree(f"{folder}/supervise", ignore_errors=True)


def _end(folder: str) -> None:
    try:
        fd = os.open(f"{folder}/supervise/control", os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return  # nobody supervises it
    try:
        os.write(fd, b"dx")
    finally:
        os.close(fd)


def _wait_for_end(folder: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            os.close(os.open(f"{folder}/supervise/ok", os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            return
        if time.monotonic() > deadline:
            raise Fatal(f"unable to stop {folder}: it is still running")
        time.sleep(0.05)


def _restore_moved(ledger: Ledger) -> set[str]:
    """Put back what section 4.4 moved away; the paths that are the original's again."""
    restored = set()
    for entry in ledger.entries:
        if entry["kind"] != "moved" or not os.path.lexists(entry["path"]):
            continue
        original = entry["original"]
        if os.path.islink(original):
            os.unlink(original)
        if os.path.lexists(original):
            ledger.report(f"kept {entry['path']}: {original} exists")
            continue
        os.rename(entry["path"], original)
        if not os.path.islink(original):
            os.chmod(original, int(entry["mode"], 8))
        ledger.report(f"restored {original}")
        restored.add(original)
    return restored


def _purge(home: Home, ledger: Ledger) -> None:
    """Remove queue, mailboxes, logs and the state of the programs."""
    state = [home.file(*parts) for parts in (("queue",), ("run",), ("mailboxes",), ("alias", "Maildir"))]
    for path in (*state, *_logs(ledger)):
        if os.path.isdir(path):
            shutil.rmtree(path)
            ledger.report(f"removed {path}/ and all that was in it")


def _remove_accounts(ledger: Ledger) -> None:
    for entry in reversed(ledger.entries):
        kind, name = entry["kind"], entry["path"]
        if kind == "person" and accounts.user_exists(name):
            folder = pwd.getpwnam(name).pw_dir
            accounts.remove("user", name)
            ledger.report(f"removed the account {name}; its home {folder} stays")
        elif kind in accounts.EXISTS and accounts.EXISTS[kind](name):
            accounts.remove(kind, name)
            ledger.report(f"removed the {'account' if kind == 'user' else 'group'} {name}")


def _remove_if_empty(path: str, ledger: Ledger) -> None:
    if not os.listdir(path):
        os.rmdir(path)
        ledger.report(f"removed {path}/")
