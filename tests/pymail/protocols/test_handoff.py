"""Answers of the queue service"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymail.protocols import handoff


@pytest.mark.parametrize(
    ("word", "line", "number"),
    [
        (b"ready", handoff.ready(4711), 4711),
        (b"exit", handoff.result(0), 0),
        (b"exit", handoff.result(54), 54),
        (b"exit", handoff.ready(1), None),
        (b"exit", b"exit 0", None),  # cut off: no success
        (b"exit", b"", None),
        (b"exit", b"exit \n", None),
        (b"exit", b"exit -1\n", None),
        (b"exit", b"exit 0 0\n", None),
    ],
)
def test_parse(word: bytes, line: bytes, number: int | None) -> None:
    assert handoff.parse(word, line) == number


def test_requests_fit() -> None:
    assert max(map(len, handoff.REQUESTS)) < handoff.LONGEST


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**31 - 1))
def test_work(uid: int, pid: int) -> None:
    assert handoff.parse_work(handoff.work(uid, pid)) == (uid, pid)
    assert len(handoff.work(uid, pid)) <= handoff.LONGEST


@given(st.lists(st.tuples(st.integers(1, 2**31 - 1), st.integers(0, 2**32 - 1))))
def test_free(said: list[tuple[int, int]]) -> None:
    assert handoff.parse_free(b"".join(handoff.free(pid, uid) for pid, uid in said)) == said


@given(st.binary(), st.binary())
def test_whole(message: bytes, envelope: bytes) -> None:
    assert handoff.parse_whole(handoff.whole(message, envelope)) == (message, envelope)


def test_the_largest_that_is_whole() -> None:
    request = handoff.whole(b"x" * (handoff.LARGEST - 3), b"F\0\0")
    assert len(request) == handoff.LONGEST
    assert handoff.parse_whole(request)[1] == b"F\0\0"


@pytest.mark.parametrize(
    "request_",
    [b"", b"w", b"w\0\0\0", b"x\0\0\0\0", b"w\1\0\0\0", b"w\xff\xff\xff\xff" + b"x" * 100,
     handoff.SUBMISSION, handoff.whole(b"x" * handoff.LARGEST, b"F")],
)  # fmt: skip
def test_not_whole(request_: bytes) -> None:
    with pytest.raises(handoff.Malformed):
        handoff.parse_whole(request_)
