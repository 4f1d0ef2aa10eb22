"""The header by which a proxy tells who its client is: the PROXY protocol, versions 1 (text) and 2 (binary)

Source: https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt, sections 2.1 and 2.2. Everything that the
document does not define is malformed.
"""

import struct

from pysvc.formats import ip

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"  # of version 2
FIXED = 16  # bytes of a version 2 header before the addresses
WORD = b"PROXY "  # of version 1
LONGEST_LINE = 107  # bytes of version 1, CRLF included
START = 12  # bytes that a header of either version has
LOCAL, PROXY = 0x20, 0x21  # version and command: the proxy itself asks; or a client of it
_FIXED = struct.Struct(">12sBBH")
_ENDS = {0x11: struct.Struct(">4s4sHH"), 0x21: struct.Struct(">16s16sHH")}  # TCP over IPv4 and IPv6
_UNKNOWN = {0x00: 0, 0x31: 216}  # the proxy does not tell; a Unix socket: bytes that the address takes
_FAMILIES = {b"TCP4": 4, b"TCP6": 16}


class Malformed(Exception):
    """Not a header, or not one that this protocol defines."""


class Ends:
    """The two ends of the client's connection to the proxy; addresses are packed."""

    __slots__ = ("local_ip", "local_port", "remote_ip", "remote_port")

    def __init__(self, remote_ip: bytes, local_ip: bytes, remote_port: int, local_port: int) -> None:
        self.remote_ip, self.remote_port = remote_ip, remote_port
        self.local_ip, self.local_port = local_ip, local_port


class Scanner:
    """Takes a header in whatever pieces it comes, and never a byte more.

    wanted: how many bytes to read at most for the next piece; 0 once the header is complete. ends: then those
    of the client, None where the proxy does not tell and the connection's own count.
    """

    __slots__ = ("_seen", "_size", "ends", "wanted")

    def __init__(self) -> None:
        self._seen = b""
        self._size = 0  # of a version 2 header, once it is known
        self.wanted = START
        self.ends: Ends | None = None

    def feed(self, data: bytes) -> None:
        """Some bytes, no more than wanted. Raises Malformed as soon as it is clear that this is no header."""
        self._seen += data
        start = self._seen[:START]
        if SIGNATURE.startswith(start):
            self._binary()
        elif WORD.startswith(start[: len(WORD)]):
            self._line()
        else:
            raise Malformed

    def _line(self) -> None:
        line = self._seen
        if line.endswith(b"\r\n"):
            self.wanted = 0
            self.ends = _text(line[len(WORD) : -2])
        elif b"\n" in line or len(line) >= LONGEST_LINE:
            raise Malformed
        else:
            self.wanted = max(START - len(line), 1)

    def _binary(self) -> None:
        if not self._size and len(self._seen) >= FIXED:
            self._size = FIXED + _FIXED.unpack_from(self._seen)[3]
        self.wanted = (self._size or FIXED) - len(self._seen)
        if not self.wanted:
            self.ends = _packed(self._seen)


def _text(words: bytes) -> Ends | None:
    """What a line of version 1 says after its first word."""
    kind, _, rest = words.partition(b" ")
    if kind == b"UNKNOWN":
        return None
    fields = rest.split(b" ")
    if kind not in _FAMILIES or len(fields) != 4:
        raise Malformed
    source, destination = (_address(text, _FAMILIES[kind]) for text in fields[:2])
    return Ends(source, destination, _port(fields[2]), _port(fields[3]))


def _address(text: bytes, size: int) -> bytes:
    packed = ip.parse(text)
    if packed is None or len(packed) != size:
        raise Malformed
    return packed


def _port(digits: bytes) -> int:
    if not digits.isdigit() or len(digits) > 5 or int(digits) > 65535 or (digits[:1] == b"0" != digits):
        raise Malformed
    return int(digits)


def _packed(header: bytes) -> Ends | None:
    """What a version 2 header says; what follows the addresses (TLVs) is of no interest."""
    _, command, family, size = _FIXED.unpack_from(header)
    if command == LOCAL:
        return None
    if command != PROXY:
        raise Malformed
    if family in _UNKNOWN and size >= _UNKNOWN[family]:
        return None
    if family not in _ENDS or size < _ENDS[family].size:
        raise Malformed
    return Ends(*_ENDS[family].unpack_from(header, FIXED))
