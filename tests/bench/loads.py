"""What is asked of a mail system, and how long it takes: each load waits until everything has arrived

A load runs on one system of a rig and gives an Outcome. `works.py` says which loads are run, and how large.
"""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench import processes
from tests.bench.arrivals import NAMED, WRITTEN, Arrivals
from tests.bench.peers import Peer, Pop3Peer
from tests.bench.rig import PASSWORD, SINK_HOST, USER, Rig
from tests.support.world import ROOT, eventually

LIMIT = 300  # seconds that a load may take
SENDER = "sender@source.test"
MEMORY_INTERVAL = 0.3  # seconds between two looks at the memory of all processes


@dataclass
class Outcome:
    """How one run went; cpu: CPU seconds of the whole system, process by process."""

    seconds: float = 0.0  # from the first connection to the last arrival
    accepted: float = 0.0  # seconds until the last message was accepted
    cpu: list[tuple[str, float, float]] = field(default_factory=list)
    peak: int = 0  # KB, PSS of the whole tree

    def used(self) -> float:
        return processes.total(self.cpu)


@dataclass(frozen=True)
class Smtp:
    """Messages by smtp-source, to a Maildir or to smtp-sink."""

    count: int
    sessions: int = 20
    length: int = 2048
    keep: bool = True  # many messages over one connection
    recipients: int = 1
    remote: bool = False
    memory: bool = False  # look at the memory meanwhile

    def words(self, peer: Peer) -> list[str]:
        to = f"far@{SINK_HOST}" if self.remote else f"{USER}@{peer.domain}"
        return [
            "smtp-source", *(["-d"] if self.keep else []), "-s", str(min(self.sessions, self.count)),
            "-m", str(self.count), "-l", str(self.length), "-r", str(self.recipients),
            "-f", SENDER, "-t", to, f"127.0.0.1:{peer.smtp}",
        ]  # fmt: skip

    def run(self, rig: Rig, peer: Peer) -> Outcome:
        with arriving(rig, peer, self.remote) as (arrivals, outcome):
            sampler = processes.Sampler(lambda: tree_pss(peer), MEMORY_INTERVAL)
            if self.memory:
                sampler.start()
            begin = time.monotonic()
            source = rig.start(*self.words(peer))

            def alive() -> None:
                if not outcome.accepted and source.poll() is not None:
                    outcome.accepted = time.monotonic() - begin
                if source.poll():
                    raise RuntimeError(f"smtp-source failed: {source.communicate()[0]!r}")

            weigh = weight(rig.dumps) if self.remote and self.recipients > 1 else None
            last = arrivals.wait(self.count * self.recipients, LIMIT, weigh, alive)
            outcome.seconds = last - begin
            source.wait(30)
            outcome.accepted = outcome.accepted or time.monotonic() - begin
            if self.memory:
                outcome.peak = sampler.stop()
        return outcome


@dataclass(frozen=True)
class Inject:
    """Messages by the command `sendmail` from shell loops; each of `loops` sends count / loops of them."""

    count: int
    loops: int = 1
    length: int = 2048

    SCRIPT = (
        "sendmail=$1 to=$2 loops=$3 each=$4 text=$5\n"
        "for _ in $(seq $loops); do\n"
        "(for _ in $(seq $each); do $sendmail -f sender@source.test $to <$text; done) &\n"
        "done; wait"
    )

    def run(self, rig: Rig, peer: Peer) -> Outcome:
        text = f"From: {SENDER}\nSubject: injected\n\n" + ("x" * 71 + "\n") * (self.length // 72)
        rig.machine.run("tee", "/opt/tmp/message", stdin=text.encode())
        loops = min(self.loops, self.count)
        arguments = (peer.sendmail, f"{USER}@{peer.domain}", loops, self.count // loops)
        shell = ("su", USER, "-s", "/bin/sh", "-c", self.SCRIPT, "sh")
        words = (*shell, *map(str, arguments), "/opt/tmp/message")
        with arriving(rig, peer, False) as (arrivals, outcome):
            begin = time.monotonic()
            loop = rig.machine.start(*words)
            last = arrivals.wait(self.count // loops * loops, LIMIT)
            _, _, usage = os.wait4(loop.pid, 0)
            loop.returncode = 0
            outcome.accepted = time.monotonic() - begin
            outcome.seconds = last - begin
        outcome.cpu.append(("sendmail and the shell", 0.0, usage.ru_utime + usage.ru_stime))
        return outcome


def weight(folder: Path) -> "Callable[[str], int]":
    """How many recipients a dump of smtp-sink has."""

    def recipients(name: str) -> int:
        head = (folder / name).read_bytes().partition(b"\n\n")[0]
        return head.count(b"\nX-Rcpt-Args:")

    return recipients


def tree_pss(peer: Peer) -> int:
    return processes.pss(process.pid for process in processes.tree(peer.roots()))


@contextlib.contextmanager
def arriving(rig: Rig, peer: Peer, remote: bool) -> "Iterator[tuple[Arrivals, Outcome]]":
    """Everything empty and at rest; then the block; then the queue must become empty, and CPU is counted."""
    rig.empty_mailbox()
    if remote:
        rig.empty_sink()
    rig.settle()
    outcome = Outcome()
    arrivals = Arrivals(rig.dumps, WRITTEN) if remote else Arrivals(rig.maildir / "new", NAMED)
    account = processes.Account(peer.roots())
    try:
        yield arrivals, outcome
        eventually(lambda: not peer.queued(), 60, f"{peer.name}: an empty queue")
        outcome.cpu = account.rows()
    finally:
        arrivals.close()


@dataclass(frozen=True)
class Fetch:
    """One POP3 session that lists and fetches all messages of a mailbox, in the machine's network."""

    count: int
    length: int = 2048
    again: bool = False  # a second session, with the mailbox as the first one left it

    def fill(self, rig: Rig) -> None:
        """Deliver the messages, as any local delivery leaves them in new/, a minute ago.

        A server may leave out what came this very second.
        """
        rig.empty_mailbox()
        owner, now = rig.maildir.stat(), time.time()
        text = f"From: <{SENDER}>\nSubject: fetched\n\n" + ("x" * 71 + "\n") * (self.length // 72)
        for number in range(self.count):
            path = rig.maildir / "new" / f"{1_700_000_000 + number}.{number}.host"
            path.write_text(text)
            os.chown(path, owner.st_uid, owner.st_gid)
            os.utime(path, (now - 60, now - 60))

    def run(self, rig: Rig, peer: Pop3Peer) -> Outcome:
        self.fill(rig)
        if self.again:
            self.session(rig, peer)
        rig.settle()
        account = processes.Account(peer.roots())
        seconds = self.session(rig, peer)
        return Outcome(seconds, seconds, account.rows())

    def session(self, rig: Rig, peer: Pop3Peer) -> float:
        client = str(ROOT / "tests/bench/pop3.py")
        words = (sys.executable, client, str(peer.pop3), USER, PASSWORD, str(self.count))
        said, _ = rig.start(*words).communicate(timeout=LIMIT)
        try:
            return float(said)
        except ValueError:
            raise RuntimeError(f"POP3 session failed: {said.decode()}") from None
