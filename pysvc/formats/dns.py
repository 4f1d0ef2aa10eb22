"""DNS packets: one question out, addresses and names in

Every loop over a reply is bounded by the reply's own length, and whatever a reply contains, reading it
raises nothing but Malformed. Sources: RFC 1035, RFC 3596.
"""

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

A, PTR, TXT, AAAA = 1, 12, 16, 28
IN = 1
LONGEST_DATAGRAM = 512   # bytes of a UDP message
LONGEST_NAME = 255       # bytes on the wire, the root's zero included
LONGEST_LABEL = 63
MOST_JUMPS = 128         # compression pointers in one name; it has at most 127 labels
RECURSE, TRUNCATED, RCODE = 0x0100, 0x0200, 0x000F
NXDOMAIN = 3

_HEADER = struct.Struct(">6H")
_QUESTION = struct.Struct(">HH")
_RECORD = struct.Struct(">HHIH")  # type, class, time to live, length of the data
_OCTAL = frozenset(b"%d" % digit for digit in range(8))
_KEPT = b"abcdefghijklmnopqrstuvwxyz0123456789-_"
_SHOWN = [bytes([c]) if c in _KEPT else b"\\%03o" % c for c in range(256)]
_PRINTABLE = bytes(c if 32 <= c <= 126 else ord("?") for c in range(256))


class Malformed(Exception):
    """Bytes that are no DNS message, or text that is no domain name."""


def wire_name(text: bytes) -> bytes:
    """A dotted name as it is sent. Raises Malformed if a label or the whole is too long.

    A backslash with up to three octal digits is that byte, with another character that character;
    empty labels are dropped.
    """
    wire = bytearray()
    label = bytearray()
    at = 0
    while at < len(text):
        byte = text[at : at + 1]
        at += 1
        if byte == b".":
            wire += _label(label)
            label.clear()
        elif byte == b"\\":
            byte, at = _unescape(text, at)
            label += byte
        else:
            label += byte
        if len(label) > LONGEST_LABEL or len(wire) > LONGEST_NAME:
            raise Malformed
    wire += _label(label) + b"\0"
    if len(wire) > LONGEST_NAME:
        raise Malformed
    return bytes(wire)


def _label(label: bytearray) -> bytes:
    return bytes([len(label)]) + label if label else b""


def _unescape(text: bytes, at: int) -> tuple[bytes, int]:
    """The byte that stands after a backslash, and the position after it."""
    end = at
    while end < at + 3 and text[end : end + 1] in _OCTAL:
        end += 1
    if end > at:
        return bytes([int(text[at:end], 8) & 255]), end
    return text[at : at + 1], at + 1


def reversed_address(packed: bytes) -> bytes:
    """An address as it stands in a name, last part first: decimal bytes, or hexadecimal digits of IPv6."""
    if len(packed) == 4:
        return b".".join(b"%d" % byte for byte in reversed(packed))
    return ".".join(reversed(packed.hex())).encode()


def reverse_name(packed: bytes) -> bytes:
    """The wire name under which the name of an address is published: in-addr.arpa or ip6.arpa."""
    zone = b".in-addr.arpa" if len(packed) == 4 else b".ip6.arpa"
    return wire_name(reversed_address(packed) + zone)


def query(number: int, name: bytes, kind: int) -> bytes:
    """A question for the records of one kind at a wire name; number: the 16-bit id."""
    return _HEADER.pack(number, RECURSE, 1, 0, 0, 0) + name + _QUESTION.pack(kind, IN)


def matches(reply: bytes, asked: bytes) -> bool:
    """Whether a reply is to this query: same id, one question, and that the same."""
    if len(reply) < _HEADER.size or reply[:2] != asked[:2] or reply[4:6] != b"\0\1":
        return False
    try:
        name, end = read_name(reply, _HEADER.size)
    except Malformed:
        return False
    question = name.lower() + reply[end : end + _QUESTION.size]
    return question == asked[_HEADER.size : -_QUESTION.size].lower() + asked[-_QUESTION.size :]


def flags(reply: bytes) -> int:
    """The second header word of a reply that matches()."""
    return reply[2] << 8 | reply[3]


def read_name(packet: bytes, at: int) -> tuple[bytes, int]:
    """The wire name at a position, its pointers followed, and the position after it. Raises Malformed."""
    wire = bytearray()
    end = -1
    jumps = 0
    while True:
        if at >= len(packet):
            raise Malformed
        length = packet[at]
        at += 1
        if length >= 0xC0:
            if at >= len(packet) or jumps == MOST_JUMPS:
                raise Malformed
            jumps += 1
            end = at + 1 if end < 0 else end
            at = (length & 0x3F) << 8 | packet[at]
            continue
        if length > LONGEST_LABEL or len(wire) + 1 + length > LONGEST_NAME or at + length > len(packet):
            raise Malformed
        wire += packet[at - 1 : at + length]
        at += length
        if not length:
            return bytes(wire), at if end < 0 else end


def show_name(wire: bytes) -> bytes:
    """A wire name as text without final dot; the root is a single dot.

    Upper case is folded; every byte but `a-z 0-9 - _` becomes a backslash and three octal digits.
    """
    labels = []
    at = 0
    while wire[at]:
        label = wire[at + 1 : at + 1 + wire[at]]
        labels.append(b"".join([_SHOWN[byte] for byte in label.lower()]))
        at += 1 + wire[at]
    return b".".join(labels) or b"."


def _answers(reply: bytes, kind: int) -> "Iterator[tuple[int, int]]":
    """Where the data of each answer of one kind starts and ends. Raises Malformed."""
    if len(reply) < _HEADER.size:
        raise Malformed
    _, _, questions, count, _, _ = _HEADER.unpack_from(reply)
    at = _HEADER.size
    for _ in range(questions):
        at = _skip_name(reply, at) + _QUESTION.size
    for _ in range(count):
        at = _skip_name(reply, at)
        if at + _RECORD.size > len(reply):
            raise Malformed
        found, family, _, length = _RECORD.unpack_from(reply, at)
        at += _RECORD.size
        if at + length > len(reply):
            raise Malformed
        if (found, family) == (kind, IN):
            yield at, at + length
        at += length


def _skip_name(packet: bytes, at: int) -> int:
    """The position after a name, its pointers not followed. Raises Malformed."""
    while at < len(packet):
        length = packet[at]
        if length >= 0xC0:
            return at + 2
        if length > LONGEST_LABEL:
            break
        at += 1 + length
        if not length:
            return at
    raise Malformed


def addresses(reply: bytes, kind: int) -> list[bytes]:
    """The packed addresses in the answer section, whatever names own them. Raises Malformed."""
    size = 4 if kind == A else 16
    return [reply[start:end] for start, end in _answers(reply, kind) if end - start == size]


def name(reply: bytes) -> bytes | None:
    """The first name that the answers point to, as text; None if there is none. Raises Malformed."""
    for start, _ in _answers(reply, PTR):
        return show_name(read_name(reply, start)[0])
    return None


def text(reply: bytes) -> bytes:
    """All strings of all TXT answers in one; what is not printable ASCII is `?`. Raises Malformed."""
    parts = []
    for start, end in _answers(reply, TXT):
        at = start
        while at < end:
            if at + 1 + reply[at] > end:
                raise Malformed
            parts.append(reply[at + 1 : at + 1 + reply[at]])
            at += 1 + reply[at]
    return b"".join(parts).translate(_PRINTABLE)
