"""A real supervise through commands, deaths and signals in any order: what was asked for last is what comes

SUPERVISE_EXAMPLES=20 makes a longer run of it.
"""

import array
import contextlib
import fcntl
import itertools
import os
import signal
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from pysvc.formats import state as states
from tests.support.processes import alive
from tests.support.services import pid_of, service, state
from tests.support.world import Place, Running, eventually

EXAMPLES = int(os.environ.get("SUPERVISE_EXAMPLES", "2"))
# Two at a time would be seen by the lock, which no child of the script keeps.
HEAD = "#!/bin/sh\nexec 9>busy\nflock -n 9 || echo two at a time >>fault\necho $$ >>starts\n"
WAITING = "while :; do sleep 0.05 9>&-; done\n"
RUNS = {
    "quick": "exec sleep 1000\n",
    "slow to end": f"trap 'sleep 0.4 9>&-; exit 1' TERM\n{WAITING}",
    "obstinate": f"trap '' TERM\n{WAITING}",
    "brief": "sleep 0.3 9>&-\n",
}
FILES = {  # what makes the service an attended one
    "finish": "#!/bin/sh\nexec 8>>busy\nflock -n 8 || echo finish while it runs >>fault\nexec sleep 0.1\n",
    "timeout-kill": "600", "max-death-tally": "",
}  # fmt: skip
LETTERS = st.text("uuuddtkpco", min_size=1, max_size=4)
OUTSIDE = st.sampled_from([signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP])
PAUSES = st.sampled_from([0, 0, 0.03, 0.2, 1.1])


class Machine(RuleBasedStateMachine):
    """One service; `last` is the last letter that asked for a state."""

    def __init__(self, place: Place, path: Path, kind: str) -> None:
        super().__init__()
        self.place, self.path, self.kind = place, path, kind
        self.supervise = self.begin()
        self.last, self.settled = "u", False

    def begin(self) -> Running:
        running = self.place.start("supervise", self.path.name)
        eventually(lambda: _has_reader(self.path / "supervise/ok"))
        return running

    def send(self, letters: str) -> None:
        """As svc does; a supervise that has just gone takes nothing."""
        with _control(self.path) as fd:
            os.write(fd, letters.encode())

    @rule(letters=LETTERS, pause=PAUSES)
    def command(self, letters: str, pause: float) -> None:
        self.send(letters)
        self.last = next((letter for letter in reversed(letters) if letter in "udo"), self.last)
        self.settled = False
        time.sleep(pause)

    @rule(number=OUTSIDE)
    def somebody_kills_it(self, number: int) -> None:
        pid = pid_of(self.path)
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    @precondition(lambda self: not self.settled)
    @rule()
    def settle(self) -> None:
        """Nothing more is asked for: the state is the one that was asked for last, and stays."""
        for _ in "cc":  # a stopped process obeys nobody; who reads the second has done all that came before
            self.send("c")
            eventually(lambda: _waiting(self.path) == 0)
        if self.last == "o":
            self.ends_for_good(b"\0")
        elif self.last == "d":
            self.ends_for_good(b"d")
        else:
            self.stays_up()
        self.settled = True
        assert not (self.path / "fault").exists(), (self.path / "fault").read_text()

    def ends_for_good(self, want: bytes) -> None:
        eventually(lambda: state(self.path).want == want)
        obeys = want == b"d" and (self.kind != "obstinate" or (self.path / "timeout-kill").exists())
        eventually(lambda: self.is_over(obeys))
        starts = self.starts()
        time.sleep(0.2)
        assert (state(self.path).pid, state(self.path).want, self.starts()) == (0, want, starts)

    def is_over(self, obeys: bool) -> bool:
        """Whether nothing runs, and no start that was asked for is still to come."""
        if pid_of(self.path):
            if not obeys:
                self.send("ck")
                time.sleep(0.05)
            return False
        more = self.path / "supervise/state"
        return not more.exists() or states.unpack(more.read_bytes()).doing == "down"

    def stays_up(self) -> None:
        eventually(lambda: state(self.path).want == b"u" and self.is_up())
        time.sleep(0.5)  # what ends slowly has ended by now
        eventually(self.is_up)
        assert state(self.path).want == b"u"

    def is_up(self) -> bool:
        return alive(pid_of(self.path))

    def starts(self) -> int:
        return len((self.path / "starts").read_text().split()) if (self.path / "starts").exists() else 0

    @rule(before=st.text("udotk", max_size=2), after=st.text("udotk", max_size=2))
    def leave_and_begin_again(self, before: str, after: str) -> None:
        """Once exit was asked for, supervise ends with what runs; there is never another start after that."""
        self.send(f"{before}x{after}")
        eventually(self.gone)
        assert self.supervise.wait() == 0
        assert state(self.path).pid == 0
        starts = self.starts()
        self.supervise = self.begin()
        self.last, self.settled = "u", False
        assert self.starts() - starts <= 1

    def gone(self) -> bool:
        """Let whatever runs end."""
        if self.supervise.process.poll() is None:
            with contextlib.suppress(OSError):
                self.send("ck")
            time.sleep(0.05)
        return self.supervise.process.poll() is not None

    def teardown(self) -> None:
        self.settle()
        self.send("dx")
        eventually(self.gone)
        assert self.supervise.wait() == 0


def _has_reader(path: Path) -> bool:
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _control(path: Path) -> Iterator[int]:
    fd = os.open(path / "supervise/control", os.O_WRONLY | os.O_NONBLOCK)
    try:
        yield fd
    finally:
        os.close(fd)


def _waiting(path: Path) -> int:
    """How many commands have not been read yet."""
    count = array.array("i", [0])
    with _control(path) as fd:
        fcntl.ioctl(fd, termios.FIONREAD, count)
    return count[0]


@pytest.mark.parametrize("kind", RUNS)
@pytest.mark.parametrize("attended", [False, True], ids=["plain", "attended"])
def test_the_last_word_counts(place: Place, kind: str, attended: bool) -> None:
    numbers = itertools.count()

    def machine() -> Machine:
        x = service(place, f"x{next(numbers)}", HEAD + RUNS[kind])
        for name, text in FILES.items() if attended else ():
            (x / name).write_text(text)
            (x / name).chmod(0o755)
        place.own()
        return Machine(place, x, kind)

    once = settings(max_examples=EXAMPLES, stateful_step_count=6, phases=[Phase.generate])  # processes differ
    run_state_machine_as_test(machine, settings=once)
