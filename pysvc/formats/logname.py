"""Names of finished log files: `@` and 24 hex digits of the time of finishing, then `.s` or `.u`

`.s` is complete, processed and safely on disk; `.u` was left over from a crash.
"""

from pysvc.formats import tai64n

SAFE, UNFINISHED = b"s", b"u"
DIGITS = b"0123456789abcdef"
LATEST = b"f" * (tai64n.LABEL_SIZE - 1)


def name(nanoseconds: int, code: bytes) -> bytes:
    """The name of a file finished at that unix time."""
    return tai64n.label(nanoseconds) + b"." + code


def after(name: bytes, names: list[bytes]) -> bytes:
    """A name that sorts behind those of a directory: the given one, unless the clock has been set back.

    The next file would else be the first to go; it gets the time of the last one and a little more.
    """
    last = max(_finished(names), default=b"")[: tai64n.LABEL_SIZE]
    label, code = name[: tai64n.LABEL_SIZE], name[tai64n.LABEL_SIZE :]
    if label > last or last[1:].strip(DIGITS) or last[1:] == LATEST:
        return name  # or a file of somebody else's: no label is as late
    return b"@%024x" % (int(last[1:], 16) + 1) + code


def surplus(names: list[bytes], number: int) -> list[bytes]:
    """Which names of a directory have to go, the oldest first, so that fewer than `number` stay.

    Whatever has room for a label after an `@` counts; times compare as bytes.
    """
    finished = sorted(_finished(names), key=lambda name: name[: tai64n.LABEL_SIZE])
    return finished[: max(0, len(finished) - number + 1)]


def _finished(names: list[bytes]) -> list[bytes]:
    return [name for name in names if name.startswith(b"@") and len(name) >= tai64n.LABEL_SIZE]
