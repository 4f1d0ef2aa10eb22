"""Which child of the queue service works, waits or goes"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pymail.engines.staff import CLIENTS, IDLE_TIME, MOST_IDLE, SHARED, Staff

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
    assert staff.free(0, JOE, 0.0)
    assert staff.take(MAIL) == 0
    assert staff.take(MAIL) is None


def test_the_latest_works_first() -> None:
    staff = staff_of(3)
    for child in (1, 2, 0):
        staff.free(child, JOE, float(child))
    assert [staff.take(JOE) for _ in range(3)] == [0, 2, 1]


def test_what_is_said_twice_or_by_nobody_counts_once() -> None:
    staff = staff_of(1)
    assert not staff.free(0, MAIL, 0.0)
    assert [staff.free(child, JOE, 0.0) for child in (0, 0, 7)] == [True, False, False]
    assert staff.take(MAIL) == 0
    assert staff.take(MAIL) is None


def test_idle_too_long() -> None:
    staff = staff_of(2)
    staff.free(0, JOE, 10.0)
    staff.free(1, JOE, 11.0)
    assert staff.dismiss(10.0 + IDLE_TIME) == [0]
    assert staff.take(JOE) == 1
    assert staff.dismiss(100.0) == []
    assert staff.children == 2  # the one sent home has not ended yet


def test_too_many_idle() -> None:
    staff = staff_of(MOST_IDLE + 2)
    for child in range(MOST_IDLE + 2):
        staff.free(child, JOE, 0.0)
    assert staff.dismiss(0.0) == [0, 1]


def test_death() -> None:
    staff = staff_of(2)
    staff.free(0, JOE, 0.0)
    assert [staff.end(child) for child in (0, 1, 2)] == [[], [JOE], []]
    assert staff.children == 0
    assert staff.take(JOE) is None


def test_clients_share_a_child_until_it_has_many() -> None:
    staff = Staff()
    assert staff.take(JOE, shared=True) is None
    staff.start(7, JOE, shared=True)
    assert [staff.take(MAIL, shared=True) for _ in range(CLIENTS - 1)] == [7] * (CLIENTS - 1)
    assert staff.take(MAIL, shared=True) is None
    assert staff.end(7) == [JOE] + [MAIL] * (CLIENTS - 1)


def test_children_that_are_shared_are_few() -> None:
    """The one with the fewest clients takes the next one."""
    staff = Staff()
    for child in range(SHARED):
        staff.start(child, JOE, shared=True)
        for _ in range(CLIENTS - 1):
            staff.take(JOE, shared=True)
    for child in (3, 1):
        staff.free(child, JOE, 0.0)
    assert {staff.take(JOE, shared=True) for _ in range(2)} == {1, 3}
    assert staff.take(JOE, shared=True) in range(SHARED)


def test_a_shared_child_is_idle_when_all_its_clients_have_gone() -> None:
    staff = Staff()
    staff.start(0, JOE, shared=True)
    assert staff.take(MAIL, shared=True) == 0
    assert staff.free(0, JOE, 1.0)
    assert staff.take(MAIL) is None
    assert staff.free(0, MAIL, 1.0)
    assert staff.take(JOE) == 0  # and for this one it works alone
    assert staff.take(JOE, shared=True) is None


class Life(RuleBasedStateMachine):
    """Whatever happens, every client is counted until its child has done with it or has died."""

    def __init__(self) -> None:
        super().__init__()
        self.staff = Staff()
        self.now = 0.0
        self.new = 0
        self.busy: dict[int, list[int]] = {}
        self.alone: set[int] = set()
        self.alive: set[int] = set()
        self.gone: set[int] = set()

    @rule(uid=st.integers(0, 3), shared=st.booleans())
    def give(self, uid: int, shared: bool) -> None:
        child = self.staff.take(uid, shared)
        if child is None:
            assert not self.alive - self.busy.keys() - self.gone
            self.new += 1
            child = self.new
            self.staff.start(child, uid, shared)
            self.alive.add(child)
        assert child in self.alive - self.gone
        assert child not in self.alone
        assert shared or child not in self.busy
        if not shared:
            self.alone.add(child)
        self.busy.setdefault(child, []).append(uid)

    @precondition(lambda self: self.busy)
    @rule(data=st.data())
    def done(self, data: st.DataObject) -> None:
        child = data.draw(st.sampled_from(sorted(self.busy)))
        uid = data.draw(st.sampled_from(self.busy[child]))
        assert self.staff.free(child, uid, self.now)
        self.busy[child].remove(uid)
        self.alone.discard(child)
        if not self.busy[child]:
            del self.busy[child]

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        child = data.draw(st.sampled_from(sorted(self.alive)))
        assert sorted(self.staff.end(child)) == sorted(self.busy.pop(child, []))
        self.alive.remove(child)
        self.gone.discard(child)
        self.alone.discard(child)

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
