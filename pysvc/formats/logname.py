"""Names of finished log files: `@` and 24 hex digits of the time of finishing, then `.s` or `.u`

`.s` is complete, processed and safely on disk; `.u` was left over from a crash.
"""

from pysvc.formats import tai64n

SAFE, UNFINISHED = b"s", b"u"


def name(nanoseconds: int, code: bytes) -> bytes:
    """The name of a file finished at that unix time."""
    return tai64n.label(nanoseconds) + b"." + code


def surplus(names: list[bytes], number: int) -> list[bytes]:
    """Which names of a directory have to go, the oldest first, so that fewer than `number` stay.

    Whatever has room for a label after an `@` counts; times compare as bytes.
    """
    finished = [name for name in names if name.startswith(b"@") and len(name) >= tai64n.LABEL_SIZE]
    finished.sort(key=lambda name: name[: tai64n.LABEL_SIZE])
    return finished[: max(0, len(finished) - number + 1)]
