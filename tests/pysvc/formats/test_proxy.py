"""Headers of the PROXY protocol: what is one, what it says, and that nothing after it is touched"""

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvc.formats import ip, proxy
from pysvc.formats.proxy import Malformed, Scanner


def scan(data: bytes, step: int = 10**6) -> tuple[tuple[str, int, str, int] | None, bytes]:
    """What a header says of the client's connection, and what follows it. step: the size of pieces."""
    scanner = Scanner()
    while scanner.wanted:
        size = min(scanner.wanted, step)
        assert len(data) >= 1, "more is wanted than there is"
        scanner.feed(data[:size])
        data = data[size:]
    ends = scanner.ends
    if ends is None:
        return None, data
    remote, local = ip.text(ends.remote_ip).decode(), ip.text(ends.local_ip).decode()
    return (remote, ends.remote_port, local, ends.local_port), data


def binary(command: int, family: int, addresses: bytes) -> bytes:
    return proxy.SIGNATURE + struct.pack(">BBH", command, family, len(addresses)) + addresses


FOUR = socket.inet_aton("192.0.2.1") + socket.inet_aton("198.51.100.2") + struct.pack(">HH", 4711, 25)
SIX = socket.inet_pton(socket.AF_INET6, "2001:db8::1") + bytes(15) + b"\2" + struct.pack(">HH", 1, 65535)


@pytest.mark.parametrize("step", [1, 5, 10**6])
@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (b"PROXY TCP4 192.0.2.1 198.51.100.2 4711 25\r\n", ("192.0.2.1", 4711, "198.51.100.2", 25)),
        (b"PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n", ("0.0.0.0", 0, "255.255.255.255", 65535)),
        (b"PROXY TCP6 2001:db8::1 ::2 1 2\r\n", ("2001:db8::1", 1, "::2", 2)),
        (b"PROXY TCP6 %s %s 65535 65535\r\n" % ((b":".join([b"ffff"] * 8),) * 2),
         (":".join(["ffff"] * 8), 65535, ":".join(["ffff"] * 8), 65535)),
        (b"PROXY UNKNOWN\r\n", None),
        (b"PROXY UNKNOWN ffff::1 ffff::1 1 1\r\n", None),
        (b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n", None),
        (binary(proxy.PROXY, 0x11, FOUR), ("192.0.2.1", 4711, "198.51.100.2", 25)),
        (binary(proxy.PROXY, 0x21, SIX), ("2001:db8::1", 1, "::2", 65535)),
        (binary(proxy.PROXY, 0x11, FOUR + b"\4\0\3abc"), ("192.0.2.1", 4711, "198.51.100.2", 25)),
        (binary(proxy.PROXY, 0x21, SIX + bytes(65535 - 36)), ("2001:db8::1", 1, "::2", 65535)),
        (binary(proxy.LOCAL, 0x00, b""), None),
        (binary(proxy.LOCAL, 0x11, FOUR), None),
        (binary(proxy.LOCAL, 0xFF, b"x"), None),
        (binary(proxy.PROXY, 0x00, b"anything"), None),
        (binary(proxy.PROXY, 0x31, bytes(216)), None),
    ],
)  # fmt: skip
def test_headers(header: bytes, expected: tuple[str, int, str, int] | None, step: int) -> None:
    assert scan(header + b"EHLO x\r\n", step) == (expected, b"EHLO x\r\n")


@pytest.mark.parametrize(
    "header",
    [
        b"EHLO x\r\n", b"\r\n\r\nx", b"PROXY\n", b"proxy TCP4 ", b"PROXY TCP5 1.2.3.4 1.2.3.4 1 1\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 1 1\r\n",
        b"PROXY TCP4 1.2.3.4  1.2.3.4 1 1\r\n", b"PROXY TCP4 1.2.3 1.2.3.4 1 1\r\n",
        b"PROXY TCP4 ::1 ::1 1 1\r\n", b"PROXY TCP6 1.2.3.4 1.2.3.4 1 1\r\n",
        b"PROXY TCP4 1.2.3.04 1.2.3.4 1 1\r\n", b"PROXY TCP4 1.2.3.4 1.2.3.4 65536 1\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n", b"PROXY TCP4 1.2.3.4 1.2.3.4 -1 1\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1 1 \r\n", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 1\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1 1\nEHLO\r\n", b"PROXY TCP4\r\n", b"PROXY UNKNOWNX\r\n",
        b"PROXY UNKNOWN " + b"x" * 200, b"PROXY TCP6 fe80::1%eth0 ::1 1 1\r\n",
        binary(0x11, 0x11, FOUR), binary(0x31, 0x11, FOUR), binary(0x22, 0x11, FOUR),
        binary(0x2F, 0x11, FOUR),
        binary(proxy.PROXY, 0x11, FOUR[:-1]), binary(proxy.PROXY, 0x21, FOUR),
        binary(proxy.PROXY, 0x12, FOUR),
        binary(proxy.PROXY, 0x22, SIX), binary(proxy.PROXY, 0x41, SIX), binary(proxy.PROXY, 0x10, FOUR),
        binary(proxy.PROXY, 0x31, bytes(215)), binary(proxy.PROXY, 0x32, bytes(216)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("step", [1, 10**6])
def test_no_headers(header: bytes, step: int) -> None:
    with pytest.raises(Malformed):
        scan(header, step)


@pytest.mark.parametrize("start", [b"E", b"QUIT\r\n", b"PROXY\r", b"\r\n\r\n\1", b"\0"])
def test_what_is_no_header_is_not_waited_for(start: bytes) -> None:
    """A client that says a short line and waits for the answer is told apart at once."""
    with pytest.raises(Malformed):
        Scanner().feed(start)


@given(st.binary(max_size=300) | st.binary(max_size=100).map(lambda rest: b"PROXY TCP4 " + rest)
       | st.binary(max_size=200).map(lambda rest: proxy.SIGNATURE + rest))  # fmt: skip
def test_any_bytes(data: bytes) -> None:
    scanner = Scanner()
    try:
        while scanner.wanted and data:
            size = scanner.wanted
            scanner.feed(data[:size])
            data = data[size:]
    except Malformed:
        return
    assert scanner.wanted <= 65535 and (scanner.ends is None or not scanner.wanted)


@given(st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16), st.integers(0, 65535))
def test_both_versions_say_the_same(packed: bytes, port: int) -> None:
    word, family = (b"TCP4", 0x11) if len(packed) == 4 else (b"TCP6", 0x21)
    text = ip.text(packed)
    line = b"PROXY %s %s %s %d %d\r\n" % (word, text, text, port, port)
    assert scan(line) == scan(binary(proxy.PROXY, family, packed + packed + struct.pack(">HH", port, port)))
