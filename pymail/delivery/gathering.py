"""Which deliveries a spawner asks for together: those of one round for which the same worker will do

A worker that left something undone is for some time asked for one delivery at a time: what comes next is
likely to be of the same kind. All times are seconds of one monotonic clock.
"""

from pysvc.workers.pool import Work

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from pymail.protocols.spawn import Request

    Piece = tuple[Request, int, Work]  # the message is an open descriptor

TOGETHER = 8  # deliveries that a worker is asked for at a time
ALONE = 10.0  # seconds for which one that left something is asked for one at a time


class Gathering:
    """The deliveries of a round, by the key of their workers."""

    __slots__ = ("_alone", "_pieces")

    def __init__(self) -> None:
        self._pieces: dict[Hashable, list[Piece]] = {}
        self._alone: dict[Hashable, float] = {}  # keys: until when nothing is gathered

    def add(self, piece: "Piece", now: float) -> bool:
        """Whether a delivery waits for the end of the round; else it is done at once."""
        work = piece[2]
        if not work.together or not self._may_gather(work.key, now):
            return False
        self._pieces.setdefault(work.key, []).append(piece)
        return True

    def _may_gather(self, key: "Hashable", now: float) -> bool:
        until = self._alone.get(key)
        if until is not None and now >= until:
            del self._alone[key]
            until = None
        return until is None

    def take(self) -> "Iterator[list[Piece]]":
        """At the end of the round: at most TOGETHER deliveries for one worker each time."""
        while self._pieces:
            _, pieces = self._pieces.popitem()
            for start in range(0, len(pieces), TOGETHER):
                yield pieces[start : start + TOGETHER]

    def left(self, key: "Hashable", now: float) -> None:
        """A worker left a delivery undone."""
        self._alone[key] = now + ALONE
