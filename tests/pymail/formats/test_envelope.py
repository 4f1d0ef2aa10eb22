"""Envelopes: from the caller into the queue's files"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymail.formats import envelope

addresses = st.binary(max_size=40).map(lambda data: data.replace(b"\0", b""))


def read(data: bytes, size: int) -> tuple[bytes, bool]:
    """Everything through a Reader in blocks of `size` bytes."""
    reader = envelope.Reader()
    out = b"".join(reader.feed(data[at : at + size]) for at in range(0, len(data), size))
    return out, reader.ended


@given(addresses, st.lists(addresses), st.integers(1, 50), st.binary(max_size=5))
def test_what_a_caller_sends_is_what_is_stored(
    sender: bytes, recipients: list[bytes], size: int, behind: bytes
) -> None:
    sent = b"".join(envelope.from_caller(sender, recipients))
    stored, ended = read(sent + behind, size)
    assert ended
    assert stored == sent[:-1]
    assert list(envelope.records(stored)) == [(b"F", sender), *((b"T", address) for address in recipients)]


@given(addresses, st.lists(addresses, min_size=1), st.integers(1, 50), st.data())
def test_nothing_short_of_the_last_byte_is_complete(
    sender: bytes, recipients: list[bytes], size: int, data: st.DataObject
) -> None:
    sent = b"".join(envelope.from_caller(sender, recipients))
    cut = data.draw(st.integers(0, len(sent) - 1))
    assert not read(sent[:cut], size)[1]


@pytest.mark.parametrize("size", [1, 7, 5000])
def test_longest_address(size: int) -> None:
    assert read(b"F" + b"x" * 1002 + b"\0\0", size)[1]
    with pytest.raises(envelope.TooLong):
        read(b"F" + b"x" * 1003, size)
    with pytest.raises(envelope.TooLong):
        read(b"F\0T" + b"x" * 1003 + b"\0\0", size)


@pytest.mark.parametrize("data", [b"T", b"\0", b"Fa\0F", b"Fa\0Tb\0F", b"fa\0"])
def test_malformed(data: bytes) -> None:
    with pytest.raises(envelope.Malformed):
        read(data, 1)


def test_many_recipients_come_in_blocks() -> None:
    blocks = list(envelope.from_caller(b"s", (b"%d@host" % n for n in range(20000))))
    assert len(blocks) > 5
    assert max(map(len, blocks)) < 2 * envelope.BLOCK
    assert b"".join(blocks).endswith(b"T19999@host\0\0")


def test_zero_byte_in_an_address() -> None:
    with pytest.raises(ValueError, match="zero byte"):
        list(envelope.from_caller(b"a", [b"b\0\0Tc"]))


def test_queue_files() -> None:
    assert envelope.opening(7, 53) + envelope.record(b"F", b"a@b") == b"u7\0p53\0Fa@b\0"
    assert envelope.sender_of(b"Fa@b\0") == b"a@b"
    assert envelope.sender_of(b"F\0") == b""
    assert envelope.sender_of(b"Fa@b") is None
    assert envelope.sender_of(b"") is None
    assert list(envelope.recipients(b"Ta\0Dbc\0Td\0Tunterm")) == [
        (0, False, b"a"), (3, True, b"bc"), (7, False, b"d"),
    ]  # fmt: skip
    assert list(envelope.recipients(b"\0Ta\0")) == [(0, False, b""), (1, False, b"a")]
    assert list(envelope.records(b"")) == []
