"""Constant databases: 2048 bytes of header, the records, 256 hash tables

All integers are 32 bits, little-endian. Records of one key are found in the order in which they were
added. Source: https://cr.yp.to/cdb/cdb.txt.
"""

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER = 2048
_PAIR = struct.Struct("<II")
_NO_SLOTS = bytes(4)


class Malformed(Exception):
    """A position or length points outside the file."""


def hash_of(key: bytes) -> int:
    """The 32-bit hash of a key: h = (h * 33) xor c, from 5381."""
    h = 5381
    for byte in key:
        h = (h * 33 & 0xFFFFFFFF) ^ byte
    return h


def build(records: "list[tuple[bytes, bytes]]") -> bytes:
    """The database of some (key, data) pairs, byte for byte as the classic writer makes it.

    Raises OverflowError when positions would not fit 32 bits.
    """
    parts = [b""]
    tables: list[list[tuple[int, int]]] = [[] for _ in range(256)]
    position = HEADER
    for key, data in records:
        h = hash_of(key)
        tables[h & 255].append((h, position))
        parts += [_PAIR.pack(len(key), len(data)), key, data]
        position += 8 + len(key) + len(data)
    header = []
    for entries in tables:
        slots = 2 * len(entries)
        header.append((position, slots))
        parts.append(_table(entries, slots))
        position += 8 * slots
    if position > 0xFFFFFFFF:
        raise OverflowError("database over 4 GB")
    parts[0] = b"".join(_PAIR.pack(*pair) for pair in header)
    return b"".join(parts)


def _table(entries: list[tuple[int, int]], slots: int) -> bytes:
    table = [(0, 0)] * slots
    for h, position in entries:
        slot = (h >> 8) % slots
        while table[slot][1]:
            slot = (slot + 1) % slots
        table[slot] = (h, position)
    return b"".join(_PAIR.pack(*pair) for pair in table)


def records(data: bytes) -> "Iterator[tuple[bytes, bytes]]":
    """Every (key, data) in a database, in the order of adding. Raises Malformed."""
    if len(data) < HEADER:
        raise Malformed
    end = min(position for position, _ in _PAIR.iter_unpack(data[:HEADER]))
    at = HEADER
    while at < end:
        if at + 8 > len(data):
            raise Malformed
        key_size, data_size = _PAIR.unpack_from(data, at)
        middle = at + 8 + key_size
        at = middle + data_size
        if at > len(data):
            raise Malformed
        yield data[middle - key_size : middle], data[middle:at]


class Reader:
    """Looks keys up in a database held in memory (bytes, or an mmap)."""

    def __init__(self, data: bytes) -> None:
        if len(data) < HEADER:
            raise Malformed
        self._data = data

    def find(self, key: bytes) -> bytes | None:
        """The data of the first record with that key; None if there is none. Raises Malformed."""
        return next(self.find_all(key), None)

    def find_all(self, key: bytes) -> "Iterator[bytes]":
        """The data of every record with that key, in the order of adding. Raises Malformed."""
        h = hash_of(key)
        table, slots = self._pair((h & 255) * 8)
        for probe in range(slots):
            stored, position = self._pair(table + 8 * (((h >> 8) + probe) % slots))
            if not position:
                return
            if stored != h:
                continue
            key_size, data_size = self._pair(position)
            start = position + 8
            if key_size == len(key) and self._slice(start, key_size) == key:
                yield self._slice(start + key_size, data_size)

    def beginnings(self, key: bytes) -> "Iterator[bytes]":
        """The beginnings of a key that are not absent for sure, the longest first."""
        h, sizes = 5381, []
        for size, byte in enumerate(key, 1):
            h = (h * 33 & 0xFFFFFFFF) ^ byte
            entry = (h & 255) * 8
            if self._data[entry + 4 : entry + 8] != _NO_SLOTS:
                sizes.append(size)
        return (key[:size] for size in reversed(sizes))

    def _pair(self, position: int) -> tuple[int, int]:
        if position + 8 > len(self._data):
            raise Malformed
        first, second = _PAIR.unpack_from(self._data, position)
        return first, second

    def _slice(self, start: int, size: int) -> bytes:
        if start + size > len(self._data):
            raise Malformed
        return bytes(self._data[start : start + size])
