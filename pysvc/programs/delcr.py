"""delcr - remove CR before each LF

Synopsis:    delcr
Exit codes:  0 end of input; 111 (silently) standard input or output fails

Copies standard input to standard output. One CR right before each LF is left out; every other CR stays,
also one at the end of the input. What has been read is written before more is read.
"""

from pysvc.formats.crlf import Remover
from pysvc.unix import files
from pysvc.unix.strerr import TEMPORARY


def main(argv: list[str]) -> int:
    remover = Remover()
    try:
        for block in files.blocks(0):
            files.write_all(1, remover.feed(block))
        files.write_all(1, remover.end())
    except OSError:
        return TEMPORARY
    return 0
