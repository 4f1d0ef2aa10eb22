"""Locks as the classic programs take them: flock, tied to the open file, never fcntl record locks"""

import fcntl
import os


def open_lock(path: str | bytes, mode: int = 0o600, follow: bool = True) -> int:
    """Open (and create) a lock file: appended to in name only, never truncated. Raises OSError.

    follow: whether the name itself may be a link.
    """
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    return os.open(path, flags if follow else flags | os.O_NOFOLLOW, mode)


def lock(fd: int) -> None:
    """Take the exclusive lock, waiting for it. Raises OSError."""
    fcntl.flock(fd, fcntl.LOCK_EX)


def try_lock(fd: int) -> None:
    """Take the exclusive lock or raise OSError (EAGAIN, `temporary failure`) if it is taken."""
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def unlock(fd: int) -> None:
    fcntl.flock(fd, fcntl.LOCK_UN)
