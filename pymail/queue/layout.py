"""Where things are in the queue: its directories, files, owners and modes, and a message's paths

Source: qmail INTERNALS and hier.c. Message numbers are inode numbers of files in mess/; the
directories mess, info, local and remote are split by number. All paths are relative to the queue.
"""

SPLIT = 23       # subdirectories of the four split directories
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


def split_path(kind: str, number: int) -> str:
    """The path of a message's file in a split directory: split_path("mess", 24) is "mess/1/24"."""
    return f"{kind}/{number % SPLIT}/{number}"


def flat_path(kind: str, number: int) -> str:
    """The path of a message's file in todo, intd or bounce."""
    return f"{kind}/{number}"


def path_of(kind: str, number: int) -> str:
    """The path of a message's file of any kind."""
    return (split_path if kind in SPLIT_DIRECTORIES else flat_path)(kind, number)
