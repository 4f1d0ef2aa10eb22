"""supervise/death_tally: when and of what a service has died, one line each, the latest last

    @400000006553f10a075bcbf4 111
    @400000006553f10c1a2b3c4d SEGV

tai64nlocal makes the times readable.
"""

from pysvc.formats import tai64n
from pysvc.formats.servicefiles import LARGEST_TALLY

LABEL = 25                      # bytes of a time
LINE = 40  # bytes: no line is longer
LONGEST = LARGEST_TALLY * LINE


def add(tally: bytes, now: int, cause: str, most: int) -> bytes:
    """The tally with one more death; not more than `most` lines. now: unix time in nanoseconds.

    What is no such line goes: a file that somebody has put there does not become readable by all.
    """
    lines = [*filter(_is_entry, tally.splitlines(keepends=True)), tai64n.label(now) + f" {cause}\n".encode()]
    return b"".join(lines[-most:])


def entries(tally: bytes) -> list[tuple[int, str]]:
    """The deaths: unix time in nanoseconds; exit code or signal's name. What is no entry is passed over."""
    found = []
    for line in filter(_is_entry, tally.splitlines(keepends=True)):
        label, _, cause = line.decode().rstrip("\n").partition(" ")
        try:
            found.append((tai64n.time(label), cause))
        except ValueError:
            continue
    return found


def _is_entry(line: bytes) -> bool:
    label, _, cause = line.removesuffix(b"\n").partition(b" ")
    return label[:1] == b"@" and len(label) == LABEL and label[1:].isalnum() and cause.isalnum()
