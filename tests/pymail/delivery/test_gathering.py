"""Which deliveries are asked for together, by a clock of the test's own"""

from typing import TYPE_CHECKING

from pymail.delivery.gathering import ALONE, TOGETHER, Gathering
from pymail.protocols.spawn import Request
from pysvc.workers.pool import Work

if TYPE_CHECKING:
    from pymail.delivery.gathering import Piece


def piece(key: str, delnum: int, together: bool = True) -> "Piece":
    return Request(delnum, b"0/1", b"s@t", b"a@b"), 0, Work(key, b"x", lambda channel: 0, together=together)


def taken(gathering: Gathering) -> list[list[int]]:
    return sorted([request.delnum for request, _, _ in pieces] for pieces in gathering.take())


def test_by_worker() -> None:
    gathering = Gathering()
    for delnum, key in enumerate("abaca"):
        assert gathering.add(piece(key, delnum), 5.0)
    assert taken(gathering) == [[0, 2, 4], [1], [3]]
    assert taken(gathering) == []


def test_so_many_at_a_time() -> None:
    gathering = Gathering()
    for delnum in range(2 * TOGETHER + 1):
        gathering.add(piece("a", delnum), 5.0)
    assert [len(pieces) for pieces in taken(gathering)] == [TOGETHER, TOGETHER, 1]


def test_what_must_be_done_alone() -> None:
    gathering = Gathering()
    assert not gathering.add(piece("a", 1, together=False), 5.0)
    assert taken(gathering) == []


def test_who_left_something_gets_one_at_a_time() -> None:
    gathering = Gathering()
    gathering.left("a", 5.0)
    assert not gathering.add(piece("a", 1), 5.0 + ALONE - 0.1)
    assert gathering.add(piece("b", 2), 5.0)
    assert gathering.add(piece("a", 3), 5.0 + ALONE)
    assert taken(gathering) == [[2], [3]]
