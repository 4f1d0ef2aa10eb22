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
    assert max(map(len, handoff.REQUESTS)) < handoff.LONGEST_REQUEST


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**31 - 1))
def test_work(uid: int, pid: int) -> None:
    assert handoff.parse_work(handoff.work(uid, pid)) == (uid, pid)
    assert len(handoff.work(uid, pid)) <= handoff.LONGEST_REQUEST


@given(st.lists(st.integers(1, 2**31 - 1)))
def test_free(pids: list[int]) -> None:
    assert handoff.parse_free(b"".join(map(handoff.free, pids))) == pids
