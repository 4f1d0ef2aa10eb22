"""When a message is tried again, and for how long

The n-th attempt comes about (n * skip)^2 seconds after birth: soon at first, then ever more rarely.
A clock that was ahead and is set back delays nobody: see Schedule.earlier, plausible, and retry_time.
Source: qmail-send.c nextretry, squareroot; prioq.c.
"""

import heapq
import math

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

SKIP = (10, 20)       # seconds, for each channel
LIFETIME = 604800     # seconds; control/queuelifetime
SYSTEM_TROUBLE = 123  # seconds until something is tried again that failed on this host

_BITS = 64
_NUMBER = (1 << _BITS) - 1


def retry_time(birth: int, now: int, channel: int) -> int:
    """When the attempt after the one of `now` is due. All times are Unix seconds.

    A birth that lies ahead is by a clock that has been set back since: until then each pause is the first.
    """
    birth = min(birth, now)
    return birth + (math.isqrt(now - birth) + SKIP[channel]) ** 2


def plausible(due: int, now: int, lifetime: int) -> int:
    """When an attempt noted for `due` is due: now, where no schedule leads so far ahead."""
    root = math.isqrt(lifetime)
    longest = (root + max(SKIP)) ** 2 - root**2  # the pause at an age that is a square
    return now if due > now + max(longest, SYSTEM_TROUBLE) else due


def last_attempt(birth: int, now: int, lifetime: int) -> bool:
    """Whether what fails for now in an attempt begun at `now` has failed for good."""
    return now > birth + lifetime


class Schedule:
    """Numbers of messages by the time at which each is due.

    A time and a number are packed into one integer: 50 bytes for each message that waits.
    """

    __slots__ = ("_heap",)

    def __init__(self) -> None:
        self._heap: list[int] = []

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, due: int, number: int) -> None:
        heapq.heappush(self._heap, due << _BITS | number)

    def first(self) -> int | None:
        """When the next is due; None if nothing waits."""
        return self._heap[0] >> _BITS if self._heap else None

    def take(self, now: int) -> int | None:
        """Remove and return the number that is due first, if it is due now."""
        if not self._heap or self._heap[0] >> _BITS > now:
            return None
        return heapq.heappop(self._heap) & _NUMBER

    def all_due(self, now: int) -> None:
        """Make everything due now."""
        self._heap = [now << _BITS | entry & _NUMBER for entry in self._heap]
        heapq.heapify(self._heap)

    def earlier(self, seconds: int) -> None:
        """Make everything due so much earlier: the clock has been set back by that."""
        self._heap = [(entry >> _BITS) - seconds << _BITS | entry & _NUMBER for entry in self._heap]
        heapq.heapify(self._heap)

    def entries(self) -> "Iterator[tuple[int, int]]":
        """(due, number) of everything that waits, in no particular order."""
        for entry in self._heap:
            yield entry >> _BITS, entry & _NUMBER
