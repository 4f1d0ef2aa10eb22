"""Looking into todo/: which messages are taken up, and when

Messages are taken up in batches, and the deliveries of others go on meanwhile: queue.direct has those that
are delivered at once, queue.preprocess makes the files of all others. Source: qmail-send.c todo_do.
"""

import os
import select

from pymail.queue.cleaner import Cleaner
from pymail.queue.direct import Direct
from pymail.queue.layout import flat_path
from pymail.queue.preprocess import Message, Trouble, make_durable
from pymail.queue.restart import is_number
from pymail.queue.shared import Shared
from pymail.unix.background import Background
from pymail.unix.trigger import Watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SLEEP_TODO = 1500  # seconds after which todo/ is looked at even if nobody pulled the trigger
BATCH = 128        # messages that wait for the disk together
MOST_TAKEN = 512   # messages on their way at the same time
CHUNK = 16         # messages taken up between two looks at everything else


class Intake:
    """Scans todo/ when the trigger is pulled, and now and then.

    While one batch waits for the disk the next is gathered: the more comes in, the larger it gets.
    A scan begins only while no bounce is under way, so that a bounce is not recorded as a new message
    before it is recorded as a bounce.
    """

    __slots__ = ("_background", "_cleaner", "_direct", "_gathered", "_next_scan", "_scan", "_shared",
                 "_syncing", "_trigger")  # fmt: skip

    def __init__(self, shared: Shared, background: Background, cleaner: Cleaner, direct: Direct) -> None:
        self._shared, self._background, self._cleaner = shared, background, cleaner
        self._direct = direct
        self._trigger: Watch | None = None
        self._renew_trigger()
        self._scan: Iterator[os.DirEntry[str]] | None = None
        self._next_scan = 0
        self._gathered: list[Message] = []  # the next batch
        self._syncing = False  # whether a batch waits for the disk

    @property
    def _may_take(self) -> bool:
        """Whether there may be more to take up, and room for it."""
        room = len(self._gathered) < BATCH and len(self._shared.taken) < MOST_TAKEN
        return self._scan is not None and room

    @property
    def trigger_fd(self) -> int | None:
        """What becomes readable when messages have come; None while a scan is under way anyway."""
        return self._trigger.fd if self._scan is None and self._trigger is not None else None

    def wanted_at(self) -> int | None:
        """When there will be something to do, if nothing else happens; 0 for at once."""
        if self._may_take or (self._gathered and not self._syncing):
            return 0
        overdue = self._direct.wanted_at() if len(self._gathered) < BATCH else None
        times = (overdue, self._next_scan if self._scan is None else None)
        return min((time for time in times if time is not None), default=None)

    def clock_set_back(self, seconds: int) -> None:
        self._next_scan -= seconds
        self._direct.clock_set_back(seconds)

    def step(self, now: int, may_begin: bool) -> None:
        """Take up some messages, if there are any. may_begin: whether a scan may."""
        if self._scan is None and may_begin and (now >= self._next_scan or self._pulled()):
            self._begin_scan(now)
        if self._may_take:
            self._take(now)
        self.write(now)

    def write(self, now: int) -> None:
        """Give files to those that cannot do without any longer, and make what was gathered durable."""
        while len(self._gathered) < BATCH and (one := self._direct.overdue(now)) is not None:
            message = Message(one.number, one)
            if not self._write(message):
                self._direct.unwritten(one, now)
        if self._gathered and not self._syncing:
            batch, self._gathered = self._gathered, []
            self._syncing = True
            self._background.start(lambda: make_durable(batch), lambda batch: self._durable(batch, now))

    def _pulled(self) -> bool:
        """Whether the trigger has been pulled since it was renewed."""
        if self._trigger is None:
            return False
        poll = select.poll()
        poll.register(self._trigger.fd, select.POLLIN)
        return bool(poll.poll(0))

    def _renew_trigger(self) -> None:
        """Forget the calls so far. Without a trigger there are still the scans now and then."""
        try:
            if self._trigger is None:
                self._trigger = Watch(".")
            else:
                self._trigger.reopen()
        except OSError:
            self._trigger = None

    def _begin_scan(self, now: int) -> None:
        self._renew_trigger()
        while self._scan is None:
            try:
                self._scan = os.scandir("todo")
            except OSError:
                self._shared.record.alert_and_pause("unable to opendir todo, sleeping...")
        self._next_scan = now + SLEEP_TODO

    def _take(self, now: int) -> None:
        """Take up the next messages of the scan that are not on their way yet."""
        for _ in range(CHUNK):
            entry = self._next_entry()
            if entry is None:
                self._scan = None
                break
            if is_number(entry) and int(entry) not in self._shared.taken:
                self._take_up(Message(int(entry)), now)

    def _next_entry(self) -> str | None:
        try:
            return next(self._scan).name if self._scan is not None else None
        except (StopIteration, OSError):
            return None

    def _take_up(self, message: Message, now: int) -> None:
        """Have a message delivered straight away if it may be; else write its files."""
        try:
            if not message.open():
                return
            one = message.read_single(self._shared.settings.rewriter)
            if one is not None and self._direct.takes(one.channel, now):
                self._direct.add(one, now)
                taken = True
            else:
                taken = self._write(message)
        except Trouble as error:
            self._shared.record.warn(str(error))
        else:
            if taken:
                self._shared.taken.add(message.number)
        finally:
            message.close_source()

    def _write(self, message: Message) -> bool:
        """Whether the files of a message could be written; they wait to be made durable then."""
        try:
            message.write(self._shared.settings.rewriter, self._shared.record)
        except Trouble as error:
            message.close()
            self._shared.record.warn(str(error))
            return False
        self._gathered.append(message)
        return True

    def _durable(self, batch: list[Message], now: int) -> None:
        """Now, and only now, todo may go."""
        self._syncing = False
        for message in batch:
            if message.trouble:
                self._failed(message, message.trouble, now)
            else:
                self._cleaner.ask("todo", message.number, self._answer(message, now))

    def _answer(self, message: Message, now: int) -> "Callable[[bool], None]":
        def answered(done: bool) -> None:
            if done:
                self._enqueue(message, now)
            else:
                path = flat_path("todo", message.number)
                self._failed(message, f"qmail-clean unable to clean up {path}", now)

        return answered

    def _failed(self, message: Message, why: str, now: int) -> None:
        """It stays in todo/ for now."""
        self._shared.record.warn(why)
        if message.single is not None:
            self._direct.unwritten(message.single, now)
        else:
            self._shared.taken.discard(message.number)

    def _enqueue(self, message: Message, now: int) -> None:
        if message.single is not None:
            self._direct.written(message.single, now)
            return
        self._shared.taken.discard(message.number)
        for channel in message.channels:
            self._shared.waiting[channel].add(now, message.number)
        if not message.channels:
            self._shared.done.add(now, message.number)
