"""IP addresses as text and as bytes"""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvc.formats import ip


@given(st.binary(min_size=16, max_size=16) | st.binary(min_size=4, max_size=4))
def test_text_means_the_same_to_the_system(packed: bytes) -> None:
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    assert socket.inet_pton(family, ip.text(packed).decode()) == packed


@pytest.mark.parametrize(
    "text",
    ["::", "::1", "1::", "2001:db8::1", "1:0:0:2::3", "1::2:0:0:3:4", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4",
     "1::2:3:4:5:6:7", "fe80::a:b"],
)  # fmt: skip
def test_the_first_longest_run_of_zeros_is_short(text: str) -> None:
    packed = socket.inet_pton(socket.AF_INET6, text)
    assert ip.text(packed).decode() == text


def test_mapped_and_plain() -> None:
    assert ip.plain(ip.mapped(b"\1\2\3\4")) == b"\1\2\3\4"
    assert ip.plain(ip.ANY6) == ip.ANY6
    assert ip.mapped(ip.ANY6) == ip.ANY6


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b"127.0.0.1", [b"\x7f\0\0\1"]),
        (b"[127.0.0.1]", [b"\x7f\0\0\1"]),
        (b"127.000.000.001", [b"\x7f\0\0\1"]),
        (b"383.0.0.257", [b"\x7f\0\0\1"]),
        (b"1.2.3", []),
        (b"127..1", []),
        (b"", []),
        (b"1.2.3.4.9", [b"\1\2\3\4"]),
        (b"1.2.3.4.5.6.7.8", [b"\1\2\3\4", b"\5\6\7\x08"]),
        (b"1" + b"0" * 5000 + b".2.3.4", [b"\0\2\3\4"]),
        (b"localhost", None),
        (b"1.2.3.x", None),
    ],
)
def test_literal(name: bytes, expected: list[bytes] | None) -> None:
    assert ip.literal(name) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"1.2.3.4", [b"\1\2\3\4"]),
        (b"1.2.3.4.5.6.7.8", [b"\1\2\3\4", b"\5\6\7\x08"]),
        (b"..1.2.3.4..5.6.7.8", [b"\1\2\3\4", b"\5\6\7\x08"]),
        (b"1.2.3.4 5.6.7.8", [b"\1\2\3\4"]),
        (b"1.2.3", []),
        (b"x1.2.3.4", []),
        (b"", []),
    ],
)
def test_leading_addresses(text: bytes, expected: list[bytes]) -> None:
    assert ip.leading_addresses(text) == expected


def known_to_the_system(text: str) -> bytes | None:
    try:
        return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
    except OSError:
        return None


@given(
    st.text("0123456789abcdefF:.", max_size=24) | st.lists(
        st.sampled_from(["0", "1", "ffff", "12345", "", "1.2.3.4", "x", "00ab", "256.1.1.1"]), max_size=10
    ).map(":".join) | st.lists(st.sampled_from(["0", "1", "255", "256", "01", ""]), max_size=5).map(".".join)
)  # fmt: skip
def test_parse_takes_what_the_system_takes(text: str) -> None:
    assert ip.parse(text.encode()) == known_to_the_system(text)


@given(st.binary(min_size=16, max_size=16) | st.binary(min_size=4, max_size=4))
def test_parse_and_text(packed: bytes) -> None:
    assert ip.parse(ip.text(packed)) == packed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"10/8", (b"\x0a\0\0\0", 8)),
        (b"10.1/16", (b"\x0a\1\0\0", 16)),
        (b"::1/128", (bytes(15) + b"\1", 128)),
        (b"10", None), (b"10/", None), (b"/8", None), (b"10/33", None), (b"10/8/8", None),
        (b"1.2.3.4.5/8", None),
    ],
)  # fmt: skip
def test_network(text: bytes, expected: tuple[bytes, int] | None) -> None:
    assert ip.network(text) == expected


def test_bits() -> None:
    assert ip.bits(b"\x01\x80\0\xff") == b"00000001100000000000000011111111"
