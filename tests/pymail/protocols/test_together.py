"""Deliveries asked for together: requests and answers"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymail.protocols import together
from pymail.protocols.together import LEFT, OPERANDS, answer, joined, operands, outcomes

WORDS = st.binary(max_size=20).map(lambda word: word.replace(b"\0", b""))
REQUESTS = st.lists(st.lists(WORDS, min_size=OPERANDS, max_size=OPERANDS), min_size=1, max_size=8)
OUTCOMES = st.lists(st.none() | st.tuples(st.integers(0, LEFT - 1), WORDS), max_size=8)


@given(REQUESTS)
def test_requests(requests: list[list[bytes]]) -> None:
    assert operands(joined(b"\0".join(request) for request in requests)) == requests


@given(OUTCOMES)
def test_answers(found: list[tuple[int, bytes] | None]) -> None:
    assert outcomes(answer(found), len(found)) == found


@pytest.mark.parametrize(
    "said",
    [
        b"", b"0 x", b"0 x\0", b"0 x\0" * 3, b"0x\0" * 2, b"256 \0" * 2, b" x\0" * 2, b"-1 \0" * 2,
        b"0000 \0" * 2,
    ],
)  # fmt: skip
def test_what_is_no_answer_of_two(said: bytes) -> None:
    assert outcomes(said, 2) is None


@given(st.binary(max_size=60), st.integers(1, 8))
def test_garbage(said: bytes, count: int) -> None:
    found = outcomes(said, count)
    assert found is None or len(found) == count


def test_the_code_that_leaves_is_none_of_a_program() -> None:
    assert together.outcomes(b"255 whatever\0", 1) == [None]
