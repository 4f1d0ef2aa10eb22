"""Limits of connections for an address and its network"""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvc.engines import limits
from pysvc.engines.limits import Gate, Limit, Malformed, refusal_by
from pysvc.formats import ip


def packed(text: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (b"5", (5, 0, 0, b"")),
        (b"0", (0, 0, 0, b"")),
        (b"5,30/60", (5, 30, 60, b"")),
        (b",30/60", (None, 30, 60, b"")),
        (b"5:421 later: perhaps", (5, 0, 0, b"421 later: perhaps")),
        (b",1/2:no", (None, 1, 2, b"no")),
    ],
)
def test_words(word: bytes, expected: tuple[int | None, int, int, bytes]) -> None:
    limit = Limit.parse(word)
    assert (limit.most, limit.count, limit.seconds, limit.message) == expected


@pytest.mark.parametrize("word", [b"", b":x", b"x", b"-1", b"5,", b",", b"5,3", b"5,0/60", b"5,3/0", b"5,/",
                                  b"5,30/60s", b" 5", b"1234567890"])  # fmt: skip
def test_words_that_are_no_limit(word: bytes) -> None:
    with pytest.raises(Malformed):
        Limit.parse(word)


def admitted(gate: Gate, text: str, now: float = 0.0, pid: int = 1) -> str:
    """Let a connection in; else the name and figure of what stands against it."""
    found = gate.refusal(packed(text), now)
    if found is not None:
        return f"{found.name.decode()} {found.figure.decode()}"
    gate.admit(packed(text), now, pid)
    return ""


def test_at_a_time_from_an_address() -> None:
    gate = Gate(Limit(2, message=b"full"), None)
    assert [admitted(gate, "192.0.2.1", pid=pid) for pid in (1, 2, 3)] == ["", "", "MAXCONNIP 2"]
    found = gate.refusal(packed("192.0.2.1"), 0)
    assert found is not None and found.message == b"full"
    assert admitted(gate, "192.0.2.2", pid=4) == ""
    gate.end(1)
    gate.end(999)  # a child that the server did not start for a connection
    assert admitted(gate, "192.0.2.1", pid=5) == ""


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:0:0:2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
    ],
)
def test_what_one_address_is(first: str, second: str, same: bool) -> None:
    gate = Gate(Limit(1), None)
    assert admitted(gate, first) == ""
    assert (admitted(gate, second) != "") is same


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:2::1", True),
        ("2001:db8:1::1", "2001:db8:2::1", False),
        ("192.0.2.1", "192.0.2.255", True),
        ("192.0.2.1", "192.0.3.1", False),
    ],
)
def test_what_one_network_is(first: str, second: str, same: bool) -> None:
    gate = Gate(None, Limit(1))
    assert admitted(gate, first) == ""
    assert admitted(gate, second) == ("MAXCONNC 1" if same else "")


def test_rates() -> None:
    """Three at once, then one every 20 seconds; who is turned away does not wait longer for that."""
    gate = Gate(Limit(count=3, seconds=60), None)
    come = [admitted(gate, "192.0.2.1", now, pid) for pid, now in enumerate([0, 0, 0, 0, 10, 19, 21, 22, 41])]
    late = "MAXRATEIP 3/60"
    assert come == ["", "", "", late, late, late, "", late, ""]
    assert [admitted(gate, "192.0.2.1", 1000, pid) for pid in range(4)] == ["", "", "", late]


@given(st.integers(1, 50), st.integers(1, 100), st.lists(st.floats(0, 20), max_size=200))
def test_no_more_than_twice_the_rate_in_any_span(count: int, seconds: int, pauses: list[float]) -> None:
    gate = Gate(Limit(count=count, seconds=seconds), None)
    times, now = [], 0.0
    for pid, pause in enumerate(pauses):
        now += pause
        if not admitted(gate, "192.0.2.1", now, pid):
            times.append(now)
    for at, first in enumerate(times):
        assert len([time for time in times[at:] if time < first + seconds]) <= 2 * count


def test_the_rates_of_many_addresses_take_bounded_room() -> None:
    gate = Gate(Limit(count=2, seconds=60), None)
    busy = "2001:db8::"
    assert [admitted(gate, busy), admitted(gate, busy)] == ["", ""]
    for number in range(3 * limits.MOST_RATES):
        address = packed("2001:db8::")[:4] + (number + 1).to_bytes(4, "big") + bytes(8)
        gate.admit(address, 0.0, number)
        gate.end(number)
    rates = gate._groups[0]._rates
    assert len(rates) <= limits.MOST_RATES
    assert gate.refusal(packed(busy), 1.0) is not None  # the busiest is not forgotten


def test_nothing_is_kept_of_connections_that_have_ended() -> None:
    gate = Gate(Limit(5), Limit(50))
    for number in range(1000):
        gate.admit(number.to_bytes(4, "big"), 0.0, number)
        gate.end(number)
    assert gate._keys == {} and all(group._open == group._rates == {} for group in gate._groups)


def test_a_rule_compares_with_those_that_are_there() -> None:
    gate = Gate(None, None)
    gate.admit(packed("192.0.2.1"), 0.0, 1)
    one = packed("192.0.2.1")
    assert refusal_by(gate.there(one), (2, None), b"") is None
    assert refusal_by(gate.there(ip.mapped(one)), (None, 2), b"") is None
    found = refusal_by(gate.there(one), (1, 9), b"later")
    assert found is not None and (found.name, found.figure, found.message) == (b"MAXCONNIP", b"1", b"later")
    found = refusal_by(gate.there(packed("192.0.2.9")), (1, 1), b"")
    assert found is not None and found.name == b"MAXCONNC"
