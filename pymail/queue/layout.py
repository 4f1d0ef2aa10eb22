"""Where things are in the queue: its directories, files, owners and modes, and a message's paths

Source: qmail INTERNALS and hier.c. Message numbers are inode numbers of files in mess/; the
directories mess, info, local and remote are split by number, into as many parts as conf-split said when
the queue was made: whoever works on a queue calls learn() first. All paths are relative to the queue.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

SPLIT = 23         # parts of each split directory in the queues that are made here
TCPTO_SIZE = 1024  # bytes of lock/tcpto

# name: (owner role, mode); the group is always qmail
DIRECTORIES = {
    "":       ("qmailq", 0o750),
    "pid":    ("qmailq", 0o700),
    "intd":   ("qmailq", 0o700),
    "todo":   ("qmailq", 0o750),
    "bounce": ("qmails", 0o700),
    "mess":   ("qmailq", 0o750),
    "info":   ("qmails", 0o700),
    "local":  ("qmails", 0o700),
    "remote": ("qmails", 0o700),
    "lock":   ("qmailq", 0o750),
}
SPLIT_DIRECTORIES = ("mess", "info", "local", "remote")
TCPTO, SENDMUTEX, TRIGGER = "lock/tcpto", "lock/sendmutex", "lock/trigger"
QUEUED = "lock/queued"  # qmail-queued makes and locks it
CLEANING = "intd"       # qmail-clean locks it as long as it lives
# name: (owner role, mode, kind)
SPECIAL_FILES = {
    TCPTO:     ("qmailr", 0o644, "zeros"),
    SENDMUTEX: ("qmails", 0o600, "empty"),
    TRIGGER:   ("qmails", 0o622, "fifo"),
}
CHANNELS = ("local", "remote")

_split = SPLIT  # parts in the queue that this process works on
_learned = ""   # the path of that queue


def learn(queue: str) -> int:
    """Find out into how many parts a queue is split: its directories say so; their number.

    The paths of this process are from then on those of that queue. It is looked at once in the life of a
    process: who splits a queue anew stops everything first. queue: absolute path. Raises OSError.
    """
    global _learned, _split
    if queue != _learned:
        _split = parts_of(f"{queue}/mess") or SPLIT
        _learned = queue
    return _split


def parts_of(directory: str) -> int:
    """How many parts a split directory has, by the highest of them; 0 if none. Raises OSError."""
    with os.scandir(directory) as entries:
        names = [entry.name for entry in entries if entry.is_dir()]
    return max((int(name) + 1 for name in names if name.isascii() and name.isdigit()), default=0)


def parts(kind: str) -> "Iterator[str]":
    """The parts of a split directory: "mess/0", "mess/1", …"""
    return (f"{kind}/{part}" for part in range(_split))


def messid(number: int) -> bytes:
    """How the spawners are told which message it is: its path below mess/."""
    return b"%d/%d" % (number % _split, number)


def split_path(kind: str, number: int) -> str:
    """The path of a message's file in a split directory: split_path("mess", 24) is "mess/1/24"."""
    return f"{kind}/{number % _split}/{number}"


def flat_path(kind: str, number: int) -> str:
    """The path of a message's file in todo, intd or bounce."""
    return f"{kind}/{number}"


def path_of(kind: str, number: int) -> str:
    """The path of a message's file of any kind."""
    return (split_path if kind in SPLIT_DIRECTORIES else flat_path)(kind, number)
