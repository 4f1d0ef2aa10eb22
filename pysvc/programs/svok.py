"""svok - tell whether supervise is running in a directory

Synopsis:    svok dir
Files:       dir/supervise/ok   a fifo that a live supervise holds open for reading
Exit codes:  0 running; 100 not running, or wrong usage; 111 unable to tell
"""

import errno
import os

from pysvc.unix import fifo
from pysvc.unix.strerr import PERMANENT, unable_to, usage

NO_READER = (errno.ENOENT, errno.ENXIO)  # no fifo yet; a fifo nobody reads


def main(argv: list[str]) -> int:
    if len(argv) < 2:
        raise usage(__doc__)
    with unable_to(f"chdir to {argv[1]}"):
        os.chdir(argv[1])
    with unable_to(f"open {argv[1]}/supervise/ok"):
        try:
            fifo.knock("supervise/ok")
        except OSError as error:
            if error.errno not in NO_READER:
                raise
            return PERMANENT
    return 0
