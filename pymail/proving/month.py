"""A month in a minute: qmail-send delivers under a simulated clock, in a simulated world

Hosts are down for days, greylist, refuse; mail comes in bursts; qmail-send is stopped, and dies. At each
request and at each audit the invariants are held against what the world remembers. What happens to a
recipient at an attempt depends on the seed, the message and the number of the attempt alone.
"""

import hashlib
import heapq
import os
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from pymail.engines.schedule import LIFETIME, retry_time
from pymail.formats.envelope import from_caller, records
from pymail.programs import qmail_queue
from pymail.protocols.spawn import Request
from pymail.proving import instance
from pymail.proving.checker import disk_for_images
from pymail.proving.crash import say, step_down
from pymail.proving.plan import DAY, START, Mail, plan
from pymail.proving.simulation import Simulation, Spawner, Spinning
from pymail.queue import layout
from pymail.unix.home import Home
from pysvc import launch
from pysvc.unix import signals
from pysvc.unix.files import write_all
from pysvc.unix.strerr import unable_to

LOCAL, REMOTE = 0, 1
LAST_ATTEMPT = 608400  # seconds from birth to the attempt that comes after LIFETIME
CONCURRENCY = [4, 8]
MOST_DESCRIPTORS = 64
PROMPT = 5  # seconds that a delivery may be late where nothing holds it up
BLOCKED = 3600  # seconds after which even a burst must have let everybody have a first attempt
AUDIT = DAY // 8  # seconds from one look at all files to the next
_TOKEN = re.compile(rb"^Token: (\w+)$", re.MULTILINE)
_TOLD = re.compile(rb"^<([^>\n]+)>:$", re.MULTILINE)


class Broken(Exception):
    """An invariant does not hold."""


class Killed(Exception):
    """qmail-send dies now."""


@dataclass
class Entry:
    """What the world knows of one recipient of a message."""

    attempts: list[int] = field(default_factory=list)
    delivered: int = 0
    failed: bool = False  # for good, as far as the world told qmail-send
    settled_in: int = -1  # the life in which that was
    told: int = 0  # bounces that name it


@dataclass
class Round:
    """The recipients of a message on one channel that were tried since the pass began."""

    start: int
    tried: set[bytes] = field(default_factory=set)


class Month:
    """The world of one seed."""

    def __init__(self, home: Home, seed: int, days: int) -> None:
        self._home, self._seed = home, seed
        self._plan = plan(seed, days)
        self._end = START + days * DAY
        self._entries: dict[tuple[str, bytes], Entry] = {}
        self._mail: dict[str, Mail] = {}
        self._numbers: dict[int, str] = {}  # which message has a number now
        self._births: dict[int, int] = {}
        self._rounds: dict[tuple[str, int], Round] = {}
        self._life = 0  # how often qmail-send was killed
        self._started = START
        self._kill_in = 0  # turns; 0: no
        self._simulation: Simulation | None = None
        self.counts: Counter[str] = Counter()
        self.history = hashlib.sha256()
        self.now = START

    def run(self) -> None:
        """Live through it. Raises Broken."""
        self._begin(START)
        for time, _, what, details in self._events():
            self._go_on(time)
            self.now = time
            getattr(self, f"_{what}")(*details)
        self._go_on(self._end)
        self._audit()
        self._settled()

    def _events(self) -> "Iterator[tuple[int, int, str, tuple[object, ...]]]":
        """(time, number, what, details) in order."""
        events: list[tuple[int, int, str, tuple[object, ...]]] = []

        def add(time: int, what: str, *details: object) -> None:
            heapq.heappush(events, (time, len(events), what, details))

        for mail in self._plan.mail:
            add(mail.time, "arrive", mail)
        for time, down, killed in self._plan.stops:
            add(time, "stop", killed)
            add(time + down, "begin", time + down)
        for time in range(START + AUDIT, self._end, AUDIT):
            add(time, "audit")
        return iter(sorted(event for event in events if event[0] < self._end))

    # qmail-send's lives

    def _begin(self, time: int) -> None:
        if self._simulation is None:
            self._started = self.now = time
            self._simulation = Simulation(
                self._home, time, CONCURRENCY, (self._local, self._remote),
                before_cleaning=self._stamp, after_turn=self._after_turn,
            )  # fmt: skip

    def _go_on(self, until: int) -> None:
        if self._simulation is not None:
            try:
                self._simulation.run(until)
            except Killed:
                self._die()
                self._begin(self.now)
                self._go_on(until)
            except Spinning as error:
                raise Broken(str(error)) from None

    def _stop(self, killed: bool) -> None:
        if self._simulation is None:
            return
        if killed:
            self._kill_in = Random(f"{self._seed} {self.now}").randrange(20)
            if not self._kill_in:
                self._die()
        else:
            self._simulation.end()
            self._simulation = None
            self.counts["stops"] += 1

    def _die(self) -> None:
        assert self._simulation is not None
        self._simulation.kill()
        self._simulation = None
        self._kill_in = 0
        self._life += 1
        self._rounds.clear()
        self.counts["deaths"] += 1

    def _after_turn(self) -> None:
        assert self._simulation is not None
        self.now = self._simulation.now
        if self._kill_in:
            self._kill_in -= 1
            if not self._kill_in:
                raise Killed

    def _spawners(self) -> list[Spawner]:
        assert self._simulation is not None
        return self._simulation.spawners

    # what comes in

    def _arrive(self, mail: Mail) -> None:
        """The real qmail-queue takes a message."""
        before = set(os.listdir(self._home.file("queue", "todo")))
        message, envelope = os.pipe(), os.pipe()
        write_all(message[1], f"Token: {mail.token}\n\nhello\n".encode())
        for block in from_caller(mail.sender.encode(), [r.encode() for r in mail.recipients]):
            write_all(envelope[1], block)
        os.close(message[1])
        os.close(envelope[1])

        def body() -> int:
            os.dup2(message[0], 0)
            os.dup2(envelope[0], 1)
            return qmail_queue.main([self._home.file("bin", "qmail-queue")])

        code = os.waitstatus_to_exitcode(os.waitpid(launch.fork("qmail-queue", body), 0)[1])
        os.close(message[0])
        os.close(envelope[0])
        if code:
            raise Broken(f"qmail-queue refused {mail.token}: {code}")
        (name,) = set(os.listdir(self._home.file("queue", "todo"))) - before
        self._numbers[int(name)] = mail.token
        self._births.pop(int(name), None)
        self._mail[mail.token] = mail
        for recipient in mail.recipients:
            self._entries[mail.token, recipient.encode()] = Entry()
        self.counts["messages"] += 1

    def _stamp(self, command: bytes) -> None:
        """Files are made at real times: give those of a message that was preprocessed the simulated one."""
        kind, _, number = command.decode().partition("/")
        if kind == "todo":
            assert self._simulation is not None
            now = self._simulation.now
            self._births[int(number)] = now
            for folder in ("info", *layout.CHANNELS):
                path = self._home.file("queue", layout.split_path(folder, int(number)))
                if os.path.exists(path):
                    os.utime(path, (now, now))

    # what goes out

    def _local(self, request: Request, now: int) -> tuple[int, bytes]:
        return self._deliver(request, now, LOCAL)

    def _remote(self, request: Request, now: int) -> tuple[int, bytes]:
        return self._deliver(request, now, REMOTE)

    def _deliver(self, request: Request, now: int, channel: int) -> tuple[int, bytes]:
        self.now = now
        if self._spawners()[channel].under_way >= CONCURRENCY[channel]:
            raise Broken("more deliveries at a time than allowed")
        number = int(request.messid.rpartition(b"/")[2])
        if not request.sender:
            return self._bounced(request)
        token, recipient = self._numbers[number], request.recipient
        self._births.setdefault(number, now)  # straight out of todo/
        entry = self._entries[token, recipient]
        self._check_once(token, recipient, entry)
        self._check_time(token, recipient, number, channel, entry)
        entry.attempts.append(now)
        seconds, report = self._answer(token, recipient, len(entry.attempts), entry.attempts[0])
        final = report[:1] != b"Z" or self._rounds[token, channel].start > self._births[number] + LIFETIME
        if final:
            entry.settled_in = self._life
            entry.failed = report[:1] != b"K"
            entry.delivered += not entry.failed
        self.counts[{b"K": "delivered", b"Z": "deferred", b"D": "refused"}[report[:1]]] += 1
        self.history.update(f"{now} {token} {recipient.decode()} {report.decode()}\n".encode())
        return seconds, report

    def _check_once(self, token: str, recipient: bytes, entry: Entry) -> None:
        if entry.settled_in == self._life:
            raise Broken(f"{token} is tried again for {recipient.decode()}, for whom it is settled")

    def _check_time(self, token: str, recipient: bytes, number: int, channel: int, entry: Entry) -> None:
        """Hold an attempt against the schedule."""
        now, birth = self.now, self._births[number]
        held_up = max(self._started, *(spawner.full_at for spawner in self._spawners()))
        current = self._rounds.get((token, channel))
        if current is None or recipient in current.tried:
            if current is not None:
                due = retry_time(birth, current.start, channel)
                if now < due:
                    raise Broken(f"{token} is tried at {now}, before it is due at {due}")
                if now > max(due, held_up) + PROMPT:
                    raise Broken(f"{token} is tried at {now}, but was due at {due}")
            current = self._rounds[token, channel] = Round(now)
        current.tried.add(recipient)
        arrived = max(self._mail[token].time, self._started)
        if not entry.attempts and now > max(arrived, held_up) + PROMPT:
            raise Broken(f"{token} was not tried for {now - arrived} seconds though nothing was in the way")
        if not entry.attempts and now > arrived + BLOCKED:
            raise Broken(f"{token} was not tried for {now - arrived} seconds")

    def _answer(self, token: str, recipient: bytes, attempt: int, first: int) -> tuple[int, bytes]:
        """What becomes of a delivery: seconds and report."""
        random = Random(f"{self._seed} {token} {recipient.decode()} {attempt}")
        box, _, host = recipient.decode().partition("@")
        if any(begin <= self.now < end for begin, end in self._plan.outages.get(host, ())):
            return random.randrange(10, 60), b"Zhost is down\n"
        if box.startswith("grey") and self.now < first + 300:
            return 1, b"Zcome back later\n"
        if box.startswith("no"):
            return random.randrange(3), b"Dno such user\n"
        if random.random() < 0.05:
            return random.randrange(30), b"Zbad luck\n"
        return random.randrange(6), b"Kok\n"

    def _bounced(self, request: Request) -> tuple[int, bytes]:
        """A bounce is delivered: whom it names must have failed."""
        with open(self._home.file("queue", "mess", os.fsdecode(request.messid)), "rb") as message:
            text = message.read()
        found = _TOKEN.search(text)
        if found is None:
            raise Broken("a bounce without the message")
        token = found[1].decode()
        if request.recipient != self._mail[token].sender.encode():
            raise Broken(f"{request.recipient.decode()} is told of the failure of {token}")
        for recipient in set(_TOLD.findall(text)):
            entry = self._entries[token, recipient]
            if not entry.failed:
                raise Broken(f"{token} is said to have failed for {recipient.decode()}")
            entry.told += 1
        self.counts["bounces"] += 1
        return 0, b"Kok\n"

    # audits

    def _audit(self) -> None:
        """Whoever has not got a message has a record of it in the queue; nothing grows without need."""
        live = {}
        for number, token in self._numbers.items():
            open_for = {
                recipient
                for recipient in map(str.encode, self._mail[token].recipients)
                if self._entries[token, recipient].settled_in < 0
            }
            if open_for:
                live[number] = token
                missing = open_for - self._queued_for(number)
                if missing:
                    raise Broken(f"{token} is lost for {b' '.join(sorted(missing)).decode()}")
        if self._simulation is not None:
            shared = self._simulation.sender.shared
            remembered = sum(map(len, (*shared.waiting, shared.done, shared.failed))) + len(shared.taken)
            files = len(instance.queue_files(self._home, ("mess",)))
            if remembered > 2 * files:
                raise Broken(f"{remembered} entries are remembered for {files} messages")
        if len(os.listdir("/proc/self/fd")) > MOST_DESCRIPTORS:
            raise Broken("descriptors are left open")
        self.counts["audits"] += 1

    def _queued_for(self, number: int) -> set[bytes]:
        """The recipients for whom a message is still to be delivered, by what is on disk."""
        found: set[bytes] = set()
        paths = [layout.flat_path("todo", number)]
        paths += [layout.split_path(channel, number) for channel in layout.CHANNELS]
        for path in paths:
            try:
                with open(self._home.file("queue", path), "rb") as file:
                    found |= {payload for kind, payload in records(file.read()) if kind == b"T"}
            except FileNotFoundError:
                continue
        return found

    def _settled(self) -> None:
        """At the end each recipient has the message, or its sender a bounce; nothing is left."""
        for (token, recipient), entry in self._entries.items():
            who = f"{token} for {recipient.decode()}"
            if not entry.delivered and not entry.told:
                raise Broken(f"{who}: neither delivered nor bounced")
            if not self._life and entry.delivered + entry.told != 1:
                raise Broken(f"{who}: delivered {entry.delivered} times, bounced {entry.told} times")
            if entry.failed and not entry.told:
                raise Broken(f"{who}: failed, and nobody was told")
            if entry.attempts[-1] > self._mail[token].time + LAST_ATTEMPT + DAY:
                raise Broken(f"{who}: tried for too long")
        left = instance.queue_files(self._home)
        if left:
            raise Broken(f"left over: {' '.join(left)}")


def prove(seed: int, days: int) -> int:
    """pymail prove --month; 1 if an invariant was broken."""
    step_down()
    signals.ignore(signals.SIGPIPE)
    with unable_to("make a temporary directory"):
        folder = tempfile.mkdtemp(prefix="prove-", dir=disk_for_images())
    try:
        with unable_to(f"make an instance in {folder}"):
            home = instance.build(f"{folder}/home")
        month = Month(home, seed, days)
        try:
            month.run()
        except Broken as error:
            say(f"violation on day {(month.now - START) // DAY}, second {(month.now - START) % DAY}: {error}")
            say(f"    again: {os.path.basename(sys.argv[0])} prove --month --seed {seed} --days {days}")
            return 1
        counts = ", ".join(f"{what} {count}" for what, count in sorted(month.counts.items()))
        say(f"{days} days, seed {seed}: {counts}")
        say(f"violations: 0; history {month.history.hexdigest()[:16]}")
        return 0
    finally:
        os.chdir("/")
        shutil.rmtree(folder, ignore_errors=True)
