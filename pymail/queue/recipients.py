"""The files of a message that qmail-send writes: info, and recipients for each channel"""

import os

from pymail.formats.envelope import DONE, sender_of
from pymail.queue.layout import CHANNELS, split_path
from pysvc.unix.files import read_all


def channel_path(channel: int, number: int) -> str:
    """The path of a message's recipients on a channel."""
    return split_path(CHANNELS[channel], number)


def modified(path: str) -> int | None:
    """The time stamp of a file, Unix seconds; None if there is no such file. Raises other OSErrors."""
    try:
        return int(os.stat(path).st_mtime)
    except FileNotFoundError:
        return None


def exists(path: str) -> bool:
    """Whether there is such a file. Raises OSError if that cannot be told."""
    return modified(path) is not None


def read_info(number: int) -> tuple[bytes, int] | None:
    """(sender, birth) of a message; None if info/ does not hold them whole. Raises OSError.

    birth: when the message was preprocessed, Unix seconds. Touching the file makes it younger.
    """
    fd = os.open(split_path("info", number), os.O_RDONLY | os.O_CLOEXEC)
    try:
        sender = sender_of(read_all(fd))
        return None if sender is None else (sender, int(os.fstat(fd).st_mtime))
    finally:
        os.close(fd)


def mark_done(path: str, offset: int) -> None:
    """Mark the recipient whose record begins at `offset`, in place. Raises OSError.

    Not made durable: a crash that undoes it costs a second delivery.
    """
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.pwrite(fd, DONE, offset)
    finally:
        os.close(fd)
