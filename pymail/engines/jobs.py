"""Jobs: one message on one channel, from the start of a pass over its recipients to the last report

Source: qmail-send.c job_open, job_close.
"""

from pymail.engines.schedule import last_attempt, retry_time


class Job:
    """What is remembered of a message while its recipients on a channel are read or delivered to.

    `undone` counts recipients that are still to do after this attempt, as far as they were read.
    """

    __slots__ = ("channel", "holders", "last", "number", "read_to_end", "retry", "sender", "undone")

    def __init__(self, number: int, channel: int, sender: bytes, retry: int, last: bool) -> None:
        self.number, self.channel, self.sender, self.retry, self.last = number, channel, sender, retry, last
        self.holders = 1  # the pass, and each delivery under way
        self.undone = 0
        self.read_to_end = False

    @property
    def complete(self) -> bool:
        """Whether every recipient is known to be done."""
        return self.read_to_end and not self.undone

    def delivery_begins(self) -> None:
        self.holders += 1
        self.undone += 1

    def recipient_done(self) -> None:
        self.undone -= 1


class Jobs:
    """All jobs; there are never more than there can be deliveries."""

    __slots__ = ("_free",)

    def __init__(self, limit: int) -> None:
        self._free = limit

    @property
    def available(self) -> bool:
        return self._free > 0

    def open(self, number: int, channel: int, sender: bytes, birth: int, *, now: int, lifetime: int) -> Job:
        """The job of a pass that begins now. birth: when the message was preprocessed, Unix seconds."""
        self._free -= 1
        retry = retry_time(birth, now, channel)
        return Job(number, channel, sender, retry, last_attempt(birth, now, lifetime))

    def release(self, job: Job) -> bool:
        """The pass or a delivery lets go of its job; whether it was the last to do so."""
        job.holders -= 1
        if job.holders:
            return False
        self._free += 1
        return True
