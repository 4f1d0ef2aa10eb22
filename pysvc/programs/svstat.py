"""svstat - print the status of supervised services

Synopsis:    svstat dir ...

One line a directory: whether the service is up and for how many seconds, then what is unusual about it.

Files:       dir/supervise/ok       a fifo that a live supervise holds open for reading
             dir/supervise/status   what supervise says
             dir/down               makes "down" the normal state
Exit codes:  0 whatever the states are; 111 no way back to the first directory
"""

import errno
import os
import time

from pysvc.formats import status
from pysvc.unix import fifo, files
from pysvc.unix.strerr import reason, unable_to


def main(argv: list[str]) -> int:
    with unable_to("open current directory"):
        here = os.open(".", os.O_RDONLY | os.O_CLOEXEC)
    now = time.time_ns()
    lines = []
    for directory in argv[1:]:
        lines.append(os.fsencode(f"{directory}: {state(directory, now)}\n"))
        with unable_to("set directory"):
            os.fchdir(here)
    try:
        files.write_all(1, b"".join(lines))
    except OSError:
        pass  # nobody can be told, and the exit code speaks of directories only
    return 0


def state(directory: str, now: int) -> str:
    """What is to be said of one directory at `now` (nanoseconds); it is the current one afterwards."""
    doing = "chdir"
    try:
        os.chdir(directory)
        doing = "stat down"
        normally_down = _exists("down")
        doing = "open supervise/ok"
        fifo.knock("supervise/ok")
        doing = "open supervise/status"
        fd = os.open("supervise/status", os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        doing = "read supervise/status"
        try:
            found = status.unpack(files.read_all(fd, status.SIZE))
        finally:
            os.close(fd)
    except status.BadFormat:
        return f"unable to {doing}: bad format"
    except OSError as error:
        if doing == "open supervise/ok" and error.errno == errno.ENXIO:
            return "supervise not running"
        return f"unable to {doing}: {reason(error)}"
    return describe(found, normally_down, now)


def describe(found: status.Status, normally_down: bool, now: int) -> str:
    """A status in words; now: unix time in nanoseconds."""
    up = found.pid != 0
    seconds = f"{found.seconds(now)} seconds"
    head = f"up (pid {found.pid}) {seconds}" if up else f"down {seconds}"
    remarks = (
        (up and normally_down, "normally down"),
        (not up and not normally_down, "normally up"),
        (up and found.paused, "paused"),
        (not up and found.want == status.WANT_UP, "want up"),
        (up and found.want == status.WANT_DOWN, "want down"),
    )
    return ", ".join([head, *(words for holds, words in remarks if holds)])


def _exists(path: str) -> bool:
    try:
        os.stat(path)
    except FileNotFoundError:
        return False
    return True
