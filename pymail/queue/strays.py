"""Messages that were never completed, or not completely removed: mess/S/N without todo and info

qmail-queue ends itself after 24 hours, so what is older than 36 belongs to nobody. Where names may reach
the disk in any order a power loss can also leave the other files of a message that is gone; these are
removed too. Source: qmail-send.c cleanup_do; qmail INTERNALS section 6.
"""

import os

from pymail.queue.cleaner import Cleaner
from pymail.queue.layout import flat_path, path_of
from pymail.queue.recipients import exists
from pymail.queue.restart import numbers
from pymail.queue.shared import Shared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

OSSIFIED = 129600  # seconds, 36 hours
REST = ("local", "remote", "bounce")  # what may be left of a message that is gone, besides intd: see cleanup
PAUSE = 76431      # seconds between two scans
MOST = 50          # files looked at between two looks at everything else


class Strays:
    """Looks through mess/, a few files at a time."""

    __slots__ = ("_cleaner", "_next_scan", "_scan", "_shared")

    def __init__(self, shared: Shared, cleaner: Cleaner) -> None:
        self._shared, self._cleaner = shared, cleaner
        self._scan: Iterator[tuple[str, int]] | None = None
        self._next_scan = 0

    def wanted_at(self) -> int:
        """When there will be something to do; 0 for at once."""
        return 0 if self._scan is not None else self._next_scan

    def clock_set_back(self, seconds: int) -> None:
        self._next_scan -= seconds

    def step(self, now: int) -> None:
        if self._scan is None:
            if now < self._next_scan:
                return
            self._scan = ((kind, n) for kind in ("mess", *REST) for n in numbers(kind, self._shared.record))
        for _ in range(MOST):
            found = next(self._scan, None)
            if found is None:
                self._scan, self._next_scan = None, now + PAUSE
                break
            if _is_stray(*found, now):
                self._remove(*found)

    def _remove(self, kind: str, number: int) -> None:
        if kind != "mess":
            try:
                os.unlink(path_of(kind, number))
            except OSError:
                self._shared.record.warn(f"unable to unlink {path_of(kind, number)}")
            return

        def answered(done: bool) -> None:
            if not done:
                path = flat_path("foop", number)
                self._shared.record.warn(f"qmail-clean unable to clean up {path}")

        self._cleaner.ask("foop", number, answered)


def _is_stray(kind: str, number: int, now: int) -> bool:
    """Whether a file certainly belongs to no message, or to one that nobody owns."""
    try:
        if now <= int(os.stat(path_of(kind, number)).st_atime) + OSSIFIED:
            return False
        return not exists(path_of("info", number)) and not exists(path_of("todo", number))
    except OSError:
        return False
