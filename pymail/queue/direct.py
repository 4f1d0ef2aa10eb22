"""Deliveries straight out of todo/: messages with one recipient, on a channel where nothing else is due

Most mail is delivered at its first attempt, moments after it came, and needs no schedule. Until that
attempt is reported todo/N says all there is to say of such a message; a crash has it delivered again, as a
crash during any delivery has. Only where the attempt fails, or the message has waited for PATIENCE seconds,
is it preprocessed like every other one. The activity record shows no difference.
"""

from pymail.engines.jobs import Job
from pymail.engines.schedule import Schedule
from pymail.formats import activity, envelope
from pymail.queue.cleaner import Cleaner
from pymail.queue.layout import CHANNELS, flat_path
from pymail.queue.shared import Shared
from pymail.unix.record import Record
from pysvc.formats.number import scan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 2    # seconds that one may wait, or its delivery take, before it gets its files
AGAIN = 10      # seconds until something is tried again that this host could not do
LONGEST = 4096  # bytes of a todo file that is looked at


class Single:
    """A message with one recipient, of which only todo/N and mess/N exist."""

    __slots__ = ("_qp", "_size", "_told", "_uid", "channel", "job", "number", "recipient", "sender", "settle",
                 "writing")  # fmt: skip

    def __init__(self, number: int, size: int, uid: int, qp: int, sender: bytes) -> None:
        """size, uid, qp: as for activity.message_info. Channel and recipient follow."""
        self.number, self.sender = number, sender
        self._size, self._uid, self._qp = size, uid, qp
        self._told = False
        self.channel, self.recipient = 0, b""
        self.job: Job | None = None  # of its delivery, once that has begun
        self.settle: Callable[[int], None] | None = None  # what is to be done with its files, at a time
        self.writing = False  # whether its files are being written

    def announce(self, record: Record) -> None:
        """Have it in the activity record, once."""
        if not self._told:
            self._told = True
            info = activity.message_info(self.number, self._size, self.sender, self._qp, self._uid)
            record.line(activity.new_message(self.number), info)


def single(number: int, content: bytes, size: int) -> tuple[Single, bytes] | None:
    """The message and its recipient, not yet rewritten, if `content`, of todo/N, has exactly one.

    size: bytes of mess/N.
    """
    if len(content) >= LONGEST or not content.endswith(b"\0"):
        return None
    found = list(envelope.records(content))
    if b"".join(kind for kind, _ in found) != b"upFT":
        return None
    uid, qp, sender, recipient = (payload for _, payload in found)
    return Single(number, size, scan(uid)[0], scan(qp)[0], sender), recipient


class Direct:
    """All messages of that kind, each until qmail-clean has removed it from todo/, or it has its files."""

    __slots__ = ("_again", "_cleaner", "_overdue", "_shared", "_singles", "_waiting", "unsettled")

    def __init__(self, shared: Shared, cleaner: Cleaner) -> None:
        self._shared, self._cleaner = shared, cleaner
        self._singles: dict[int, Single] = {}
        # Entries stay until their time has come, also where the message has long left.
        self._waiting = [Schedule() for _ in CHANNELS]  # no delivery has begun; by when they came
        self._overdue = Schedule()  # by when they get files
        self._again = Schedule()    # delivered, but still in todo/
        self.unsettled = 0          # those with something to settle

    def takes(self, channel: int, now: int) -> bool:
        """Whether nothing is due that a new message would overtake."""
        first = self._shared.waiting[channel].first()
        return first is None or first > now

    def add(self, one: Single, now: int) -> None:
        """A new message, its channel and recipient known."""
        self._singles[one.number] = one
        self._waiting[one.channel].add(now, one.number)
        self._overdue.add(now + PATIENCE, one.number)

    def waits(self, channel: int) -> bool:
        """Whether a message may wait for a delivery on a channel."""
        return self._waiting[channel].first() is not None

    def next(self, channel: int, now: int) -> Single | None:
        """The message that has waited longest on a channel; the caller starts its delivery."""
        while (number := self._waiting[channel].take(now)) is not None:
            one = self._singles.get(number)
            if one is not None and one.job is None and not one.writing:
                return one
        return None

    def of(self, job: Job) -> Single | None:
        """The message that a job's delivery is of, if it is one of these and has no files yet."""
        one = self._singles.get(job.number)
        return one if one is not None and one.job is job else None

    def delivered(self, one: Single, now: int) -> None:
        """Nothing remains but to forget it: todo first, and durably; then mess."""
        self._shared.record.line(activity.end_message(one.number))
        del self._singles[one.number]
        self._remove(one.number, now)

    def _remove(self, number: int, now: int) -> None:
        def removed(done: bool) -> None:
            if done:
                self._shared.taken.discard(number)
                self._cleaner.ask("foop", number, cleaned)
            else:  # nobody else may take it up: it would be delivered again
                self._complain("todo", number)
                self._again.add(now + AGAIN, number)

        def cleaned(done: bool) -> None:
            if not done:
                self._complain("foop", number)

        self._cleaner.ask("todo", number, removed)

    def _complain(self, kind: str, number: int) -> None:
        self._shared.record.warn(f"qmail-clean unable to clean up {flat_path(kind, number)}")

    def undelivered(self, one: Single, settle: "Callable[[int], None]") -> None:
        """Its delivery was no success, or too slow: it gets files, and then settle(that time) is called."""
        one.settle = settle
        self.unsettled += 1
        if not one.writing:
            self._overdue.add(0, one.number)

    def wanted_at(self) -> int | None:
        """When there will be something to do, if nothing else happens; 0 for at once."""
        times = (self._overdue.first(), self._again.first())
        return min((time for time in times if time is not None), default=None)

    def overdue(self, now: int) -> Single | None:
        """One that has to get its files now; the caller says written() or unwritten()."""
        while (number := self._again.take(now)) is not None:
            self._remove(number, now)
        while (number := self._overdue.take(now)) is not None:
            one = self._singles.get(number)
            if one is None or one.writing or (self._shared.exit_requested and one.settle is None):
                continue
            one.writing = True
            return one
        return None

    def written(self, one: Single, now: int) -> None:
        """It has left todo/, and goes on like any other message."""
        self._leave(one)
        if one.job is None:
            self._shared.waiting[one.channel].add(now, one.number)
            return
        if one.settle is not None:
            one.settle(now)

    def unwritten(self, one: Single, now: int) -> None:
        """It could not get its files: it will be tried again, or by the next qmail-send."""
        one.writing = False
        if self._shared.exit_requested and one.settle is not None:
            self._leave(one)
            return
        self._overdue.add(now + AGAIN, one.number)
        if one.job is None:
            self._waiting[one.channel].add(now, one.number)

    def _leave(self, one: Single) -> None:
        del self._singles[one.number]
        self._shared.taken.discard(one.number)
        if one.settle is not None:
            self.unsettled -= 1

    def clock_set_back(self, seconds: int) -> None:
        for schedule in (*self._waiting, self._overdue, self._again):
            schedule.earlier(seconds)
