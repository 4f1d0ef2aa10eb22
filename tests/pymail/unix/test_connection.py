"""Waiting for a client"""

import os
from collections.abc import Iterator

import pytest

from pymail.unix import connection
from pymail.unix.connection import Connection


@pytest.fixture
def ends() -> Iterator[tuple[int, int]]:
    """What is written to the second is read from the first."""
    made = os.pipe()
    yield made
    for fd in made:
        os.close(fd)


def test_what_comes_in_time(ends: tuple[int, int]) -> None:
    talk = Connection(*ends, 20)
    talk.send(b"hello")
    assert talk.read() == b"hello"


def test_silence(ends: tuple[int, int]) -> None:
    with pytest.raises(TimeoutError):
        Connection(*ends, 0).read()


def test_no_conversation_lasts_for_ever(ends: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """However often the client says something."""
    monkeypatch.setattr(connection, "LONGEST", 0)
    talk = Connection(*ends, 20)
    os.write(ends[1], b"noop")
    with pytest.raises(TimeoutError):
        talk.read()
    talk.send(b"hello")
    with pytest.raises(TimeoutError):
        talk.flush()
