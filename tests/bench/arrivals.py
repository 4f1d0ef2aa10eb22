"""Counts files as they arrive in a directory, from the kernel's events, a few dozen looks a second

A mail server under load must not share its processors with somebody who reads directories: inotify says
what came, the time of the last arrival is known to LOOK seconds, and nothing else is touched.
"""

import ctypes
import os
import select
import struct
import time
from collections.abc import Callable
from pathlib import Path

NAMED = 0x80 | 0x100  # IN_MOVED_TO, IN_CREATE: how a message gets its name in new/
WRITTEN = 0x8  # IN_CLOSE_WRITE: how smtp-sink ends a dump
OVERFLOW = 0x4000
LOOK = 0.01  # seconds between two looks
PATIENCE = 30  # seconds without an arrival after which what is missing counts as lost
HEADER = struct.Struct("iIII")  # watch, mask, cookie, length of the name
_libc = ctypes.CDLL(None, use_errno=True)


class Arrivals:
    """What arrived in a directory since this object was made; `times` are those of the monotonic clock."""

    def __init__(self, folder: Path, mask: int = NAMED) -> None:
        self.folder = folder
        self.names: list[str] = []
        self.times: list[float] = []
        self._fd = _libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self._fd < 0 or _libc.inotify_add_watch(self._fd, os.fsencode(folder), mask) < 0:
            raise OSError(ctypes.get_errno(), f"unable to watch {folder}")

    def look(self) -> None:
        """Take what has come up to now."""
        while True:
            try:
                events = os.read(self._fd, 1 << 18)
            except BlockingIOError:
                return
            now = time.monotonic()
            new = names(events)
            self.names += new
            self.times += [now] * len(new)

    def wait(
        self,
        count: int,
        timeout: float,
        weigh: "Callable[[str], int] | None" = None,
        watch: "Callable[[], object] | None" = None,
    ) -> float:
        """The time at which so many had come; each counts 1, or what weigh(name) says.

        watch() is called at each look. Raises TimeoutError after `timeout` seconds or PATIENCE without any
        arrival, and what watch() raises.
        """
        total, seen = 0, 0
        begin = time.monotonic()
        while total < count:
            select.select([self._fd], [], [], 1)
            time.sleep(LOOK)
            self.look()
            fresh, seen = self.names[seen:], len(self.names)
            total += len(fresh) if weigh is None else sum(map(weigh, fresh))
            if watch is not None:
                watch()
            now = time.monotonic()
            if now > begin + timeout or now > max([begin, *self.times[-1:]]) + PATIENCE:
                raise TimeoutError(f"{total} of {count} came in {now - begin:.0f} seconds")
        return self.times[-1]

    def close(self) -> None:
        os.close(self._fd)


def names(events: bytes) -> list[str]:
    """The file names in what inotify gave; OSError if it lost some."""
    found, at = [], 0
    while at < len(events):
        _, mask, _, length = HEADER.unpack_from(events, at)
        at += HEADER.size
        if mask & OVERFLOW:
            raise OSError("inotify lost events: too many at once")
        found.append(os.fsdecode(events[at : at + length].rstrip(b"\0")))
        at += length
    return found
