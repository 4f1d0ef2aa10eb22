"""The block-wise scanner against the table of states, one byte at a time"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymail.protocols.smtp_data import COMPLETE, RECEIVING, STRAY, Hops, Scanner

CR, LF, DOT, OTHER = b"\r", b"\n", b".", b"other"
END, BAD = "end", "stray"
# state: {byte: (emitted, next state)}; %b is the byte itself. qmail-smtpd.c, blast().
TABLE = {
    "BOL":   {LF: (b"", BAD), CR: (b"", "CR"),         DOT: (b"", "DOT"),        OTHER: (b"%b", "MID")},
    "MID":   {LF: (b"", BAD), CR: (b"", "CR"),         DOT: (b".", "MID"),       OTHER: (b"%b", "MID")},
    "DOT":   {LF: (b"", BAD), CR: (b"", "DOTCR"),      DOT: (b".", "MID"),       OTHER: (b"%b", "MID")},
    "DOTCR": {LF: (b"", END), CR: (b".\r", "CR"),      DOT: (b".\r.", "MID"),    OTHER: (b".\r%b", "MID")},
    "CR":    {LF: (b"\n", "BOL"), CR: (b"\r", "CR"),   DOT: (b"\r.", "MID"),     OTHER: (b"\r%b", "MID")},
}  # fmt: skip


def model(stream: bytes) -> tuple[str, bytes, bytes]:
    """(state, stored, rest) by the table."""
    state, stored = "BOL", b""
    for at in range(len(stream)):
        byte = stream[at : at + 1]
        emitted, state = TABLE[state].get(byte, TABLE[state][OTHER])
        stored += emitted.replace(b"%b", byte)
        if state == END:
            return COMPLETE, stored, stream[at + 1 :]
        if state == BAD:
            return STRAY, stored, b""
    return RECEIVING, stored, b""


def model_hops(stream: bytes) -> int:
    """Lines of the raw header that begin with one of the words."""
    hops = 0
    for line in stream.split(b"\n"):
        if line == b"\r":
            break
        hops += line[:8].lower() == b"received" or line[:9].lower() == b"delivered"
    return hops


def scan(stream: bytes, cuts: list[int]) -> tuple[Scanner, bytes]:
    """The scanner after the stream, cut into blocks of these sizes (the rest in one)."""
    scanner, stored, unread = Scanner(), b"", b""
    for size in [*cuts, len(stream)]:
        block, stream = stream[:size], stream[size:]
        if scanner.state == RECEIVING:
            stored += scanner.feed(block)
        else:
            unread += block
    scanner.rest += unread
    return scanner, stored


PIECES = st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"\r\n.", b"\r\n.\r\n", b"a", b"\0", b"..", b"\r\r\n"])
STREAMS = st.lists(PIECES, max_size=24).map(b"".join)
CUTS = st.lists(st.integers(0, 7), max_size=40)


@given(STREAMS, CUTS)
def test_every_mixture_in_every_cut(stream: bytes, cuts: list[int]) -> None:
    state, stored, rest = model(stream)
    scanner, given_out = scan(stream, cuts)
    assert scanner.state == state
    if state == STRAY:
        return  # nothing of the message is kept
    assert scanner.size == len(given_out)
    if state == COMPLETE:
        assert (given_out, scanner.rest) == (stored, rest)
    else:
        closed, remaining = scan(stream + b"\r\n.\r\n", cuts)
        assert (closed.state, remaining, closed.rest) == model(stream + b"\r\n.\r\n")[0:1] + model(
            stream + b"\r\n.\r\n"
        )[1:]


@given(STREAMS)
def test_one_byte_at_a_time(stream: bytes) -> None:
    whole, stored = scan(stream, [])
    single, single_stored = scan(stream, [1] * len(stream))
    assert whole.state == single.state
    if whole.state != STRAY:
        assert (stored, whole.rest) == (single_stored, single.rest)


HEADER = st.lists(
    st.sampled_from(
        [b"Received: a\r\n", b"received", b"DELIVERED-To: b\r\n", b"deliver", b"ed", b"\r\n", b"x: y\r\n",
         b".Received: c\r\n", b" received: d\r\n", b"Received-SPF: e\r\n", b"\r"]
    ),
    max_size=14,
).map(b"".join)  # fmt: skip


@given(HEADER, CUTS)
def test_hops(stream: bytes, cuts: list[int]) -> None:
    stream += b"\r\n.\r\n"
    scanner, _ = scan(stream, cuts)
    assert scanner.state == COMPLETE
    body = stream[: len(stream) - len(scanner.rest) - 3]
    assert scanner.hops == model_hops(body)


def test_hops_stop_at_the_body() -> None:
    hops = Hops()
    hops.feed(b"\r\nReceived: a\r\n\r\n")
    hops.feed(b"Received: b\r\n")
    assert hops.count == 1


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (b".\r\n", b""),
        (b"a\r\r\n.\r\n", b"a\r\n"),
        (b".\rx\r\n.\r\n", b".\rx\n"),
        (b".x\r\n.\r\n", b"x\n"),
        (b"..\r\n.\r\n", b".\n"),
        (b"a\0b\r\n.\r\n", b"a\0b\n"),
        (b"a\r.\r\r\n.\r\n", b"a\r.\r\n"),
        (b"\r\n.\r\r\n.\r\n", b"\n.\r\n"),
    ],
)
def test_stored(sent: bytes, stored: bytes) -> None:
    scanner, given_out = scan(sent + b"QUIT\r\n", [])
    assert (scanner.state, given_out, scanner.rest) == (COMPLETE, stored, b"QUIT\r\n")


@pytest.mark.parametrize("sent", [b"\n", b"a\n", b".\n", b"a\n.\n", b"a\n.\r\n", b"a\r\n.\nb", b"\r\n\n"])
def test_stray(sent: bytes) -> None:
    assert scan(sent, [])[0].state == STRAY


def test_smuggled_command_is_data() -> None:
    body = b"a\r.\rMAIL FROM:<x>\r\n.\r\r\nb\r\n.\r\n"
    assert scan(body, [])[0].rest == b""
