"""The supervise automaton of a service with finish, time limits and back-off"""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pysvc.engines.attended import FINISH, KILL_FINISH, KILL_GROUP, NO_CHILD, PACE, STATE, Attended
from pysvc.engines.supervisor import ANNOUNCE, EXIT, START, Supervisor
from pysvc.formats.servicefiles import Settings
from pysvc.formats.status import WANT_DOWN, WANT_UP


def attended(**settings: object) -> Attended:
    """A service that has been up for 100 seconds at clock 0."""
    found = Settings()
    for name, value in settings.items():
        setattr(found, name, value)
    it = Attended(Supervisor(0, True), found, 0, 100_000, True)
    assert it.begin() == [START]
    it.started(7, 1)
    it.advance(100_000)
    return it


def test_death_and_restart() -> None:
    it = attended()
    assert it.died(5, "0") == [ANNOUNCE, START]


def test_pace() -> None:
    it = attended()
    it.died(5, "0")
    it.started(8, 6)
    it.advance(100_300)
    assert it.died(7, "1") == [ANNOUNCE]
    assert (it.doing, it.deadline) == ("waiting", 100_000 + PACE)
    assert it.advance(100_000 + PACE - 1) == []
    assert it.advance(100_000 + PACE) == [START]


@pytest.mark.parametrize(
    ("commands", "code", "after"),
    [
        (b"", "0", START), (b"u", "0", START), (b"d", "0", None), (b"du", "0", START), (b"ud", "0", None),
        (b"x", "0", EXIT), (b"ux", "0", START), (b"xu", "0", EXIT), (b"dx", "0", EXIT), (b"o", "0", START),
        (b"od", "0", None), (b"dux", "0", START), (b"uxd", "0", EXIT),
        (b"", "125", None), (b"u", "125", START), (b"x", "125", EXIT),
    ],
)  # fmt: skip
def test_commands_while_finish_runs(commands: bytes, code: str, after: str | None) -> None:
    it = attended(finish=True)
    assert it.died(5, "1") == [ANNOUNCE, FINISH]
    assert it.finish_started(9) == [STATE]
    for byte in commands:
        assert it.command(bytes([byte])) == [ANNOUNCE]
        assert it.doing == "finishing"
    assert it.finish_ended(code) == [ANNOUNCE, *([after] if after else [])]


def test_asked_during_finish_then_exit_runs_once() -> None:
    it = attended(finish=True)
    it.died(5, "1")
    it.finish_started(9)
    it.command(b"o")
    it.command(b"x")
    assert it.finish_ended("0") == [ANNOUNCE, START]
    it.started(10, 6)
    it.died(7, "0")
    it.finish_started(11)
    assert it.finish_ended("0") == [ANNOUNCE, EXIT]


def test_permanent_failure_of_finish() -> None:
    it = attended(finish=True)
    it.died(5, "1")
    it.finish_started(9)
    it.finish_ended("125")
    assert (it.doing, it.want) == ("failed", WANT_DOWN)
    assert it.command(b"u") == [ANNOUNCE, START]
    assert it.want == WANT_UP


@pytest.mark.parametrize(("cause", "doing"), [("100", "failed"), ("SEGV", "failed"), ("1", "down")])
def test_permanent_failure_of_run(cause: str, doing: str) -> None:
    it = attended(failures=frozenset(("100", "SEGV")))
    following = it.died(5, cause)
    assert it.doing == doing
    assert following == ([ANNOUNCE] if doing == "failed" else [ANNOUNCE, START])


@pytest.mark.parametrize("finish", ["", "0", "125"])
@pytest.mark.parametrize(
    ("commands", "after"),
    [
        (b"du", START), (b"dutk", START), (b"dud", None), (b"dudu", START), (b"duo", None),
        (b"dux", EXIT), (b"dxu", EXIT), (b"t", None), (b"ut", None), (b"tu", None),
    ],
)  # fmt: skip
def test_who_is_told_to_come_back_does(commands: bytes, after: str | None, finish: str) -> None:
    """Also if it ends, or finish does, in the way of a permanent failure."""
    it = attended(failures=frozenset(("100",)), finish=finish != "")
    for byte in commands:
        it.command(bytes([byte]))
    actions = it.died(5, "100")
    if finish:
        it.finish_started(9)
        actions = it.finish_ended(finish)
    assert actions == [ANNOUNCE, *([after] if after else [])]


@pytest.mark.parametrize(("group", "kill"), [(False, "KILL"), (True, KILL_GROUP)])
def test_escalation(group: bool, kill: str) -> None:
    it = attended(timeout_kill=3000, kill_group=group, down_signal="HUP")
    assert it.command(b"d") == ["HUP", "CONT", ANNOUNCE]
    it.advance(101_000)
    it.command(b"d")
    assert it.deadline == 103_000
    assert it.advance(102_999) == []
    assert it.advance(103_000) == [kill]
    assert it.advance(104_000) == []


def test_no_escalation_after_the_death() -> None:
    it = attended(timeout_kill=3000)
    it.command(b"d")
    it.died(5, "TERM")
    assert it.deadline is None


def test_finish_is_killed() -> None:
    it = attended(finish=True, timeout_finish=2000)
    it.died(5, "1")
    it.finish_started(9)
    assert it.advance(101_999) == []
    assert it.advance(102_000) == [KILL_FINISH]


def test_finish_is_not_killed() -> None:
    it = attended(finish=True, timeout_finish=0)
    it.died(5, "1")
    it.finish_started(9)
    assert it.deadline is None


def delays(it: Attended, lives: list[int], end: str = "1") -> list[int]:
    """The waits after runs of so many milliseconds each."""
    found = []
    for life in lives:
        it.advance(it.clock + life)
        following = it.died(5, end)
        waited = 0 if START in following else (it.deadline or 0) - it.clock
        found.append(waited)
        it.advance(it.clock + waited)
        it.started(8, 6)
    return found


def test_backoff() -> None:
    it = attended(backoff=6000, healthy=10_000)
    assert delays(it, [0, 5000, 5000, 5000, 5000, 10_000, 5000]) == [0, 1000, 2000, 4000, 6000, 0, 1000]


def test_an_end_that_was_asked_for_does_not_count() -> None:
    it = attended(backoff=6000, healthy=1_000_000)
    it.command(b"t")
    assert it.died(5, "TERM") == [ANNOUNCE, START]


def test_up_does_not_wait_for_the_backoff() -> None:
    it = attended(backoff=600_000, healthy=1_000_000)
    it.died(5, "1")
    it.advance(it.clock + 1000)
    it.started(8, 6)
    it.advance(it.clock + 5000)
    it.died(7, "1")
    assert it.doing == "waiting"
    assert it.command(b"u") == [ANNOUNCE, START]


def test_readiness() -> None:
    it = attended()
    assert it.doing == "up"
    assert it.ready(50) == [STATE]
    assert (it.doing, it.state().ready) == ("ready", 50)
    assert it.ready(60) == []
    it.died(70, "0")
    assert it.ready(80) == []
    assert it.state().ready == 0


def test_failed_start() -> None:
    it = attended()
    it.died(5, "0")
    assert it.not_started() == [STATE]
    assert it.deadline == it.clock + NO_CHILD
    assert it.command(b"d") == [ANNOUNCE]
    assert it.deadline is None


class World:
    """Processes that obey, if slowly; whatever happens, what was asked for last must come."""

    def __init__(self, finish: bool, backoff: int) -> None:
        self.settings = Settings()
        self.settings.finish, self.settings.backoff, self.settings.timeout_kill = finish, backoff, 500
        self.settings.failures = frozenset(("100",))
        self.it = Attended(Supervisor(0, True), self.settings, 0, 100_000, True)
        self.pid, self.run, self.finish, self.gone, self.doomed = 0, False, False, False, False
        self.last_start, self.starts = -PACE, 0
        self.do(self.it.begin())

    def do(self, actions: list[str]) -> None:
        for action in actions:
            assert not self.gone
            if action in (START, FINISH):
                assert not self.run
                assert not self.finish
            if action == START:
                assert self.it.clock - self.last_start >= PACE
                self.last_start, self.run, self.doomed = self.it.clock, True, False
                self.pid, self.starts = self.pid + 1, self.starts + 1
                self.do(self.it.started(self.pid, self.pid))
            elif action == FINISH:
                self.pid += 1
                self.finish = True
                self.do(self.it.finish_started(self.pid))
            elif action == EXIT:
                assert not self.run
                assert not self.finish
                self.gone = True
            elif action in ("TERM", "KILL"):
                assert self.run
                self.doomed = True

    def die(self, cause: str = "1") -> None:
        self.run = False
        self.do(self.it.died(self.pid, cause))

    def end_finish(self, cause: str = "0") -> None:
        self.finish = False
        self.do(self.it.finish_ended(cause))

    def settle(self) -> None:
        """Everything that is under way comes to its end."""
        for _ in range(20):
            if self.gone:
                return
            if self.finish:
                self.end_finish()
            elif self.run and self.doomed:
                self.die()
            elif self.it.deadline is not None:
                self.do(self.it.advance(self.it.deadline))


class Machine(RuleBasedStateMachine):
    """Commands, deaths, ends of finish and time in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.begin(True, 4000)

    def begin(self, finish: bool, backoff: int) -> None:
        self.world, self.last = World(finish, backoff), b"u"
        self.starts = 0
        self.stopped = self.comes_back = False  # told to stop or dead; and told to start since then

    @precondition(lambda self: not self.world.gone)
    @rule(letters=st.text("uuuudddtpckx", min_size=1, max_size=3))
    def commands(self, letters: str) -> None:
        for byte in map(str.encode, letters):
            if not self.world.gone:
                self.world.do(self.world.it.command(byte))
                self.a_start_is_a_new_life()
            if byte in b"ud":
                self.last = byte
                self.comes_back = byte == b"u" and self.stopped
                self.stopped |= byte == b"d"

    @precondition(lambda self: self.world.run and not self.world.gone)
    @rule(cause=st.sampled_from(["1", "100"]))
    def death(self, cause: str) -> None:
        self.gave_up(cause == "100")
        self.stopped = True
        self.world.die(cause)

    @precondition(lambda self: self.world.finish and not self.world.gone)
    @rule(cause=st.sampled_from(["0", "125"]))
    def end_of_finish(self, cause: str) -> None:
        self.gave_up(cause == "125")
        self.world.end_finish(cause)

    def gave_up(self, permanent: bool) -> None:
        """A permanent failure counts as `d`, unless somebody has asked for another start already."""
        if permanent and not self.comes_back:
            self.last = b"d"

    @precondition(lambda self: not self.world.gone)
    @rule(by=st.integers(0, 3000))
    def time(self, by: int) -> None:
        self.world.do(self.world.it.advance(self.world.it.clock + by))

    @precondition(lambda self: not self.world.gone)
    @rule()
    def settle(self) -> None:
        """The last of up and down holds; after exit nothing is started that was not asked for."""
        it = self.world.it
        self.world.settle()
        if it.exit_requested:
            assert self.world.gone != self.world.run
        else:
            assert self.world.run == (self.last == b"u")

    def teardown(self) -> None:
        if not self.world.gone:
            self.settle()

    @invariant()
    def a_start_is_a_new_life(self) -> None:
        if self.world.starts != self.starts:
            self.starts = self.world.starts
            self.stopped = self.comes_back = False

    @invariant()
    def told_is_true(self) -> None:
        it = self.world.it
        assert bool(it.pid) == self.world.run
        assert it.finishing == self.world.finish
        assert not (it.pid and it.finishing)
        assert it.doing != "waiting" or it.deadline is not None

    @precondition(lambda self: self.world.gone)
    @rule(finish=st.booleans(), backoff=st.sampled_from([0, 4000]))
    def begin_again(self, finish: bool, backoff: int) -> None:
        self.begin(finish, backoff)


TestMachine = Machine.TestCase
