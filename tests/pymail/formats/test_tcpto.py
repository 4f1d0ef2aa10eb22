"""The rules of the table of timeouts, as values"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymail.formats import tcpto

HOST, OTHER = bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2))
EMPTY = bytes(tcpto.SIZE)
NOW = 1_800_000_000


def apply(table: bytes, change: tuple[int, bytes] | None) -> bytes:
    if change is None:
        return table
    offset, data = change
    return table[:offset] + data + table[offset + len(data) :]


def record(address: bytes, count: int, when: int) -> bytes:
    return address + bytes((count, 0, 0, 0)) + when.to_bytes(4, "little") + bytes(4)


def table(*entries: bytes) -> bytes:
    return b"".join(entries).ljust(tcpto.SIZE, b"\0")


def listed(content: bytes) -> list[tuple[bytes, int, int]]:
    return [(entry.address, entry.count, entry.when) for entry in tcpto.recent(content)]


def test_the_first_timeout() -> None:
    after = apply(EMPTY, tcpto.timed_out(EMPTY, HOST, NOW))
    assert after == table(record(HOST, 1, NOW))
    assert not tcpto.shunned(after, HOST, NOW, 0)


def test_a_second_one_too_early_changes_nothing() -> None:
    once = table(record(HOST, 1, NOW))
    assert tcpto.timed_out(once, HOST, NOW + 119) is None
    assert apply(once, tcpto.timed_out(once, HOST, NOW + 120)) == table(record(HOST, 2, NOW + 120))


def test_a_record_that_was_reset_counts_at_once() -> None:
    reset = table(record(OTHER, 1, NOW), record(HOST, 0, NOW))
    after = apply(reset, tcpto.timed_out(reset, HOST, NOW + 1))
    assert listed(after) == [(OTHER, 1, NOW), (HOST, 1, NOW + 1)]


@pytest.mark.parametrize(("pid", "patience"), [(0, 3840), (31, 5824), (32, 3840), (33, 3904)])
def test_how_long_a_suspect_is_left_alone(pid: int, patience: int) -> None:
    twice = table(record(HOST, 2, NOW))
    assert tcpto.shunned(twice, HOST, NOW + patience - 1, pid)
    assert not tcpto.shunned(twice, HOST, NOW + patience, pid)
    assert not tcpto.shunned(twice, OTHER, NOW, pid)


def test_a_time_that_lies_ahead_keeps_nobody_away() -> None:
    assert not tcpto.shunned(table(record(HOST, 2, NOW)), HOST, NOW - 1, 0)


def test_the_count_ends_at_ten() -> None:
    many = table(record(HOST, 10, NOW))
    assert listed(apply(many, tcpto.timed_out(many, HOST, NOW + 500))) == [(HOST, 10, NOW + 500)]


def test_an_answer_resets_only_the_count() -> None:
    twice = table(record(OTHER, 3, NOW), record(HOST, 2, NOW))
    after = apply(twice, tcpto.answered(twice, HOST))
    assert after == table(record(OTHER, 3, NOW), record(HOST, 0, NOW))
    assert tcpto.answered(twice, bytes((1, 2, 3, 4))) is None


def test_a_full_table_gives_up_the_oldest_and_least_counted() -> None:
    entries = [record(bytes((10, 0, 0, n)), 1 + n % 3, NOW) for n in range(64)]
    entries[40] = record(bytes((10, 0, 0, 40)), 2, NOW - 2000)
    full = table(*entries)
    after = apply(full, tcpto.timed_out(full, HOST, NOW))
    assert listed(after)[40] == (HOST, 1, NOW)
    assert len(listed(after)) == 64
    entries[40] = record(bytes((10, 0, 0, 40)), 3, NOW - 100)
    full = table(*entries)
    assert listed(apply(full, tcpto.timed_out(full, HOST, NOW)))[0] == (HOST, 1, NOW)


@pytest.mark.parametrize("content", [b"", b"x" * 15])
def test_no_whole_record_switches_it_off(content: bytes) -> None:
    assert tcpto.timed_out(content, HOST, NOW) is None
    assert not tcpto.shunned(content, HOST, NOW, 0)
    assert tcpto.recent(content) == []


def test_what_lies_behind_64_records_does_not_count() -> None:
    long = EMPTY + record(HOST, 5, NOW)
    assert not tcpto.known(long, HOST)
    assert tcpto.recent(long) == []


@given(st.binary(max_size=1100), st.binary(min_size=4, max_size=4), st.integers(0, 2**33))
def test_any_table(content: bytes, address: bytes, now: int) -> None:
    change = tcpto.timed_out(content, address, now)
    if change is not None:
        assert len(change[1]) == tcpto.RECORD
        assert change[0] + tcpto.RECORD <= min(len(content), tcpto.SIZE)
        assert tcpto.known(apply(content, change), address)
