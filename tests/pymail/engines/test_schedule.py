"""Retry times, lifetimes, and what waits for its time"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymail.engines.schedule import LIFETIME, SYSTEM_TROUBLE, Schedule, last_attempt, plausible, retry_time

BIRTH = 1_000_000_000
ENTRIES = st.lists(st.tuples(st.integers(-(2**40), 2**40), st.integers(1, 2**64 - 1)))


@pytest.mark.parametrize(
    ("channel", "times"),
    [(0, [100, 400, 900, 1600, 2500]), (1, [400, 1600, 3600, 6400, 10000])],
)
def test_the_first_attempts(channel: int, times: list[int]) -> None:
    now, found = BIRTH, []
    for _ in times:
        now = retry_time(BIRTH, now, channel)
        found.append(now - BIRTH)
    assert found == times


@pytest.mark.parametrize(("channel", "attempts"), [(0, 79), (1, 40)])
def test_a_week_of_attempts(channel: int, attempts: int) -> None:
    """The first attempt after the lifetime is the last one."""
    now, count = BIRTH, 1
    while not last_attempt(BIRTH, now, LIFETIME):
        now = retry_time(BIRTH, now, channel)
        count += 1
    assert (count, now - BIRTH) == (attempts, 608400)


def test_a_late_attempt_moves_the_later_ones() -> None:
    assert retry_time(BIRTH, BIRTH + 150, 0) == BIRTH + (12 + 10) ** 2


def test_birth_in_the_future() -> None:
    """It has been noted by a clock that was ahead."""
    assert retry_time(BIRTH, BIRTH - 5000, 0) == BIRTH - 5000 + 100


def test_what_no_schedule_leads_to_is_due_now() -> None:
    now = BIRTH + 777**2  # the age within a week at which the pause is longest
    latest = retry_time(BIRTH, now, 1)
    ages = range(777**2 - 2000, LIFETIME)
    assert max(retry_time(BIRTH, BIRTH + age, 1) - BIRTH - age for age in ages) == latest - now
    assert plausible(latest, now, LIFETIME) == latest
    assert plausible(latest + 1, now, LIFETIME) == now
    assert plausible(now - 5, now, LIFETIME) == now - 5
    assert plausible(now + SYSTEM_TROUBLE, now, 0) == now + SYSTEM_TROUBLE


@given(ENTRIES, st.integers(0, 2**30))
def test_a_clock_set_back(entries: list[tuple[int, int]], seconds: int) -> None:
    schedule = Schedule()
    for entry in entries:
        schedule.add(*entry)
    schedule.earlier(seconds)
    assert sorted(schedule.entries()) == sorted((due - seconds, number) for due, number in entries)
    assert schedule.first() == min((due - seconds for due, _ in entries), default=None)


def test_the_lifetime_itself_is_not_over() -> None:
    assert not last_attempt(BIRTH, BIRTH + 60, 60)
    assert last_attempt(BIRTH, BIRTH + 61, 60)


@given(st.integers(0, 2**33), st.integers(0, 1))
def test_always_later(age: int, channel: int) -> None:
    due = retry_time(BIRTH, BIRTH + age, channel)
    assert due > BIRTH + age
    assert due <= BIRTH + (age**0.5 + 20) ** 2 + 1


@given(ENTRIES)
def test_in_the_order_of_time(entries: list[tuple[int, int]]) -> None:
    schedule = Schedule()
    for due, number in entries:
        schedule.add(due, number)
    assert sorted(schedule.entries()) == sorted(entries)
    taken = []
    while (first := schedule.first()) is not None:
        assert schedule.take(first - 1) is None
        taken.append((first, schedule.take(first)))
    assert [due for due, _ in taken] == sorted(due for due, _ in entries)
    assert sorted(taken) == sorted(entries)


@given(ENTRIES, st.integers(0, 2**40))
def test_all_due(entries: list[tuple[int, int]], now: int) -> None:
    schedule = Schedule()
    for due, number in entries:
        schedule.add(due, number)
    schedule.all_due(now)
    assert sorted(schedule.entries()) == sorted((now, number) for _, number in entries)
    assert sorted(iter(lambda: schedule.take(now), None)) == sorted(number for _, number in entries)


def test_nothing_waits() -> None:
    assert (Schedule().first(), Schedule().take(10), len(Schedule())) == (None, None, 0)
