"""One program at one piece of work, repeated with each of its system calls tampered with"""

import random
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tests.support.injecting import LASTING, NO_SLEEP, Call, Tracer, calls, fail, kill, strace, struck
from tests.support.world import Place

KILLED = -9
TEMPORARY = 111
# What each call may fail by; the others are not made to fail.
FULL = ("ENOSPC", "EDQUOT")
ERRORS: dict[str, tuple[str, ...]] = {
    "write": (*FULL, "EIO", "EINTR"), "pwrite64": (*FULL, "EIO"), "ftruncate": ("EIO",),
    "fsync": ("EIO", *FULL), "fdatasync": ("EIO", *FULL), "close": ("EIO",),
    "link": (*FULL, "EIO"), "linkat": (*FULL, "EIO"), "rename": (*FULL, "EIO"), "mkdir": (*FULL, "EIO"),
    "unlink": ("EIO",), "chmod": ("EIO",), "fchmod": ("EIO",), "utimensat": ("EIO",), "mknodat": FULL,
    "openat": ("EMFILE", "ENFILE", "EIO", "ENOMEM", "EINTR", *FULL),
    "read": ("EIO", "EINTR"), "getdents64": ("EIO",), "newfstatat": ("EIO",), "chdir": ("EIO",),
    "pipe2": ("EMFILE", "ENFILE"), "socket": ("EMFILE", "ENFILE", "ENOMEM"), "flock": ("EINTR", "ENOLCK"),
    "accept4": ("EMFILE", "ENFILE", "EINTR"), "connect": ("EINTR",), "bind": ("EIO",),
    "sendto": ("EINTR", "ENOMEM"), "recvfrom": ("EINTR", "ENOMEM"),
    "sendmsg": ("EINTR", "ENOMEM"), "recvmsg": ("EINTR", "ENOMEM", "EMFILE"), "poll": ("EINTR", "ENOMEM"),
    "clone": ("EAGAIN", "ENOMEM"), "clone3": ("EAGAIN", "ENOMEM"), "fork": ("EAGAIN", "ENOMEM"),
    "vfork": ("EAGAIN", "ENOMEM"), "wait4": ("EINTR",), "fcntl": ("EMFILE",), "dup2": ("EMFILE", "EINTR"),
    "dup3": ("EMFILE",), "execve": ("EIO", "ENOMEM"), "pidfd_open": ("EMFILE", "ENFILE", "ENOMEM"),
}  # fmt: skip


class Subject:
    """A program and its work; `settle` ends the last trial of all, `run` is one of them.

    Trials follow one another in the same place: each finds what those before have left.
    """

    module = ""  # the program's, to know where its own calls begin; "" to take all of them

    def __init__(self, place: Place) -> None:
        self.place = place
        self.trace = place.path / "trace"
        self.trials = 0

    def run(self, rules: list[str]) -> str:
        """One trial under rules for strace: a word for how it ended. Fails where the invariant is broken."""
        raise NotImplementedError

    def settle(self) -> None:
        """Look at what all the trials together have led to."""

    def traced(
        self, rules: Iterable[str], *command: "str | Path", detached: bool = False
    ) -> list["str | Path | bytes"]:
        """A command line under strace."""
        self.trace.unlink(missing_ok=True)
        program = self.place.command(command) if command else []
        return [*strace(self.trace, rules, detached=detached), *program]

    def attach(self, rules: Iterable[str], pid: int) -> Tracer:
        """A strace on a process that runs already, and on what it forks."""
        self.trace.unlink(missing_ok=True)
        return Tracer(self.place, pid, self.trace, rules)

    def token(self) -> str:
        """A word that no earlier trial has used."""
        self.trials += 1
        return f"t{self.trials}x"

    def record(self) -> list[Call]:
        """The calls of an undisturbed trial, which also warms up what is warmed up only once."""
        self.run([])
        self.run([])
        return calls(self.trace.read_text(errors="replace"), self.module)


def output(done: "subprocess.CompletedProcess[bytes]") -> str:
    return (done.stdout + done.stderr).decode(errors="replace")


def ways_to_tamper(found: Iterable[Call], faults: bool) -> Iterator[tuple[str, list[str]]]:
    """Every way to tamper with these calls: what it is, and the rules."""
    for call in found:
        if not faults:
            yield f"killed at {call}", [kill(call)]
            continue
        if not _fails(call):
            continue
        for error in ERRORS[call.name]:
            for lasting in (False, True) if error != "EINTR" else (False,):
                text = f"{error}{f' {LASTING} times' * lasting} at {call}"
                yield text, [fail(call, error, lasting), NO_SLEEP]


def _fails(call: Call) -> bool:
    if call.name == "close":  # strace leaves it open: harmless only where nobody waits for the end
        return call.text.partition("<")[2].startswith("/") and "<fifo" not in call.text
    return call.name in ERRORS


class Report:
    """What the trials of a subject led to."""

    def __init__(self) -> None:
        self.points = 0
        self.outcomes: Counter[str] = Counter()
        self.violations: list[str] = []

    def __str__(self) -> str:
        outcomes = ", ".join(f"{count} {word}" for word, count in sorted(self.outcomes.items()))
        return f"{self.points} points: {outcomes}; {len(self.violations)} violations"


def explore(
    subject: Subject,
    faults: bool,
    sample: int = 0,
    seed: str = "",
    tell: Callable[[str], None] = lambda text: None,
) -> Report:
    """Try each way of tampering, or so many of them chosen by the seed."""
    report = Report()
    ways = list(ways_to_tamper(subject.record(), faults))
    report.points = len(ways)
    if sample and sample < len(ways):
        ways = random.Random(seed).sample(ways, sample)
    for text, rules in ways:
        try:
            outcome = subject.run(rules) + " (not reached)" * (not struck(subject.trace))
        except (AssertionError, subprocess.TimeoutExpired) as broken:
            report.violations.append(f"{text}: {broken}")
            outcome = "violated"
            subject.place.stop()  # the next trial shall not suffer from this one
        report.outcomes[outcome] += 1
        tell(f"{outcome}: {text}")
    try:
        subject.settle()
    except AssertionError as broken:
        report.violations.append(f"in the end: {broken}")
    return report
