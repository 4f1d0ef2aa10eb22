"""supervise/status"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvc.formats import status
from pysvc.formats.status import BadFormat, Status

EXAMPLE = bytes.fromhex("40000000 6553f10a 075bcbf4 67120000 00 75".replace(" ", ""))


def test_pack_documented_example() -> None:
    assert status.pack(Status(1700000000_123456_000, 4711, False, b"u")) == EXAMPLE


def test_unpack_documented_example() -> None:
    found = status.unpack(EXAMPLE)
    assert (found.since, found.pid, found.paused, found.want) == (1700000000_123456_500, 4711, False, b"u")


def test_paused_is_masked_while_down() -> None:
    assert status.pack(Status(0, 0, True, b"d"))[16] == 0
    assert status.pack(Status(0, 5, True, b"d"))[16] == 1


@pytest.mark.parametrize("size", range(18))
def test_short(size: int) -> None:
    with pytest.raises(BadFormat):
        status.unpack(EXAMPLE[:size])


def test_later_supervisors_append() -> None:
    assert status.unpack(EXAMPLE + b"\3\0").pid == 4711


def test_seconds() -> None:
    """Of the clock's whole seconds, as the classic svstat counts."""
    it = Status(5_900_000_000, 1, False, b"u")
    assert [it.seconds(now) for now in (0, 5_999_999_999, 6_000_000_000, 12_500_000_000)] == [0, 0, 1, 7]


@given(st.integers(0, 2**61), st.integers(0, 2**32 - 1), st.booleans(), st.sampled_from([b"u", b"d", b"\0"]))
def test_round_trip(seconds: int, pid: int, paused: bool, want: bytes) -> None:
    data = status.pack(Status(seconds * 10**9, pid, paused, want))
    assert len(data) == status.SIZE
    assert status.pack(status.unpack(data)) == data
