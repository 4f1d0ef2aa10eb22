"""Whom local mail belongs to, found out while other deliveries go on

users/cdb is read in the spawner. What it does not assign is asked of a process that knows what qmail-getpw
knows, and runs as qmailp like it: a worker that has nothing open but its channel. Its answers are believed
for a second. An answer may take long where a home directory is out of reach: the question's delivery waits,
and others that have no answer yet for a moment; then one more process is asked.
"""

import os
import time

from pymail.formats import assign, spawnreport
from pymail.unix import users
from pymail.unix.home import Home
from pysvc.unix import launchers, title
from pysvc.unix.strerr import Fatal
from pysvc.workers.pool import Pool, Work
from pysvc.workers.worker import Channel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Found = assign.Assignment | int | None
    Tell = Callable[[Found], None]

GETPW = "qmail-getpw"
PATIENCE = 0.1      # seconds; when no answer comes for so long, one more process is asked the next question
BELIEVED = 1.0      # seconds for which an answer is not asked for again
MOST_BELIEVED = 1000


class Program:
    """A program of the home's bin, which an administrator may replace at any time."""

    __slots__ = ("_launcher", "_name", "_state", "path")

    def __init__(self, home: Home, name: str) -> None:
        self.path, self._name = home.file("bin", name), name
        self._state: tuple[int, ...] | None = None
        self._launcher: launchers.Launcher | None = None

    def own(self) -> "launchers.Launcher | None":
        """Its launcher, if it is the program of that name in this installation; None for any other."""
        try:
            found = os.stat(self.path)
        except OSError:
            return None
        state = found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns
        if state != self._state:
            self._launcher, self._state = launchers.recognise(self.path), state
        return self._launcher if self._launcher is not None and self._launcher.name == self._name else None


class Accounts:
    """Finds accounts without ever waiting; asks as many processes as there are answers that take long."""

    __slots__ = ("_asked", "_believed", "_database", "_getpw", "_home", "_pool", "_queue", "_tell")

    def __init__(self, home: Home, pool: Pool) -> None:
        self._home, self._pool = home, pool
        self._database, self._getpw = users.Database(home), Program(home, GETPW)
        self._believed: dict[bytes, tuple[float, assign.Assignment]] = {}  # until when
        self._tell: dict[bytes, list[Tell]] = {}  # local parts in question: who wants to know
        self._queue: list[bytes] = []             # those not asked yet
        self._asked: dict[bytes, float] = {}      # the others: when

    def find(self, local: bytes, tell: "Tell") -> None:
        """Call tell once, now or later: with the account, with the exit code that says why there is none,
        or with None where only the replacement of qmail-getpw can know it."""
        try:
            account = self._database.find(local)
        except Fatal as fatal:
            tell(fatal.code)
            return
        if account is None and self._getpw.own() is None:
            tell(None)
            return
        account = account or self._remembered(local)
        if account is not None:
            tell(account)
        elif local in self._tell:
            self._tell[local].append(tell)
        else:
            self._tell[local] = [tell]
            self._queue.append(local)
            self.tick(time.monotonic())

    def tick(self, now: float) -> float | None:
        """Ask what can be asked now; when to look again. now: time.monotonic()."""
        while self._queue:
            latest = max(self._asked.values(), default=-PATIENCE)
            if latest + PATIENCE > now:
                return latest + PATIENCE
            self._ask(self._queue.pop(0), now)
        return None

    def _remembered(self, local: bytes) -> assign.Assignment | None:
        until, account = self._believed.get(local, (0.0, None))
        return account if until > time.monotonic() else None

    def _ask(self, local: bytes, now: float) -> None:
        self._asked[local] = now
        try:
            work = Work(GETPW, local, lambda channel: answer(self._home, channel))
            self._pool.give(work, (), lambda said: self._answered(local, said))
        except OSError:
            self._settle(local, None)  # a process of its own finds out, if one can be had

    def _answered(self, local: bytes, said: bytes | None) -> None:
        now = time.monotonic()
        found = _judge(said)
        if isinstance(found, assign.Assignment):
            if len(self._believed) >= MOST_BELIEVED:
                self._believed.clear()
            self._believed[local] = now + BELIEVED, found
        self._settle(local, found)
        self.tick(now)

    def _settle(self, local: bytes, found: "Found") -> None:
        del self._asked[local]
        for tell in self._tell.pop(local):
            tell(found)


def _judge(said: bytes | None) -> "assign.Assignment | int":
    """What an answer means; None: there will be none."""
    if said is None:
        return spawnreport.SYSTEM
    if said[0]:
        return said[0]
    try:
        return assign.unpack(said[1:])
    except assign.BadFormat:
        return spawnreport.USAGE


def answer(home: Home, channel: Channel) -> int:
    """What the process that is asked runs: an account for each local part, as qmail-getpw would say."""
    title.set_title([GETPW])
    try:
        home.become("qmailp")
    except Fatal:
        channel.answer(spawnreport.USAGE)
        return 0
    while (local := channel.take()) is not None:
        try:
            channel.answer(0, users.from_accounts(home, local).pack())
        except Fatal as fatal:
            channel.answer(fatal.code)
    return 0
