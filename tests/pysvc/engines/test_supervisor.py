"""The supervise automaton"""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pysvc.engines.supervisor import ANNOUNCE, EXIT, START, Supervisor
from pysvc.formats import status


def running(want: bool = True) -> Supervisor:
    it = Supervisor(10, want)
    it.started(7, 20)
    return it


@pytest.mark.parametrize(
    ("byte", "while_up", "while_down"),
    [
        (b"u", [ANNOUNCE], [ANNOUNCE, START]),
        (b"d", ["TERM", "CONT", ANNOUNCE], [ANNOUNCE]),
        (b"o", [ANNOUNCE], [ANNOUNCE, START]),
        (b"x", [ANNOUNCE], [ANNOUNCE, EXIT]),
        (b"p", ["STOP", ANNOUNCE], [ANNOUNCE]),
        (b"c", ["CONT", ANNOUNCE], [ANNOUNCE]),
        (b"h", ["HUP"], []), (b"a", ["ALRM"], []), (b"i", ["INT"], []), (b"t", ["TERM"], []),
        (b"k", ["KILL"], []),
        (b"q", [], []), (b"U", [], []), (b"\n", [], []), (b"", [], []),
    ],
)  # fmt: skip
def test_commands(byte: bytes, while_up: list[str], while_down: list[str]) -> None:
    assert running().command(byte) == while_up
    assert Supervisor(10, False).command(byte) == while_down


@pytest.mark.parametrize(("up", "actions"), [(True, [START]), (False, [])])
def test_begin(up: bool, actions: list[str]) -> None:
    assert Supervisor(10, up).begin() == actions


@pytest.mark.parametrize(
    ("commands", "actions"),
    [
        (b"", [ANNOUNCE, START]), (b"d", [ANNOUNCE]), (b"o", [ANNOUNCE]), (b"ou", [ANNOUNCE, START]),
        (b"x", [ANNOUNCE, EXIT]), (b"ux", [ANNOUNCE, EXIT]), (b"dx", [ANNOUNCE, EXIT]),
        (b"xu", [ANNOUNCE, EXIT]),
        (b"du", [ANNOUNCE, START]), (b"ud", [ANNOUNCE]), (b"tkiha", [ANNOUNCE, START]),
    ],
)  # fmt: skip
def test_death_after_commands(commands: bytes, actions: list[str]) -> None:
    it = running()
    for byte in commands:
        it.command(bytes([byte]))
    assert it.died(30) == actions
    assert (it.pid, it.since) == (0, 30)


def test_time_changes_only_with_the_pid() -> None:
    it = running()
    for byte in b"udopchaitkx":
        it.command(bytes([byte]))
    assert it.since == 20


def test_pause_is_forgotten_by_a_start() -> None:
    it = running()
    it.command(b"p")
    it.died(30)
    it.started(8, 40)
    assert not it.status().paused


def test_down_ends_the_pause() -> None:
    it = running()
    it.command(b"p")
    assert it.status().paused
    it.command(b"d")
    assert not it.status().paused


def test_failed_start_is_repeated_once_a_tick() -> None:
    it = Supervisor(10, True)
    assert it.begin() == [START]
    assert it.tick() == []
    it.not_started()
    assert it.tick() == [START]
    assert it.tick() == []


@pytest.mark.parametrize("byte", [b"d", b"o"])
def test_failed_start_is_not_repeated_when_unwanted(byte: bytes) -> None:
    it = Supervisor(10, False)
    it.command(b"u")
    it.not_started()
    it.want = status.WANT_DOWN if byte == b"d" else status.RUN_ONCE
    assert it.tick() == []


@given(st.lists(st.tuples(st.sampled_from([b"u", b"d", b"x"]), st.booleans()), max_size=20))
def test_the_last_word_counts(commands: list[tuple[bytes, bool]]) -> None:
    """A service that obeys TERM, sooner or later, ends as the last command says."""
    it = Supervisor(0, True)
    world = World(it)
    world.do(it.begin())
    for command, quick in commands:
        if not world.gone:
            world.do(it.command(command))
        if quick:
            world.settle()
    world.settle()
    letters = [command for command, _ in commands]
    if b"x" in letters:
        assert world.gone != world.alive
    else:
        last = next((letter for letter in reversed(letters)), b"u")
        assert world.alive == (last == b"u")


class World:
    """A process that dies of TERM, but not before somebody looks."""

    def __init__(self, it: Supervisor) -> None:
        self.it, self.alive, self.doomed, self.gone, self.pid = it, False, False, False, 0
        self.announced = b""

    def do(self, actions: list[str]) -> None:
        for action in actions:
            assert not self.gone
            if action == START:
                assert not self.alive, "two at a time"
                self.pid += 1
                self.alive, self.doomed = True, False
                self.do(self.it.started(self.pid, self.pid))
            elif action == EXIT:
                assert not self.alive, "left behind"
                self.gone = True
            elif action == ANNOUNCE:
                self.announced = status.pack(self.it.status())
            else:
                assert self.alive
                self.doomed |= action in ("TERM", "KILL")

    def die(self) -> None:
        self.alive = False
        self.do(self.it.died(self.pid))

    def settle(self) -> None:
        while self.doomed and self.alive and not self.gone:
            self.die()


class Machine(RuleBasedStateMachine):
    """Commands, deaths and failed forks in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.begin()

    def begin(self) -> None:
        self.it = Supervisor(0, True)
        self.world = World(self.it)
        self.world.do(self.it.begin())
        self.exit_asked = False

    @precondition(lambda self: self.world.gone)
    @rule()
    def begin_again(self) -> None:
        self.begin()

    @precondition(lambda self: not self.world.gone)
    @rule(byte=st.sampled_from([bytes([b]) for b in b"udopchaitkxz"]))
    def command(self, byte: bytes) -> None:
        was_up, before = self.world.alive, self.world.pid
        self.world.do(self.it.command(byte))
        if byte == b"x":
            self.exit_asked = True
            assert self.world.gone != was_up
        if byte in b"uo":
            assert self.world.alive
        if was_up:
            assert self.world.pid == before

    @precondition(lambda self: self.world.alive)
    @rule()
    def death(self) -> None:
        want, before = self.it.want, self.world.pid
        self.world.die()
        assert self.world.gone == self.exit_asked
        assert (self.world.pid > before) == (want == status.WANT_UP and not self.exit_asked)

    @invariant()
    def status_file_tells_the_truth(self) -> None:
        found = status.unpack(self.world.announced)
        assert bool(found.pid) == self.world.alive
        assert found.want == self.it.want
        assert not (found.paused and not found.pid)


TestMachine = Machine.TestCase
