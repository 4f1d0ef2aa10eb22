"""The way of a question over the servers, with a clock of its own"""

import errno
import struct

from hypothesis import given
from hypothesis import strategies as st

from pysvc.engines.resolver import ANSWERED, ASK, FAILED, WAIT, Resolution
from pysvc.formats import dns

QUERY = dns.query(7, dns.wire_name(b"a.example"), dns.A)
TRUNCATED, SERVFAIL, NXDOMAIN = 0x8380, 0x8182, 0x8183


def reply(flags: int = 0x8180, number: int = 7, extra: bytes = b"") -> bytes:
    return struct.pack(">6H", number, flags, 1, 0, 0, 0) + QUERY[12:] + extra


def silence(servers: int) -> tuple[list[tuple[int, float]], Resolution]:
    """Whom a question asks when nobody answers, and when."""
    question = Resolution(servers)
    now, asked, step = 0.0, [], ASK
    while step == ASK:
        question.asked(now)
        asked.append((question.server, now))
        now = question.deadline
        step = question.expired()
    asked.append((-1, now))
    return asked, question


def test_silence_of_one_server_costs_59_seconds() -> None:
    asked, question = silence(1)
    assert asked == [(0, 0), (0, 3), (0, 14), (-1, 59)]
    assert question.error == errno.ETIMEDOUT


def test_silence_of_two_servers() -> None:
    asked, _ = silence(2)
    assert asked == [(0, 0), (1, 3), (0, 6), (1, 17), (0, 28), (1, 73), (-1, 118)]


def test_a_failing_server_costs_11_seconds() -> None:
    question = Resolution(1)
    question.asked(0.0)
    assert question.received(reply(SERVFAIL), QUERY) == ASK
    question.asked(0.0)
    assert question.received(reply(SERVFAIL), QUERY) == WAIT
    assert question.deadline == 11
    assert question.expired() == ASK
    question.asked(11.0)
    assert question.received(reply(SERVFAIL), QUERY) == FAILED
    assert question.error == errno.EAGAIN


def test_a_refusing_server() -> None:
    question = Resolution(1)
    assert question.refused(errno.ECONNREFUSED) == ASK
    assert question.refused(errno.ECONNREFUSED) == WAIT
    assert question.expired() == ASK
    assert question.refused(errno.ECONNREFUSED) == FAILED
    assert question.error == errno.ECONNREFUSED


def test_what_cannot_be_sent_moves_on_in_every_round() -> None:
    question = Resolution(1)
    assert [question.unsent(errno.ENETUNREACH) for _ in range(3)] == [ASK, ASK, FAILED]


def test_the_next_server_answers() -> None:
    question = Resolution(2)
    assert question.received(reply(SERVFAIL), QUERY) == ASK
    assert question.server == 1
    assert question.received(reply(), QUERY) == ANSWERED
    assert question.answer == reply()


def test_no_such_name_is_an_answer() -> None:
    assert Resolution(1).received(reply(NXDOMAIN), QUERY) == ANSWERED


def test_other_datagrams_are_not_looked_at() -> None:
    question = Resolution(1)
    assert question.received(reply(number=8), QUERY) == WAIT
    assert question.received(b"", QUERY) == WAIT
    assert question.received(reply(extra=bytes(513 - len(reply()))), QUERY) == WAIT
    assert question.received(reply(extra=bytes(512 - len(reply()))), QUERY) == ANSWERED


def test_truncated_replies_lead_to_tcp_from_the_first_server_on() -> None:
    question = Resolution(2)
    question.expired()
    assert question.received(reply(TRUNCATED), QUERY) == ASK
    assert (question.over_tcp, question.server) == (True, 0)
    question.asked(5.0)
    assert question.deadline == 15
    assert question.received(reply(SERVFAIL), QUERY) == ASK
    assert question.server == 1
    assert question.received(reply(extra=bytes(60000)), QUERY) == ANSWERED


def test_tcp_goes_once_over_the_list() -> None:
    for event in (
        Resolution.expired,
        lambda question: question.unsent(errno.ECONNREFUSED),
        lambda question: question.received(reply(TRUNCATED), QUERY),
        lambda question: question.received(reply(number=8), QUERY),
    ):
        question = Resolution(2)
        question.received(reply(TRUNCATED), QUERY)
        assert [event(question), event(question)] == [ASK, FAILED]


EVENTS = ["expired", "refused", "unsent", "servfail", "truncated", "noise"]


@given(st.lists(st.sampled_from(EVENTS)), st.integers(1, 3))
def test_no_server_keeps_a_question_alive(events: list[str], servers: int) -> None:
    question = Resolution(servers)
    happen = {
        "expired": question.expired,
        "refused": lambda: question.refused(errno.ECONNREFUSED),
        "unsent": lambda: question.unsent(errno.ENETUNREACH),
        "servfail": lambda: question.received(reply(SERVFAIL), QUERY),
        "truncated": lambda: question.received(reply(TRUNCATED), QUERY),
        "noise": lambda: question.received(b"x", QUERY),
    }
    for event in events:
        step = happen[event]()
        if step == FAILED:
            return
        assert step in (ASK, WAIT)
        assert question.server < servers
    steps = [question.expired() for _ in range(4 * servers)]
    assert FAILED in steps
