"""Jobs, passes, slots, and what reports mean"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymail.engines.deliveries import DEFERRAL, FAILURE, GIVEN_UP, MANGLED, SUCCESS, Delivery, Slots, outcome
from pymail.engines.jobs import Job, Jobs
from pymail.engines.passes import LONGEST, Pass, UnknownRecord
from pymail.engines.schedule import LIFETIME, Schedule

BIRTH = 1_000_000_000


def job(jobs: Jobs | None = None, now: int = BIRTH) -> Job:
    return (jobs or Jobs(1)).open(24, 0, b"me@there", BIRTH, now=now, lifetime=LIFETIME)


def test_a_job_ends_with_its_last_holder() -> None:
    jobs = Jobs(1)
    one = job(jobs)
    assert not jobs.available
    one.delivery_begins()
    one.delivery_begins()
    one.read_to_end = True
    assert not jobs.release(one)  # the pass
    one.recipient_done()
    assert not jobs.release(one)
    assert not one.complete
    one.recipient_done()
    assert jobs.release(one)
    assert one.complete
    assert jobs.available


def test_a_recipient_left_over() -> None:
    one = job()
    one.delivery_begins()
    one.read_to_end = True
    assert not one.complete


def test_not_read_to_the_end() -> None:
    assert not job().complete


def test_retry_and_last_attempt_count_from_the_begin_of_the_pass() -> None:
    one = job(now=BIRTH + 100)
    assert (one.retry, one.last) == (BIRTH + 400, False)
    assert job(now=BIRTH + LIFETIME + 1).last


ADDRESS = st.binary(max_size=9).map(lambda address: address.replace(b"\0", b""))
RECORDS = st.lists(st.tuples(st.sampled_from([b"T", b"D"]), ADDRESS))


@given(RECORDS, st.integers(1, 12), st.booleans())
def test_a_pass_gives_what_is_to_do(records: list[tuple[bytes, bytes]], size: int, torn: bool) -> None:
    data = b"".join(kind + address + b"\0" for kind, address in records)
    current = Pass(job())
    found = []
    text = data + b"Tunterminated" * torn
    for at in range(0, len(text), size):
        current.feed(text[at : at + size])
        while (item := current.next()) is not None:
            found.append(item)
    for offset, address in found:
        assert data[offset : offset + len(address) + 2] == b"T" + address + b"\0"
    assert [address for _, address in found] == [address for kind, address in records if kind == b"T"]


@pytest.mark.parametrize("content", [b"Xa\0", b"\0", b"Da\0Fa\0"])
def test_unknown_records(content: bytes) -> None:
    current = Pass(job())
    current.feed(content)
    with pytest.raises(UnknownRecord):
        current.next()


def test_a_record_without_end() -> None:
    current = Pass(job())
    current.feed(b"Ta\0T" + bytes([1]) * LONGEST)
    assert current.next() == (0, b"a")
    with pytest.raises(UnknownRecord):
        current.next()


def test_the_lowest_free_slot() -> None:
    slots = Slots(3)
    deliveries = [Delivery(n, job(), 0, b"") for n in range(4)]
    assert [slots.take(delivery) for delivery in deliveries[:3]] == [0, 1, 2]
    assert not slots.available
    assert slots.release(1) is deliveries[1]
    assert slots.release(0) is deliveries[0]
    assert slots.used == 1
    assert slots.take(deliveries[3]) == 0


def test_reports_out_of_range() -> None:
    slots = Slots(2)
    assert slots.release(0) is None
    assert slots.release(200) is None
    assert slots.used == 0


@pytest.mark.parametrize(
    ("report", "last", "result"),
    [
        (b"Kok\n", False, (SUCCESS, b"ok\n")),
        (b"K", True, (SUCCESS, b"")),
        (b"Dno\n", False, (FAILURE, b"no\n")),
        (b"Zlater\n", False, (DEFERRAL, b"later\n")),
        (b"Zlater\n", True, (FAILURE, b"later\n" + GIVEN_UP)),
        (b"Z", True, (FAILURE, GIVEN_UP)),
        (b"", True, (MANGLED, b"")),
        (b"k", False, (MANGLED, b"")),
    ],
)
def test_outcomes(report: bytes, last: bool, result: tuple[str, bytes]) -> None:
    assert outcome(report, last) == result


def test_a_month_of_retries() -> None:
    """A thousand messages that are always deferred are given up, each after its own last attempt."""
    waiting, jobs = Schedule(), Jobs(10)
    births = {number: BIRTH + 37 * number for number in range(1, 1001)}
    for number, birth in births.items():
        waiting.add(birth, number)
    given_up: dict[int, int] = {}
    attempts = 0
    while (now := waiting.first()) is not None:
        number = waiting.take(now)
        assert number is not None
        one = jobs.open(number, 0, b"", births[number], now=now, lifetime=LIFETIME)
        one.delivery_begins()
        one.read_to_end = True
        attempts += 1
        if outcome(b"Zlater", one.last)[0] == FAILURE:
            one.recipient_done()
            given_up[number] = now
        jobs.release(one)
        assert jobs.release(one)
        if not one.complete:
            waiting.add(one.retry, number)
    assert attempts == 79 * 1000
    assert given_up == {number: birth + 608400 for number, birth in births.items()}
