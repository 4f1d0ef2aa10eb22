"""Which child of the queue service works, waits or goes"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pymail.engines.staff import IDLE_TIME, LIFE, MOST_IDLE, Staff

JOE, MAIL = 1000, 64011


def staff_of(children: int) -> Staff:
    """So many children, all at work for JOE."""
    staff = Staff()
    for child in range(children):
        staff.start(child, JOE)
    return staff


def test_nobody_idle() -> None:
    staff = staff_of(1)
    assert staff.take(MAIL) is None
    assert staff.free(0, 0.0) == JOE
    assert staff.take(MAIL) == 0
    assert staff.take(MAIL) is None


def test_the_latest_works_first() -> None:
    staff = staff_of(3)
    for child in (1, 2, 0):
        staff.free(child, float(child))
    assert [staff.take(JOE) for _ in range(3)] == [0, 2, 1]


def test_what_is_said_twice_or_by_nobody_counts_once() -> None:
    staff = staff_of(1)
    assert [staff.free(child, 0.0) for child in (0, 0, 7)] == [JOE, None, None]
    assert staff.take(MAIL) == 0
    assert staff.take(MAIL) is None


def test_idle_too_long() -> None:
    staff = staff_of(2)
    staff.free(0, 10.0)
    staff.free(1, 11.0)
    assert staff.dismiss(10.0 + IDLE_TIME) == [0]
    assert staff.take(JOE) == 1
    assert staff.dismiss(100.0) == []
    assert staff.children == 2  # the one sent home has not ended yet


def test_too_many_idle() -> None:
    staff = staff_of(MOST_IDLE + 2)
    for child in range(MOST_IDLE + 2):
        staff.free(child, 0.0)
    assert staff.dismiss(0.0) == [0, 1]


def test_too_old() -> None:
    staff = staff_of(1)
    for _ in range(LIFE - 1):
        assert staff.dismiss(0.0) == []
        staff.free(0, 0.0)
        staff.take(JOE)
    staff.free(0, 0.0)
    assert staff.dismiss(0.0) == [0]
    assert staff.take(JOE) is None


def test_death() -> None:
    staff = staff_of(2)
    staff.free(0, 0.0)
    assert [staff.end(child) for child in (0, 1, 2)] == [None, JOE, None]
    assert staff.children == 0
    assert staff.take(JOE) is None


class Life(RuleBasedStateMachine):
    """Whatever happens, every message is counted for its client until it is done or its child has died."""

    def __init__(self) -> None:
        super().__init__()
        self.staff = Staff()
        self.now = 0.0
        self.new = 0
        self.busy: dict[int, int] = {}
        self.alive: set[int] = set()
        self.gone: set[int] = set()

    @rule(uid=st.integers(0, 3))
    def give(self, uid: int) -> None:
        child = self.staff.take(uid)
        if child is None:
            assert not self.alive - self.busy.keys() - self.gone
            self.new += 1
            child = self.new
            self.staff.start(child, uid)
            self.alive.add(child)
        assert child in self.alive - self.gone
        assert child not in self.busy
        self.busy[child] = uid

    @precondition(lambda self: self.busy)
    @rule(data=st.data())
    def done(self, data: st.DataObject) -> None:
        child = data.draw(st.sampled_from(sorted(self.busy)))
        assert self.staff.free(child, self.now) == self.busy.pop(child)

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        child = data.draw(st.sampled_from(sorted(self.alive)))
        assert self.staff.end(child) == self.busy.pop(child, None)
        self.alive.remove(child)
        self.gone.discard(child)

    @rule(seconds=st.floats(0, 2 * IDLE_TIME))
    def look(self, seconds: float) -> None:
        self.now += seconds
        going = self.staff.dismiss(self.now)
        assert not set(going) & self.busy.keys()
        self.gone.update(going)

    @invariant()
    def counts(self) -> None:
        assert self.staff.children == len(self.alive)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, deadline=None)
