"""DNS packets: what is asked, what counts as the answer, and that no bytes do harm"""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvc.formats import dns

NAME = dns.wire_name(b"a.example")
ASKED = dns.query(0x1234, NAME, dns.A)


def reply(*records: bytes, flags: int = 0x8180, question: bytes = ASKED[12:], number: int = 0x1234) -> bytes:
    return struct.pack(">6H", number, flags, 1, len(records), 0, 0) + question + b"".join(records)


def record(kind: int, data: bytes, owner: bytes = b"\xc0\x0c", family: int = 1) -> bytes:
    return owner + struct.pack(">HHIH", kind, family, 60, len(data)) + data


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        (b"a.example", b"\1a\7example\0"),
        (b".a..example.", b"\1a\7example\0"),
        (b"", b"\0"),
        (b".", b"\0"),
        (b"A\\.b", b"\3A.b\0"),
        (b"\\101\\60x\\1", b"\4A0x\1\0"),
        (b"a\\", b"\1a\0"),
        (b"x" * 63, b"\x3f" + b"x" * 63 + b"\0"),
    ],
)
def test_wire_name(text: bytes, wire: bytes) -> None:
    assert dns.wire_name(text) == wire


@pytest.mark.parametrize("text", [b"x" * 64, b"a" * 63 + b"\\.b", b".".join([b"x" * 49] * 6), b"a." * 100000])
def test_names_too_long(text: bytes) -> None:
    with pytest.raises(dns.Malformed):
        dns.wire_name(text)


def test_the_longest_name_fits() -> None:
    assert len(dns.wire_name(b".".join([b"x" * 49] * 5 + [b"y" * 3]))) == 255


def test_query() -> None:
    assert ASKED == b"\x12\x34\x01\x00\0\1\0\0\0\0\0\0\1a\7example\0\0\1\0\1"


def test_reverse_names() -> None:
    assert dns.show_name(dns.reverse_name(b"\x01\x02\x03\xff")) == b"255.3.2.1.in-addr.arpa"
    shown = dns.show_name(dns.reverse_name(b"\x20\x01" + bytes(13) + b"\x1a"))
    assert shown == b"a.1." + b"0." * 26 + b"1.0.0.2.ip6.arpa"


@pytest.mark.parametrize(
    "other",
    [
        reply(number=0x1235),
        reply(question=dns.query(0, dns.wire_name(b"b.example"), dns.A)[12:]),
        reply(question=dns.query(0, NAME, dns.PTR)[12:]),
        reply(question=NAME + b"\0\1\0\3"),
        reply()[:4] + b"\0\2" + reply()[6:],
        reply()[:4] + b"\0\0" + reply()[6:],
        reply()[:-1],
        ASKED[:11],
        b"",
        ASKED[:12] + b"\xc0\x0c\0\1\0\1",
    ],
)
def test_replies_to_something_else(other: bytes) -> None:
    assert not dns.matches(other, ASKED)


def test_replies_to_the_question() -> None:
    assert dns.matches(reply(), ASKED)
    assert dns.matches(reply(question=b"\1A\7EXAMPLE\0\0\1\0\1"), ASKED)


def test_addresses_of_all_owners() -> None:
    packet = reply(
        record(5, b"\1b\0"), record(dns.A, b"\1\2\3\4", b"\1b\0"), record(dns.A, b"\5\6\7\x08"),
        record(dns.A, b"\1\2\3"), record(dns.A, b"\1\1\1\1", family=3), record(dns.AAAA, bytes(16)),
    )  # fmt: skip
    assert dns.addresses(packet, dns.A) == [b"\1\2\3\4", b"\5\6\7\x08"]
    assert dns.addresses(packet, dns.AAAA) == [bytes(16)]


def test_the_first_name_counts() -> None:
    packet = reply(record(dns.TXT, b"\1x"), record(dns.PTR, b"\4Mail\xc0\x0c"), record(dns.PTR, b"\1z\0"))
    assert dns.name(packet) == b"mail.a.example"
    assert dns.name(reply()) is None
    assert dns.name(reply(record(dns.PTR, b"\0"))) == b"."


def test_odd_bytes_of_a_name_are_escaped() -> None:
    assert dns.name(reply(record(dns.PTR, b"\6a.b\xe9_-\0"))) == b"a\\056b\\351_-"


def test_text_is_joined_and_printable() -> None:
    packet = reply(record(dns.TXT, b"\3one\4 t\xffo"), record(dns.TXT, b"\1\n"))
    assert dns.text(packet) == b"one t?o?"


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        reply()[:4] + b"\0\1\0\1" + reply()[8:],                # promises a record that is not there
        reply(record(dns.A, b"\1\2\3\4"))[:-1],                 # ends within its data
        reply(record(dns.PTR, b"\xc0\x2b", b"\0")[:-2] + b""),  # no data at all
        reply(record(dns.PTR, b"\xc0\x27")),                    # a pointer to itself
        reply(record(dns.PTR, b"\x40a\0")),                     # a label type that never came
        reply(record(dns.PTR, b"\xff\xff")),                    # a pointer beyond the end
    ],
)
def test_malformed_replies(packet: bytes) -> None:
    with pytest.raises(dns.Malformed):
        dns.name(packet) if b"\0\x0c\0\1" in packet else dns.addresses(packet, dns.A)


@given(st.binary(max_size=600), st.lists(st.binary(max_size=80), max_size=4), st.integers(0, 65535))
def test_any_bytes_are_read_or_malformed(noise: bytes, parts: list[bytes], count: int) -> None:
    dressed = struct.pack(">6H", 0x1234, 0x8180, 1, count, 0, 0) + ASKED[12:] + b"".join(
        record(kind, part) for kind, part in zip((dns.PTR, dns.TXT, dns.A, dns.AAAA), parts, strict=False)
    )  # fmt: skip
    for packet in (noise, dressed, dressed[:-1], reply()[:12] + noise):
        dns.matches(packet, ASKED)
        for read in (dns.name, dns.text, lambda data: dns.addresses(data, dns.A)):
            try:
                read(packet)
            except dns.Malformed:
                continue


@given(st.lists(st.binary(min_size=1, max_size=63), max_size=5))
def test_a_shown_name_is_read_back(labels: list[bytes]) -> None:
    wire = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    if len(wire) <= dns.LONGEST_NAME:
        shown = dns.show_name(wire)
        assert dns.wire_name(shown) == wire.lower()
