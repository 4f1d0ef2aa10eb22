"""Constant databases, good ones and damaged ones"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvc.formats import cdb

KEYS = st.binary(max_size=6)
RECORDS = st.lists(st.tuples(KEYS, st.binary(max_size=6)), max_size=12)


@given(RECORDS, KEYS)
def test_what_was_put_in_is_found(records: list[tuple[bytes, bytes]], other: bytes) -> None:
    reader = cdb.Reader(cdb.build(records))
    for key in {other, *(key for key, _ in records)}:
        assert list(reader.find_all(key)) == [data for name, data in records if name == key]


@given(RECORDS)
def test_all_records(records: list[tuple[bytes, bytes]]) -> None:
    data = cdb.build(records)
    assert list(cdb.records(data)) == records
    if records:
        with pytest.raises(cdb.Malformed):
            list(cdb.records(data[: cdb.HEADER + 7]))


@given(RECORDS, st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=8)), max_size=6), KEYS)
def test_damage(records: list[tuple[bytes, bytes]], damage: list[tuple[float, bytes]], key: bytes) -> None:
    """Whatever the file holds: an answer or Malformed, soon."""
    data = bytearray(cdb.build(records))
    for place, text in damage:
        at = int(place * (len(data) - len(text)))
        data[at : at + len(text)] = text
    for name in (key, *(name for name, _ in records)):
        try:
            assert len(list(cdb.records(bytes(data)))) <= len(data) // 8
            found = cdb.Reader(bytes(data)).find(name)
        except cdb.Malformed:
            continue
        assert found is None or found in data


@given(st.binary(max_size=4096), KEYS)
def test_no_database_at_all(data: bytes, key: bytes) -> None:
    try:
        cdb.Reader(data).find(key)
    except cdb.Malformed:
        return
    assert len(data) >= cdb.HEADER


def test_endless_tables() -> None:
    """Tables as large as can be, all over the file."""
    with pytest.raises(cdb.Malformed):
        cdb.Reader(b"\xff\xff\xff\x0f" * 1024).find(b"x")
