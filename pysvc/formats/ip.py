"""IP addresses: 4 or 16 packed bytes, and the text that rules, logs and variables show

A packed address of 16 bytes may be an IPv4 address mapped into IPv6 (::ffff:1.2.3.4).
"""

import struct

from pysvc.formats import number

MAPPED = bytes(10) + b"\xff\xff"  # the first 12 bytes of a mapped IPv4 address
ANY4 = bytes(4)
ANY6 = bytes(16)
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
