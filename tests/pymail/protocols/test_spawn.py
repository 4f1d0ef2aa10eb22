"""Frames between qmail-send and the spawners"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymail.protocols.spawn import (
    LONGEST_REPORT,
    LONGEST_REQUEST,
    Reports,
    Requests,
    TooLong,
    encode_report,
    encode_request,
)

FIELD = st.binary(max_size=20).map(lambda data: data.replace(b"\0", b""))
DELNUM = st.integers(0, 255)


def pieces(stream: bytes, size: int) -> list[bytes]:
    return [stream[at : at + size] for at in range(0, len(stream), size)]


def test_a_request_for_slot_0() -> None:
    assert encode_request(0, b"20/2154913", b"me@there", b"al@mail.example.test") == (
        b"\0" + b"20/2154913\0me@there\0al@mail.example.test\0"
    )


def test_a_report_of_slot_0_is_one_frame() -> None:
    assert Reports().feed(b"\0Kok done\n\0\1Zlater\n\0") == [(0, b"Kok done\n"), (1, b"Zlater\n")]


def test_a_report_without_letter() -> None:
    assert Reports().feed(b"\0\0\0Kx\0") == [(0, b""), (0, b"Kx")]


def test_a_report_ends_at_its_first_zero() -> None:
    assert encode_report(3, b"Kone\0two") == b"\3Kone\0"


@given(st.lists(st.tuples(DELNUM, FIELD, FIELD, FIELD)), st.integers(1, 30))
def test_requests_survive_any_split(requests: list[tuple[int, bytes, bytes, bytes]], size: int) -> None:
    decoder = Requests()
    stream = b"".join(encode_request(*request) for request in requests)
    found = [request for part in pieces(stream, size) for request in decoder.feed(part)]
    assert [(r.delnum, r.messid, r.sender, r.recipient) for r in found] == requests


@pytest.mark.parametrize("size", [1000, LONGEST_REQUEST, LONGEST_REQUEST + 1])
def test_a_request_without_end(size: int) -> None:
    """Whoever sends it cannot make a spawner grow."""
    decoder, endless = Requests(), b"\0" + b"x" * 2 * LONGEST_REQUEST
    fed = 0
    with pytest.raises(TooLong):
        for part in pieces(endless, size):
            decoder.feed(part)
            fed += len(part)
    assert fed <= LONGEST_REQUEST < fed + size


@given(st.lists(st.tuples(DELNUM, FIELD)), st.integers(1, 30))
def test_reports_survive_any_split(reports: list[tuple[int, bytes]], size: int) -> None:
    decoder = Reports()
    stream = b"".join(encode_report(*report) for report in reports)
    assert [report for part in pieces(stream, size) for report in decoder.feed(part)] == reports


@given(st.integers(LONGEST_REPORT - 5, 3 * LONGEST_REPORT), st.integers(1, 2 * LONGEST_REPORT))
def test_a_long_report_is_cut(length: int, size: int) -> None:
    decoder = Reports()
    stream = encode_report(7, b"K" + b"x" * length) + encode_report(8, b"Z")
    found = [report for part in pieces(stream, size) for report in decoder.feed(part)]
    assert found == [(7, (b"K" + b"x" * length)[: LONGEST_REPORT - 1]), (8, b"Z")]
