"""qmail-send - deliver the messages of the queue

Synopsis:    qmail-send

Started by qmail-start, with these descriptors:

    0      activity record                        see the qmail-log manual
    1, 2   to and from qmail-lspawn
    3, 4   to and from qmail-rspawn
    5, 6   to and from qmail-clean

Signals:     TERM   finish the deliveries under way, save the schedule, end
             ALRM   try everything that waits now
             HUP    read control/locals and control/virtualdomains again
Environment: QMAILQUEUE   the program that takes bounces, instead of qmail-queue
Files:       control/{me,locals,virtualdomains,percenthack,envnoathost}   which recipients are local
             control/{bouncefrom,bouncehost,doublebounceto,doublebouncehost}
             control/{concurrencylocal,concurrencyremote,queuelifetime}
             queue/                               see the modules of pymail.queue
Exit codes:  0 asked to end, or a partner was lost; 111 unable to start
"""

import os
import select
import time

from pymail.formats import activity
from pymail.queue import channel, cleaner, layout, restart
from pymail.queue.bounces import Bounces
from pymail.queue.channel import Channel
from pymail.queue.cleaner import Cleaner
from pymail.queue.direct import Direct
from pymail.queue.finish import Finish
from pymail.queue.settings import Missing, Settings
from pymail.queue.shared import Shared
from pymail.queue.strays import Strays
from pymail.queue.todo import Intake
from pymail.unix.background import Background
from pymail.unix.controls import Controls
from pymail.unix.home import Home
from pymail.unix.record import Record
from pysvc import launch
from pysvc.unix import lock, signals
from pysvc.unix.files import read_once
from pysvc.unix.strerr import TEMPORARY, Fatal, failing_as

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

ACTIVITY = 0
SPAWNERS = ((1, 2), (3, 4))  # for each channel: to and from its spawner
CLEAN = (5, 6)
LONGEST_WAIT = 86400  # seconds
FUZZ = 1              # seconds added to each wait: times are compared in whole seconds


class CannotStart(Exception):
    """Why there is nothing to be done at all."""


def cannot(doing: str) -> failing_as:
    """`with cannot("open mutex"):` turns an error into that CannotStart."""
    return failing_as(CannotStart(f"unable to {doing}"), (OSError, Fatal, Missing))


class Sender:
    """The running daemon: waits for events and hands them to the parts that know what to do.

    It has no clock of its own: whoever runs it says how late it is.
    """

    def __init__(
        self,
        home: Home,
        settings: Settings,
        record: Record,
        concurrency: list[int],
        now: int,
        *,
        spawners: "Sequence[tuple[int, int]]" = SPAWNERS,
        clean: tuple[int, int] = CLEAN,
        background: Background | None = None,
    ) -> None:
        """spawners, clean: the descriptors to and from the partners. background: where calls wait for the
        disk. The current directory is the queue."""
        self._home, self._record = home, record
        self.shared = Shared(record, settings, concurrency)
        with cannot("create pipe"):
            self._signals = signals.SelfPipe((signals.SIGTERM, signals.SIGALRM, signals.SIGHUP))
            self._background = background or Background()
        self._cleaner = Cleaner(*clean)
        bounces = Bounces(home, settings, record)
        self._direct = Direct(self.shared, self._cleaner)
        self._channels = [
            Channel(index, fds, self.shared, bounces, self._direct) for index, fds in enumerate(spawners)
        ]
        self._finish = Finish(self.shared, bounces, self._background, self._cleaner)
        bounces.mend()
        restart.load(self.shared, now)
        self.shared.log_status()
        self._intake = Intake(self.shared, self._background, self._cleaner, self._direct)
        self._strays = Strays(self.shared, self._cleaner)
        self._now = now

    def run(self) -> None:
        """Until asked to end, and nothing is under way any more."""
        while not self.over:
            ready = self.wait(self.patience(int(time.time())))
            self.turn(ready, int(time.time()))
        self.end()

    @property
    def over(self) -> bool:
        """Whether it was asked to end, and nothing is under way any more."""
        return self.shared.exit_requested and not self._under_way()

    def end(self) -> None:
        """Leave the schedule to the next one."""
        restart.save(self.shared)
        self._record.line(activity.EXITING)
        self._record.flush()

    def _under_way(self) -> bool:
        deliveries = any(one.outstanding for one in self._channels)
        unsettled = self._direct.unsettled > 0 and self._cleaner.alive
        return deliveries or unsettled or self._background.running > 0 or self._cleaner.waiting

    def turn(self, ready: set[int], now: int) -> None:
        """Let each part do a bounded piece of work: none has to wait for another. ready: what wait() said."""
        if now < self._now:
            for part in (self.shared, self._intake, self._strays):
                part.clock_set_back(self._now - now)
        self._now = now
        if self._signals.fd in ready:
            self._obey(self._signals.arrived(), now)
        self._talk(ready, now)
        if self._background.fd in ready:
            self._background.collect()
        if not self.shared.exit_requested:
            self._work(now)
        elif self._direct.unsettled:
            self._intake.write(now)
        self._record.flush()  # before what it says of is gone
        try:
            self._cleaner.flush()
        except cleaner.Lost:
            self._lost("qmail-clean")

    def _work(self, now: int) -> None:
        self._intake.step(now, may_begin=not self._finish.bouncing)
        for one in self._channels:
            one.start_deliveries(now)
            if one.writing:
                self._write(one)
        restart.retry_failed(self.shared, now)
        self._finish.step(now)
        self._strays.step(now)

    def patience(self, now: int) -> int:
        """Seconds until there is something to do even if nothing happens."""
        wanted = self._wanted_at(now)
        return min(max(0, wanted - now + FUZZ), LONGEST_WAIT) if wanted > now else 0

    def wait(self, seconds: int) -> set[int]:
        """Wait, so long at most, for descriptors with which something can be done; these."""
        poll = select.poll()
        for fd in self._readable():
            poll.register(fd, select.POLLIN)
        for one in self._channels:
            if one.writing:
                poll.register(one.write_fd, select.POLLOUT)
        try:
            return {fd for fd, _ in poll.poll(seconds * 1000)}
        except OSError:
            self._record.warn("trouble in select")
            return set()

    def _readable(self) -> list[int]:
        fds = [self._signals.fd, self._background.fd]
        fds += [one.read_fd for one in self._channels if one.alive]
        if self._cleaner.alive:
            fds.append(self._cleaner.fd)
        trigger = self._intake.trigger_fd
        if trigger is not None and not self._finish.bouncing and not self.shared.exit_requested:
            fds.append(trigger)
        return fds

    def _wanted_at(self, now: int) -> int:
        """When there will be something to do even if nothing happens."""
        if self.shared.exit_requested:
            overdue = self._direct.wanted_at() if self._direct.unsettled else None
            return now + LONGEST_WAIT if overdue is None else overdue
        times = [one.wanted_at() for one in self._channels]
        times += [self._finish.wanted_at(), self._strays.wanted_at(), self.shared.failed.first()]
        if not self._finish.bouncing:
            times.append(self._intake.wanted_at())
        return min(time for time in (*times, now + LONGEST_WAIT) if time is not None)

    def _talk(self, ready: set[int], now: int) -> None:
        """Exchange requests, reports, commands and answers with the partners."""
        for one in self._channels:
            if one.write_fd in ready:
                self._write(one)
            if one.read_fd in ready and one.alive:
                try:
                    one.read_reports(now)
                except channel.Lost:
                    self._lost("spawn")
        if self._cleaner.fd in ready and self._cleaner.alive:
            try:
                self._cleaner.read()
            except cleaner.Lost:
                self._lost("qmail-clean")

    def _write(self, one: Channel) -> None:
        try:
            one.write_requests()
        except channel.Lost:
            self._lost("spawn")

    def _lost(self, partner: str) -> None:
        self._record.alert(f"oh no! lost {partner} connection! dying...")
        self.shared.exit_requested = True

    def _obey(self, arrived: set[int], now: int) -> None:
        if signals.SIGTERM in arrived:
            self.shared.exit_requested = True
        if signals.SIGALRM in arrived:
            for waiting in self.shared.waiting:
                waiting.all_due(now)
        if signals.SIGHUP in arrived:
            self._reread()

    def _reread(self) -> None:
        """Read again what may change while the daemon runs; what cannot be read stays as it was."""
        settings = self.shared.settings
        try:
            os.stat(self._home.file("."))
        except OSError:
            self._record.alert("unable to reread controls: unable to switch to home directory")
            return
        for name, reread in (
            ("locals", settings.reread_locals),
            ("virtualdomains", settings.reread_virtualdomains),
        ):
            try:
                reread()
            except (OSError, Missing):
                self._record.alert(f"unable to reread control/{name}")


def main(argv: list[str]) -> int:
    record = Record(ACTIVITY)
    try:
        sender = _start(argv[0], record)
    except CannotStart as error:
        record.alert(f"cannot start: {error}")
        record.flush()
        return TEMPORARY
    try:
        sender.run()
    except Exception as error:  # descriptor 2 is a pipe: it must be said here
        record.alert(f"cannot go on: {launch.fault(error)}")
        record.flush()
        return TEMPORARY
    return 0


def _start(argv0: str, record: Record) -> Sender:
    with cannot("switch to home directory"):
        home = Home.of(argv0)
        os.chdir(home.path)
    with cannot("read controls"):
        settings = Settings(Controls(home))
    with cannot("switch to queue directory"):
        os.chdir("queue")
    _learn_split(home.file("queue"))
    signals.ignore(signals.SIGPIPE)
    signals.default(signals.SIGCHLD)
    os.umask(0o077)
    _exclude_others()
    slots = [_slots(read_fd) for _, read_fd in SPAWNERS]
    for write_fd, read_fd in (*SPAWNERS, CLEAN):
        for fd in (write_fd, read_fd):
            os.set_inheritable(fd, fd <= 2)  # what QMAILQUEUE runs needs no descriptor of ours but 0 to 2
    for write_fd, _ in SPAWNERS:
        os.set_blocking(write_fd, False)
    concurrency = list(map(min, settings.concurrency, slots))
    return Sender(home, settings, record, concurrency, int(time.time()))


def _learn_split(queue: str) -> None:
    """Its four directories must agree: a message looked for in the wrong part would be given up for lost."""
    with cannot("tell into how many parts the queue is split"):
        learned = layout.learn(queue)
        if any(layout.parts_of(kind) != learned for kind in layout.SPLIT_DIRECTORIES):
            raise CannotStart("the directories of the queue are split into different numbers of parts")


def _exclude_others() -> None:
    """Only one qmail-send works on a queue; the lock is held for life."""
    with cannot("open mutex"):
        mutex = os.open(layout.SENDMUTEX, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        lock.try_lock(mutex)
    except OSError:
        raise CannotStart("qmail-send is already running") from None


def _slots(fd: int) -> int:
    """How many deliveries a spawner can run at a time: the first byte it sends."""
    hello = read_once(fd, 1)
    if not hello:
        raise CannotStart("hath the daemon spawn no fire?")
    return hello[0]
