"""The schedule across restarts: the mtime of a channel file is the time of its next attempt

Source: qmail-send.c pqstart, pqadd, pqfinish.
"""

import os

from pymail.engines.schedule import SYSTEM_TROUBLE, plausible
from pymail.queue.layout import CHANNELS, SPLIT_DIRECTORIES, flat_path, parts, split_path
from pymail.queue.recipients import channel_path, exists, modified
from pymail.queue.shared import Shared
from pymail.unix.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def numbers(kind: str, record: Record) -> "Iterator[int]":
    """The messages that have a file of a kind; whatever else lies there is passed over."""
    for directory in parts(kind) if kind in SPLIT_DIRECTORIES else [kind]:
        entries = None
        while entries is None:
            try:
                entries = os.scandir(directory)
            except OSError:
                record.alert_and_pause(f"unable to opendir {directory}, sleeping...")
        with entries:
            for entry in entries:
                if is_number(entry.name):
                    yield int(entry.name)


def is_number(name: str) -> bool:
    """Whether a file is named like a message."""
    return name.isascii() and name.isdigit()


def load(shared: Shared, now: int) -> None:
    """Put every preprocessed message where it belongs."""
    for number in numbers("info", shared.record):
        add(shared, number, now)


def add(shared: Shared, number: int, now: int) -> None:
    """Put one message where it belongs; nowhere while it is still in todo/."""
    path = split_path("info", number)
    try:
        if not exists(path):
            return
        path = flat_path("todo", number)
        if exists(path):
            return  # qmail-send died before it was preprocessed
        due = {}
        for channel in range(len(CHANNELS)):
            path = channel_path(channel, number)
            time = modified(path)
            if time is not None:
                due[channel] = time
    except OSError:
        shared.record.warn(f"unable to stat {path}; will try again later")
        shared.failed.add(now + SYSTEM_TROUBLE, number)
        return
    for channel, time in due.items():
        shared.waiting[channel].add(plausible(time, now, shared.settings.lifetime), number)
    if not due:
        shared.done.add(now, number)


def retry_failed(shared: Shared, now: int) -> None:
    """Try again to find out where messages belong."""
    while (number := shared.failed.take(now)) is not None:
        add(shared, number, now)


def save(shared: Shared) -> None:
    """Stamp what waits with the time at which it is due."""
    for channel, waiting in enumerate(shared.waiting):
        for due, number in waiting.entries():
            path = channel_path(channel, number)
            try:
                os.utime(path, (due, due))
            except OSError:
                shared.record.warn(f"unable to utime {path}; message will be retried too soon")
