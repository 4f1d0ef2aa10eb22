"""One channel of qmail-send: its passes, its deliveries, and the conversation with its spawner

Source: qmail-send.c pass_dochan, del_dochan, comm_do.
"""

import os

from pymail.engines.deliveries import FAILURE, MANGLED, SUCCESS, Delivery, outcome
from pymail.engines.jobs import Job
from pymail.engines.passes import Pass, UnknownRecord
from pymail.engines.rewrite import delivery_sender
from pymail.engines.schedule import SYSTEM_TROUBLE, plausible, retry_time
from pymail.formats import activity
from pymail.protocols.spawn import Reports, encode_request
from pymail.queue.bounces import Bounces
from pymail.queue.direct import Direct, Single
from pymail.queue.layout import messid, split_path
from pymail.queue.recipients import channel_path, exists, mark_done, read_info
from pymail.queue.shared import Shared
from pysvc.unix.files import read_once

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

BLOCK = 8192        # bytes of recipients or reports read at a time
MOST_STEPS = 1000   # of a pass between two looks at everything else


class Lost(Exception):
    """The spawner is gone."""


class Channel:
    """Deliveries of one channel start in the order of its passes, as many as there are free slots."""

    __slots__ = ("_bounces", "_direct", "_file", "_pass", "_reports", "_requests", "_shared", "_slots",
                 "_waiting", "alive", "index", "read_fd", "write_fd")  # fmt: skip

    def __init__(
        self, index: int, spawner: tuple[int, int], shared: Shared, bounces: Bounces, direct: Direct
    ) -> None:
        """spawner: the pipes to and from it; writing must not wait."""
        self.index = index
        self.write_fd, self.read_fd = spawner
        self._shared, self._bounces, self._direct = shared, bounces, direct
        self._slots, self._waiting = shared.slots[index], shared.waiting[index]
        self._pass: Pass | None = None
        self._file = -1
        self._requests = b""  # not yet written
        self._reports = Reports()
        self.alive = True

    @property
    def outstanding(self) -> bool:
        """Whether a report is still to come."""
        return self.alive and self._slots.used > 0

    @property
    def writing(self) -> bool:
        """Whether the spawner has yet to take requests."""
        return self.alive and bool(self._requests)

    def _can_start(self) -> bool:
        return self.alive and self._slots.available and not self._requests

    def wanted_at(self) -> int | None:
        """When there will be something to start, if nothing else happens; 0 for at once."""
        if not self._can_start():
            return None
        if self._pass is not None:
            return 0
        if not self._shared.jobs.available:
            return None
        return 0 if self._direct.waits(self.index) else self._waiting.first()

    def start_deliveries(self, now: int) -> None:
        """Fill the free slots from the current pass, straight out of todo/, and from those that are due."""
        requests: list[bytes] = []
        for _ in range(MOST_STEPS):
            if not self._can_start():
                break
            if self._pass is not None:
                requests += self._step(self._pass, now)
            elif (single := self._next_single(now)) is not None:
                requests.append(self._start_single(single, now))
            elif not self._begin_pass(now):
                break
        self._requests += b"".join(requests)

    def _next_single(self, now: int) -> Single | None:
        return self._direct.next(self.index, now) if self._shared.jobs.available else None

    def _start_single(self, single: Single, now: int) -> bytes:
        """A pass over one recipient, which is known already."""
        single.announce(self._shared.record)
        lifetime = self._shared.settings.lifetime
        job = self._shared.jobs.open(
            single.number, self.index, single.sender, now, now=now, lifetime=lifetime
        )
        job.read_to_end = True
        single.job = job
        request = self._start(job, 0, single.recipient)
        self._shared.jobs.release(job)
        return request

    def _begin_pass(self, now: int) -> bool:
        """Open the message that is due first; False if none is or may be."""
        number = self._waiting.take(now) if self._shared.jobs.available else None
        if number is None:
            return False
        path = channel_path(self.index, number)
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._put_off(path, number, now)
            return True
        try:
            info = read_info(number)
        except OSError:
            info = None
        if info is None:
            os.close(file)
            self._put_off(split_path("info", number), number, now)
            return True
        sender, birth = info
        job = self._shared.jobs.open(
            number, self.index, sender, birth, now=now, lifetime=self._shared.settings.lifetime
        )
        self._pass, self._file = Pass(job), file
        return True

    def _put_off(self, path: str, number: int, now: int) -> None:
        self._shared.record.warn(f"trouble opening {path}; will try again later")
        self._waiting.add(now + SYSTEM_TROUBLE, number)

    def _step(self, current: Pass, now: int) -> list[bytes]:
        """One step of a pass: the request for its next recipient, if the step led to one."""
        path = channel_path(self.index, current.job.number)
        try:
            found = current.next()
            if found is not None:
                return [self._start(current.job, *found)]
            data = os.read(self._file, BLOCK)
        except UnknownRecord:
            self._shared.record.warn(f"unknown record type in {path}!")
            self._end_pass(current.job, now)
            return []
        except OSError:
            self._shared.record.warn(f"trouble reading {path}; will try again later")
            self._end_pass(current.job, now)
            return []
        if data:
            current.feed(data)
        else:
            current.job.read_to_end = True
            self._end_pass(current.job, now)
        return []

    def _end_pass(self, job: Job, now: int) -> None:
        os.close(self._file)
        self._pass, self._file = None, -1
        self._release(job, now)

    def _start(self, job: Job, offset: int, recipient: bytes) -> bytes:
        """Give a delivery its slot; the request for the spawner."""
        job.delivery_begins()
        delivery = Delivery(next(self._shared.deliveries), job, offset, recipient)
        delnum = self._slots.take(delivery)
        self._shared.record.line(activity.starting(delivery.number, job.number, self.index, recipient))
        self._shared.log_status()
        sender = delivery_sender(job.sender, recipient)
        return encode_request(delnum, messid(job.number), sender, recipient)

    def write_requests(self) -> None:
        """Send what the pipe takes without waiting. Raises Lost."""
        try:
            self._requests = self._requests[os.write(self.write_fd, self._requests) :]
        except BlockingIOError:
            pass
        except OSError:
            self._lose()

    def read_reports(self, now: int) -> None:
        """Take the reports that are there. Raises Lost."""
        data = read_once(self.read_fd, BLOCK)
        if not data:
            self._lose()
        ended = []
        for delnum, report in self._reports.feed(data):
            delivery = self._slots.release(delnum)
            if delivery is None:
                self._shared.record.warn("internal error: delivery report out of range")
            else:
                ended.append((delivery, *outcome(report, delivery.job.last)))
        # A failure must be on disk, to be told to the sender, before its recipient is marked as done.
        self._note(
            (delivery, kind, text) for delivery, kind, text in ended if self._direct.of(delivery.job) is None
        )
        for delivery, kind, text in ended:
            self._end_delivery(delivery, kind, text, now)

    def _note(self, ended: "Iterable[tuple[Delivery, str, bytes]]") -> None:
        self._bounces.note(
            (delivery.job.number, delivery.recipient, text)
            for delivery, kind, text in ended
            if kind == FAILURE
        )

    def _end_delivery(self, delivery: Delivery, kind: str, text: bytes, now: int) -> None:
        if kind == MANGLED:
            self._shared.record.line(activity.mangled(delivery.number))
        else:
            self._shared.record.line(activity.report(delivery.number, kind, text))
        single = self._direct.of(delivery.job)
        if single is None:
            self._settle(delivery, kind, now)
        self._shared.log_status()
        if single is not None:
            self._end_single(single, delivery, kind, text, now)

    def _end_single(self, single: Single, delivery: Delivery, kind: str, text: bytes, now: int) -> None:
        if kind == SUCCESS and not single.writing:
            self._shared.jobs.release(delivery.job)
            self._direct.delivered(single, now)
            return

        def settle(now: int) -> None:
            self._note([(delivery, kind, text)])
            self._reschedule(delivery.job, now)
            self._settle(delivery, kind, now)

        self._direct.undelivered(single, settle)

    def _reschedule(self, job: Job, now: int) -> None:
        """By the birth that the message has now that it has an info file."""
        try:
            info = read_info(job.number)
        except OSError:
            info = None
        if info is not None:
            job.retry = retry_time(info[1], now, self.index)

    def _settle(self, delivery: Delivery, kind: str, now: int) -> None:
        """Write down what became of a recipient."""
        if kind in (SUCCESS, FAILURE):
            self._mark(delivery)
        self._release(delivery.job, now)

    def _mark(self, delivery: Delivery) -> None:
        path = channel_path(self.index, delivery.job.number)
        try:
            mark_done(path, delivery.offset)
        except OSError:
            self._shared.record.warn(f"trouble marking {path}; message will be delivered twice!")
        delivery.job.recipient_done()

    def _release(self, job: Job, now: int) -> None:
        """The pass or a delivery is over; the last of them decides how the message goes on."""
        if not self._shared.jobs.release(job):
            return
        if not job.complete:  # the clock may have been set back since the job began
            due = plausible(job.retry, now, self._shared.settings.lifetime)
            self._waiting.add(due, job.number)
            return
        path = channel_path(self.index, job.number)
        try:
            os.unlink(path)
        except OSError:
            self._shared.record.warn(f"unable to unlink {path}; will try again later")
            self._waiting.add(now + SYSTEM_TROUBLE, job.number)
            return
        if not self._other_channel_goes_on(job.number):
            self._shared.done.add(now, job.number)

    def _other_channel_goes_on(self, number: int) -> bool:
        path = channel_path(1 - self.index, number)
        try:
            return exists(path)
        except OSError:
            self._shared.record.warn(f"unable to stat {path}")
            return False  # queue.finish looks again

    def _lose(self) -> None:
        self.alive = False
        raise Lost
