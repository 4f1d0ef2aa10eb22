"""IP addresses: 4 or 16 packed bytes, and the text that rules, logs and variables show

A packed address of 16 bytes may be an IPv4 address mapped into IPv6 (::ffff:1.2.3.4).
"""

import struct

from pysvc.formats import number

MAPPED = bytes(10) + b"\xff\xff"  # the first 12 bytes of a mapped IPv4 address
ANY4 = bytes(4)
ANY6 = bytes(16)
HEX = b"0123456789abcdefABCDEF"
_GROUPS = struct.Struct(">8H")


def plain(packed: bytes) -> bytes:
    """The IPv4 address that is mapped, or the address itself."""
    return packed[12:] if len(packed) == 16 and packed.startswith(MAPPED) else packed


def mapped(packed: bytes) -> bytes:
    """The address as 16 bytes."""
    return MAPPED + packed if len(packed) == 4 else packed


def text(packed: bytes) -> bytes:
    """Dotted decimal, or the form of the IPv6 patch: the first longest run of zero groups is `::`.

    Unlike RFC 5952 that run may be a single group; rule files compare this text.
    """
    if len(packed) == 4:
        return b"%d.%d.%d.%d" % tuple(packed)
    if packed.startswith(MAPPED):
        return b"::ffff:" + text(packed[12:])
    groups = _GROUPS.unpack(packed)
    start, length = _longest_zeros(groups)
    if not length:
        return _join(groups)
    return _join(groups[:start]) + b"::" + _join(groups[start + length :])


def parse(text: bytes) -> bytes | None:
    """The packed form of a whole address written out: four numbers up to 255, or IPv6; None if it is none.

    Unlike literal() and leading_quad() this takes nothing that could be read in two ways.
    """
    if b":" not in text:
        words = text.split(b".")
        good = len(words) == 4 and all(_is_byte(word) for word in words)
        return bytes(map(int, words)) if good else None
    head, found, tail = text.partition(b"::")
    front, back = _groups(head, not found), _groups(tail, True)
    if front is None or back is None or (not found and len(front) != 16):
        return None
    missing = 16 - len(front) - len(back)
    return front + bytes(missing) + back if missing >= (2 if found else 0) else None


def _is_byte(word: bytes) -> bool:
    return word.isdigit() and len(word) <= 3 and int(word) < 256 and (word == b"0" or word[:1] != b"0")


def _groups(text: bytes, may_be_dotted: bool) -> bytes | None:
    """The packed form of groups of an IPv6 address, of which the last may be an IPv4 address."""
    *words, last = text.split(b":")
    dotted = parse(last) if may_be_dotted and b"." in last else None
    if dotted is None:
        words.append(last)
    if any(not word or len(word) > 4 or word.translate(None, HEX) for word in words) and text:
        return None
    return b"".join(int(word, 16).to_bytes(2, "big") for word in words if word) + (dotted or b"")


def network(text: bytes) -> tuple[bytes, int] | None:
    """(packed address, bits) of `10.0/8`, `192.0.2.0/24`, `2001:db8::/32`; None if it is no such thing.

    Numbers missing at the end of an IPv4 address are 0. Bits beyond the prefix may be anything.
    """
    address, slash, digits = text.partition(b"/")
    if not slash or not digits.isdigit() or len(digits) > 3:
        return None
    if b":" not in address:
        address += b".0" * (3 - address.count(b"."))
    packed = parse(address)
    return (packed, int(digits)) if packed is not None and int(digits) <= 8 * len(packed) else None


def within(packed: bytes, network: bytes, size: int) -> bool:
    """Whether an address has the first `size` bits of another one of its family."""
    differing = int.from_bytes(packed, "big") ^ int.from_bytes(network, "big")
    return len(packed) == len(network) and not differing >> (8 * len(packed) - size)


def bits(packed: bytes) -> bytes:
    """The bits of an address as the characters 0 and 1."""
    return format(int.from_bytes(packed, "big"), f"0{8 * len(packed)}b").encode()


def _join(groups: tuple[int, ...]) -> bytes:
    return b":".join(b"%x" % group for group in groups)


def _longest_zeros(groups: tuple[int, ...]) -> tuple[int, int]:
    """Where the first longest run of zero groups starts, and its length (0: there is none)."""
    best = (0, 0)
    run = 0
    for index, group in enumerate(groups):
        run = 0 if group else run + 1
        if run > best[1]:
            best = (index + 1 - run, run)
    return best


def literal(name: bytes) -> list[bytes] | None:
    """The IPv4 addresses that a name made only of digits, dots and brackets stands for; else None.

    Every number between dots is one byte, modulo 256; a rest of less than four bytes is dropped, so
    that `[127.0.0.1]` is an address, `1.2.3` none and `1.2.3.4.5.6.7.8` two.
    """
    if name.translate(None, b"0123456789.[]"):
        return None
    words = name.translate(None, b"[]").split(b".")
    packed = bytes(int(word[-8:] or b"0") % 256 for word in words)  # 256 divides 10^8: the rest never counts
    return [packed[start : start + 4] for start in range(0, len(packed) - 3, 4)]


def leading_quad(text: bytes) -> tuple[bytes | None, bytes]:
    """The dotted IPv4 address at the beginning of a text (None if there is none), and what follows it."""
    packed = bytearray()
    rest = text
    while True:
        value, after = number.scan(rest)
        if after == rest:
            return None, text
        packed.append(value % 256)
        if len(packed) == 4:
            return bytes(packed), after
        if after[:1] != b".":
            return None, text
        rest = after[1:]


def leading_addresses(text: bytes) -> list[bytes]:
    """Dotted IPv4 addresses separated by dots, up to the first thing that is something else."""
    found: list[bytes] = []
    while True:
        packed, text = leading_quad(text.lstrip(b"."))
        if packed is None:
            return found
        found.append(packed)
        if text[:1] != b".":
            return found
