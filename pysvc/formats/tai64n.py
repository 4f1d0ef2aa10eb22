"""TAI64N timestamps: 12 bytes, or `@` and 24 hex digits

Seconds count from 2^62 with a constant offset of 10, without a leap-second table, as daemontools
does; nanoseconds are microseconds * 1000 + 500. Source: daemontools manual, tai64n(8).
"""

EPOCH = (1 << 62) + 10  # the TAI64 second at which unix time is 0
SIZE = 12               # bytes, packed
LABEL_SIZE = 25         # bytes, `@` and the hex digits


def pack(nanoseconds: int) -> bytes:
    """Unix time in nanoseconds (time.time_ns) to 12 bytes, big-endian."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return (EPOCH + seconds).to_bytes(8, "big") + (rest // 1000 * 1000 + 500).to_bytes(4, "big")


def unpack(data: bytes) -> tuple[int, int]:
    """12 bytes to (unix seconds, nanoseconds); the seconds are as written, however absurd."""
    return int.from_bytes(data[:8], "big") - EPOCH, int.from_bytes(data[8:12], "big")


def label(nanoseconds: int) -> bytes:
    """Unix time in nanoseconds to the 25 bytes that stand before a log line."""
    return b"@" + pack(nanoseconds).hex().encode()


def time(label: str) -> int:
    """A label to unix time in nanoseconds; 0 for what lies before 1970. Raises ValueError."""
    seconds, rest = unpack(bytes.fromhex(label.removeprefix("@")))
    return max(0, seconds * 1_000_000_000 + rest)
