"""supervise/death_tally: when and of what a service has died, one line each, the latest last

    @400000006553f10a075bcbf4 111
    @400000006553f10c1a2b3c4d SEGV

tai64nlocal makes the times readable.
"""

from pysvc.formats import tai64n
from pysvc.formats.servicefiles import LARGEST_TALLY

LONGEST = LARGEST_TALLY * 40  # bytes: no line is longer


def add(tally: bytes, now: int, cause: str, most: int) -> bytes:
    """The tally with one more death; not more than `most` lines. now: unix time in nanoseconds."""
    lines = [*tally.splitlines(keepends=True), tai64n.label(now) + f" {cause}\n".encode()]
    return b"".join(lines[-most:])
