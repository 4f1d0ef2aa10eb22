"""tai64n - put a precise timestamp before each line

Synopsis:    tai64n
Exit codes:  0 end of input; 111 (silently) standard input or output fails

Copies standard input to standard output with a TAI64N label and a space before each line. What has been
read is written before more is read, unfinished lines too.
"""

import time

from pysvc.formats import tai64n
from pysvc.unix import files
from pysvc.unix.strerr import TEMPORARY


def main(argv: list[str]) -> int:
    begins = True
    try:
        for block in files.blocks(0, files.STREAM):
            stamp = tai64n.label(time.time_ns()) + b" "
            files.write_all(1, _stamped(block, stamp, begins))
            begins = block.endswith(b"\n")
    except OSError:
        return TEMPORARY
    return 0


def _stamped(block: bytes, stamp: bytes, begins: bool) -> bytes:
    """block with the stamp before each of its lines; begins: whether it starts with a new one."""
    text = block[:-1].replace(b"\n", b"\n" + stamp) + block[-1:]
    return stamp + text if begins else text
