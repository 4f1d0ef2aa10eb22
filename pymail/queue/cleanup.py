"""What qmail-clean does: remove files of the queue that only qmailq may remove

Commands are `foop/N` (a message that is finished, or a stray) and `todo/N` (a message that has been
preprocessed), each answered by one byte. The current directory is the queue. Source: qmail-clean.c.
"""

import os
import time

from pymail.queue import layout
from pysvc.unix import lock
from pysvc.unix.files import sync_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

DONE, TROUBLE, UNKNOWN = b"+", b"!", b"x"
OSSIFIED = 129600         # seconds; a writer kills itself after 86400, so what is older has no owner
SHORTEST, LONGEST = 6, 99  # bytes of a command, without its zero byte
PAUSE = 0.05              # seconds between two looks whether another qmail-clean has ended
_FOOP, _TODO = b"foop/", b"todo/"


def claim() -> None:
    """Let qmail-start see, as long as this process lives, that commands may still be obeyed.

    One that outlives its qmail-send could remove from todo what the next one is just taking up.
    """
    try:
        lock.try_lock(_open_directory(layout.CLEANING))
    except OSError:
        pass  # qmail-start has waited for that one long enough


def await_end(queue: str, patience: float) -> None:
    """Wait, so many seconds at most, for a qmail-clean whose qmail-send has died. Raises OSError."""
    fd = _open_directory(f"{queue}/{layout.CLEANING}")
    deadline = time.monotonic() + patience
    try:
        while time.monotonic() < deadline:
            try:
                lock.try_lock(fd)
                return
            except OSError:
                time.sleep(PAUSE)
    finally:
        os.close(fd)


def _open_directory(path: str) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def answers(commands: "Iterable[bytes]") -> bytes:
    """Obey commands; one byte for each, in their order.

    The removals from todo are made durable together, before any of them is confirmed: a name that
    came back after a crash would have every recipient get a second copy.
    """
    obeyed = [(command, _obey(command)) for command in commands]
    if any(_is_todo(*pair) for pair in obeyed) and not _durable():
        return b"".join(TROUBLE if _is_todo(*pair) else pair[1] for pair in obeyed)
    return b"".join(answer for _, answer in obeyed)


def _is_todo(command: bytes, answer: bytes) -> bool:
    return answer == DONE and command.startswith(_TODO)


def _durable() -> bool:
    try:
        sync_directory("intd")
        sync_directory("todo")
    except OSError:
        return False
    return True


def _obey(command: bytes) -> bytes:
    digits = command[len(_FOOP) :]
    if not SHORTEST <= len(command) <= LONGEST or not digits.isdigit():
        return UNKNOWN
    number = int(digits)
    if command.startswith(_FOOP):
        paths = (layout.flat_path("intd", number), layout.split_path("mess", number))
    elif command.startswith(_TODO):
        paths = (layout.flat_path("intd", number), layout.flat_path("todo", number))
    else:
        return UNKNOWN
    return DONE if all(_remove(path) for path in paths) else TROUBLE


def _remove(path: str) -> bool:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError:
        return False
    return True


def expire_pids(now: int) -> None:
    """Remove what dead writers left in pid/; now: Unix seconds. Errors do not matter."""
    _expire("pid", now, lambda name: True)


def expire_envelopes(now: int) -> None:
    """Remove what is left in intd/ of messages that are gone; now: Unix seconds. Errors do not matter.

    qmail-send finds strays by their mess, which here a power loss has taken. A later message of the
    same number could not be queued.
    """
    _expire("intd", now, _is_gone)


def _is_gone(name: str) -> bool:
    if not (name.isascii() and name.isdigit()):
        return False
    paths = (layout.path_of(kind, int(name)) for kind in ("mess", "todo"))
    return not any(os.path.lexists(path) for path in paths)


def _expire(directory: str, now: int, removable: "Callable[[str], bool]") -> None:
    try:
        entries = list(os.scandir(directory))
    except OSError:
        return
    for entry in entries:
        try:
            old = now >= int(entry.stat(follow_symlinks=False).st_atime) + OSSIFIED
            if old and removable(entry.name):
                os.unlink(entry.path)
        except OSError:
            pass
