"""Deliveries under way on one channel: slots, and what a spawner's report means

Source: qmail-send.c del_start, del_dochan; qmail-log manual.
"""

import heapq

from pymail.engines.jobs import Job

GIVEN_UP = b"I'm not going to try again; this message has been in the queue too long.\n"

SUCCESS, FAILURE, DEFERRAL, MANGLED = "success", "failure", "deferral", "mangled"
_OUTCOMES = {b"K": SUCCESS, b"D": FAILURE, b"Z": DEFERRAL}


class Delivery:
    """One recipient of a job; `offset` is where its record begins, `number` is that of the log."""

    __slots__ = ("job", "number", "offset", "recipient")

    def __init__(self, number: int, job: Job, offset: int, recipient: bytes) -> None:
        self.number, self.job, self.offset, self.recipient = number, job, offset, recipient


class Slots:
    """The deliveries of one channel by their delnum; the lowest free number is taken first."""

    __slots__ = ("_free", "_taken", "concurrency")

    def __init__(self, concurrency: int) -> None:
        """concurrency: at most 255, because a delnum is one byte."""
        self.concurrency = concurrency
        self._free = list(range(concurrency))  # a heap
        self._taken: dict[int, Delivery] = {}

    @property
    def used(self) -> int:
        return len(self._taken)

    @property
    def available(self) -> bool:
        return bool(self._free)

    def take(self, delivery: Delivery) -> int:
        """Give a delivery a slot; its delnum."""
        delnum = heapq.heappop(self._free)
        self._taken[delnum] = delivery
        return delnum

    def release(self, delnum: int) -> Delivery | None:
        """Free a slot that a report has come for; None if it is not in use."""
        delivery = self._taken.pop(delnum, None)
        if delivery is not None:
            heapq.heappush(self._free, delnum)
        return delivery


def outcome(report: bytes, last: bool) -> tuple[str, bytes]:
    """(what became of a delivery, text) for a report.

    last: that of the job; then a deferral is a failure, and the text says why.
    """
    kind, text = _OUTCOMES.get(report[:1], MANGLED), report[1:]
    if kind == DEFERRAL and last:
        return FAILURE, text + GIVEN_UP
    return kind, text
