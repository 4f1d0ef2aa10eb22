"""QMQP, both sides"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymail.protocols import qmqp
from pymail.protocols.qmqp import BAD_ADDRESS, Session, request, verdict
from pysvc.formats.netstring import Malformed, TooLong, encode


def whole(message: bytes, *addresses: bytes) -> bytes:
    """The request as the client makes it."""
    head, tail = request(len(message), iter(addresses))
    return head + message + tail


@given(
    st.binary(max_size=60), st.lists(st.binary(max_size=5).map(lambda a: a.replace(b"\0", b"")), min_size=1),
    st.lists(st.integers(0, 20), max_size=30),
)  # fmt: skip
def test_the_server_takes_what_the_client_sends(
    message: bytes, addresses: list[bytes], sizes: list[int]
) -> None:
    data = whole(message, *addresses)
    assert data == encode(b"".join(map(encode, (message, *addresses))))
    session, stored = Session(), b""
    for size in sizes:
        stored += session.feed(data[:size])
        data = data[size:]
    stored += session.feed(data + b"behind")
    assert session.done
    assert (stored, session.size) == (message, len(message))
    assert [session.sender, *session.recipients] == addresses
    assert session.refusal == b""


def test_not_done_before_the_last_byte() -> None:
    data = whole(b"x", b"s", b"r")
    session = Session()
    session.feed(data[:-1])
    assert not session.done


LONG = b"x" * 1000


@pytest.mark.parametrize("addresses", [[LONG, b"a"], [b"a", LONG, b"b"], [b"a\0"], [b"a", b"b\0c"]])
def test_bad_addresses(addresses: list[bytes]) -> None:
    session = Session()
    session.feed(whole(b"x", *addresses))
    assert session.done
    assert session.refusal == BAD_ADDRESS


def test_longest_address() -> None:
    session = Session()
    session.feed(whole(b"x", b"s" * 999, b"r" * 999))
    assert session.refusal == b""


@pytest.mark.parametrize(
    "data",
    [
        encode(encode(b"message")),                     # no sender
        encode(encode(b"message") + b"3:a@b"),          # ends within the sender
        encode(encode(b"message") + encode(b"") + b"5:a@"),
        encode(b"8:message"),                           # ends within the message
        b"x", b"5:hello,", b"0:,", b"0" * 101 + b"9:", encode(encode(b"m") + encode(b""))[:-1] + b".",
    ],
)  # fmt: skip
def test_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        Session().feed(data)


def test_header_of_a_hundred_bytes() -> None:
    data = whole(b"x", b"s")
    session = Session()
    for byte in b"0" * (100 - len(data.partition(b":")[0])) + data:
        session.feed(bytes((byte,)))
    assert session.done


def test_too_long() -> None:
    with pytest.raises(TooLong):
        Session().feed(b"200000001:")
    with pytest.raises(TooLong):
        Session().feed(b"20:200000001:")


def test_too_many_recipients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qmqp, "MOST_RECIPIENTS", 2)
    Session().feed(whole(b"x", b"s", b"1", b"2"))
    with pytest.raises(TooLong):
        Session().feed(whole(b"x", b"s", b"1", b"2", b"3"))


@pytest.mark.parametrize(
    ("answer", "letter"),
    [(b"", b""), (b"11", b""), (b"11:Kok", b"K"), (b"9:Dsorry K", b"D"), (b"3:Z", b"Z"), (b"x\nyK", b"K")],
)
def test_verdict(answer: bytes, letter: bytes) -> None:
    assert verdict(answer) == letter
