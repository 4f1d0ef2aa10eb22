"""addcr - put CR before each LF

Synopsis:    addcr
Exit codes:  0 end of input; 111 (silently) standard input or output fails

Copies standard input to standard output. A CR is put before every LF, even if one is there; a last line
without LF stays as it is. What has been read is written before more is read.
"""

from pysvc.formats import crlf
from pysvc.unix import files
from pysvc.unix.strerr import TEMPORARY


def main(argv: list[str]) -> int:
    try:
        for block in files.blocks(0):
            files.write_all(1, crlf.add(block))
    except OSError:
        return TEMPORARY
    return 0
