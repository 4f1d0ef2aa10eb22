"""The two ends of the queue service's socket"""

import os
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymail.protocols import handoff
from pymail.unix import queue_service
from pymail.unix.queue_service import Answers

SAID = handoff.ready(4711) + handoff.result(54)


@given(st.lists(st.integers(0, len(SAID)), max_size=5), st.integers(0, len(SAID)))
def test_answers_in_any_pieces(cuts: list[int], end: int) -> None:
    """Whatever comes together or apart; what was cut off is no answer."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        said = SAID[:end]
        for start, stop in zip([0, *sorted(cuts)], [*sorted(cuts), len(SAID)], strict=True):
            theirs.sendall(said[start:stop])
        theirs.shutdown(socket.SHUT_WR)
        answers = Answers(ours)
        begun = answers.number(b"ready")
        assert begun == (4711 if end >= len(handoff.ready(4711)) else None)
        if begun is not None:
            assert answers.number(b"exit") == (54 if end == len(SAID) else None)


def test_an_endless_answer_is_none() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"ready " + b"1" * 1000)
        assert Answers(ours).number(b"ready") is None


def test_the_wait_is_limited() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        answers = Answers(ours)
        answers.wait(0.001)
        with pytest.raises(BlockingIOError):
            answers.number(b"ready")


def test_what_is_passed_is_not_inherited() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs, open("/dev/null") as null:
        queue_service.send(theirs, b"x", null.fileno(), null.fileno())
        data, descriptors = queue_service.receive(ours)
        assert data == b"x"
        assert [os.get_inheritable(fd) for fd in descriptors] == [False, False]
        for fd in descriptors:
            os.close(fd)
