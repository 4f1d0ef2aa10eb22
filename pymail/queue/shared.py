"""What the parts of qmail-send have in common"""

import itertools

from pymail.engines.deliveries import Slots
from pymail.engines.jobs import Jobs
from pymail.engines.schedule import Schedule
from pymail.formats import activity
from pymail.queue.settings import Settings
from pymail.unix.record import Record


class Shared:
    """Settings, activity record, and the messages that wait for something.

    A message is at any time in one of: todo/ alone; `waiting` of a channel or a job there, for each
    channel that has recipients left; `done`; `failed`; or in the hands of queue.todo, queue.direct or
    queue.finish.
    """

    __slots__ = ("deliveries", "done", "exit_requested", "failed", "jobs", "record", "settings", "slots",
                 "taken", "waiting")  # fmt: skip

    def __init__(self, record: Record, settings: Settings, concurrency: list[int]) -> None:
        """concurrency: for each channel, what settings and spawner allow."""
        self.record, self.settings = record, settings
        self.slots = [Slots(most) for most in concurrency]
        self.jobs = Jobs(sum(concurrency))
        self.waiting = [Schedule() for _ in concurrency]  # channel files by their next attempt
        self.done = Schedule()    # no channel file is left: bounce and remove
        self.failed = Schedule()  # it could not be told where these belong
        self.taken: set[int] = set()  # in todo/, and on their way: not to be taken up again
        self.deliveries = itertools.count(1)  # the numbers that the activity record gives to deliveries
        self.exit_requested = False

    def clock_set_back(self, seconds: int) -> None:
        """What waits goes on waiting for as long as it would have."""
        for schedule in (*self.waiting, self.done, self.failed):
            schedule.earlier(seconds)

    def log_status(self) -> None:
        used = [(slots.used, slots.concurrency) for slots in self.slots]
        self.record.line(activity.status(used, self.exit_requested))
