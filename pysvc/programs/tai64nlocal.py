"""tai64nlocal - turn precise timestamps into local time

Synopsis:    tai64nlocal
Environment: TZ   the time zone
Exit codes:  0 end of input; 111 (silently) standard input or output fails

Copies standard input to standard output. Where a line begins with a TAI64N label, that is shown as
YYYY-MM-DD HH:MM:SS.NNNNNNNNN; a label that no calendar can show stays as it is. What has been read is
written before more is read, unfinished lines too.
"""

import time

from pysvc.formats import localtime
from pysvc.unix import files
from pysvc.unix.strerr import TEMPORARY


def main(argv: list[str]) -> int:
    converter = localtime.Converter(time.localtime)
    try:
        for rest, text in localtime.lines(files.blocks(0, files.STREAM), files.BLOCK):
            files.write_all(1, rest + converter.convert(text))
    except OSError:
        return TEMPORARY
    return 0
