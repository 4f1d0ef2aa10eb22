"""The end of a message: no recipient is left, so its failures are told and its files removed

Source: qmail-send.c messdone.
"""

import os

from pymail.engines.schedule import SYSTEM_TROUBLE
from pymail.formats import activity
from pymail.queue.bounces import Bounces
from pymail.queue.cleaner import Cleaner
from pymail.queue.layout import CHANNELS, flat_path, split_path
from pymail.queue.recipients import channel_path, exists
from pymail.queue.shared import Shared
from pymail.unix.background import Background, side_by_side
from pysvc.unix.files import sync_directory

MOST_BOUNCES = 4  # injected at the same time, before the next ones are
MOST_ENDED = 64   # messages whose names are made to disappear durably together


class Finish:
    """Takes messages from `done`; several end together, so that they wait for the disk together."""

    __slots__ = ("_background", "_bounces", "_bouncing", "_cleaner", "_removing", "_settled", "_shared")

    def __init__(self, shared: Shared, bounces: Bounces, background: Background, cleaner: Cleaner) -> None:
        self._shared, self._bounces = shared, bounces
        self._background, self._cleaner = background, cleaner
        self._bouncing = 0             # bounces under way
        self._settled: list[int] = []  # nothing is left to tell anybody
        self._removing = False         # whether info files are on their way out

    @property
    def bouncing(self) -> bool:
        """Whether bounces are under way."""
        return self._bouncing > 0

    def wanted_at(self) -> int | None:
        """When there will be something to do, if nothing else happens; 0 for at once."""
        if self._settled and not self._removing:
            return 0
        return None if self._bouncing or self._settled else self._shared.done.first()

    def step(self, now: int) -> None:
        if not self._bouncing:
            self._take_up(now)
        if self._settled and not self._removing:
            self._remove(now)

    def _take_up(self, now: int) -> None:
        while self._bouncing < MOST_BOUNCES and len(self._settled) < MOST_ENDED:
            number = self._shared.done.take(now)
            if number is None:
                break
            if self._is_over(number, now):
                self._tell(number, now)

    def _again(self, number: int, now: int) -> None:
        self._shared.done.add(now + SYSTEM_TROUBLE, number)

    def _is_over(self, number: int, now: int) -> bool:
        """Whether really nothing is left to deliver; if that cannot be told it will be tried again."""
        path = ""
        try:
            for path in (*(channel_path(c, number) for c in range(len(CHANNELS))), flat_path("todo", number)):
                if exists(path):
                    return False
            path = split_path("info", number)
            return exists(path)
        except OSError:
            self._shared.record.warn(f"unable to stat {path}; will try again later")
            self._again(number, now)
            return False

    def _tell(self, number: int, now: int) -> None:
        try:
            if not exists(flat_path("bounce", number)):
                self._settled.append(number)
                return
        except OSError:
            pass  # settle() says so
        self._bouncing += 1
        self._background.start(
            lambda: self._bounces.settle(number), lambda result: self._told(number, result, now)
        )

    def _told(self, number: int, result: tuple[list[bytes], bool], now: int) -> None:
        self._bouncing -= 1
        lines, settled = result
        self._shared.record.line(*lines)
        if settled:
            self._settled.append(number)
        else:
            self._again(number, now)
        if self._settled and not self._removing:
            self._remove(now)

    def _remove(self, now: int) -> None:
        """Remove info files, all that are at hand; mess follows when that is durable."""
        numbers, self._settled = self._settled, []
        self._shared.record.line(*map(activity.end_message, numbers))
        self._shared.record.flush()  # nobody could say it any more once info is gone
        removed = [number for number in numbers if self._remove_info(number, now)]
        if removed:
            self._removing = True
            self._background.start(lambda: _sync_info(removed), self._clean)

    def _remove_info(self, number: int, now: int) -> bool:
        path = split_path("info", number)
        try:
            os.unlink(path)
        except OSError:
            self._shared.record.warn(f"unable to unlink {path}; will try again later")
            self._again(number, now)
            return False
        return True

    def _clean(self, synced: tuple[list[int], list[str]]) -> None:
        """The last step; what could not be made durable stays as a stray, for the stray scan."""
        numbers, troubles = synced
        self._removing = False
        for path in troubles:
            self._shared.record.warn(f"trouble fsyncing {path}")
        for number in numbers:
            self._cleaner.ask("foop", number, lambda done, number=number: self._cleaned(number, done))  # type: ignore[misc]

    def _cleaned(self, number: int, done: bool) -> None:
        if not done:
            self._shared.record.warn(f"qmail-clean unable to clean up {flat_path('foop', number)}")


def _sync_info(numbers: list[int]) -> tuple[list[int], list[str]]:
    """Make the absence of info files durable: (messages for which that worked, directories for which not)."""
    directories = {number: os.path.dirname(split_path("info", number)) for number in numbers}
    troubles = set()

    def sync(directory: str) -> None:
        try:
            sync_directory(directory)
        except OSError:
            troubles.add(directory)

    side_by_side(sync, set(directories.values()))
    return [number for number in numbers if directories[number] not in troubles], list(troubles)
