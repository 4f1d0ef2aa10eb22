"""svc - control supervised services

Synopsis:    svc [-udopchaitkx] dir ...

Sends the letters, in this order and each once, to the supervise of every directory.

Options:     u up: start it if it is down, restart it when it ends
             d down: TERM, then CONT; do not restart it
             o once: start it if it is down; do not restart it
             x exit: supervise ends when the service is down
             p pause: STOP       c continue: CONT
             h HUP   a ALRM   i INT   t TERM   k KILL
             -w u|d|U|D|r|R  then wait until every service is up, down, up and ready, down with its
                           finish script ended, restarted, or restarted and ready
             -T ms         wait no longer than so many milliseconds; 0: look once
Files:       dir/supervise/control   the fifo that supervise reads; a link is not followed, and what is
                                     no fifo is not written. It is full where a supervise, or whoever
                                     has put a fifo of his own there, does not read: that is a warning
                                     after 65 seconds
             dir/supervise/status, dir/supervise/state   read by -w
Exit codes:  0 the letters were sent, or a warning says where not; 100 wrong usage; 111 no way back to
             the first directory. With -w: 0 every service is as waited for; 1 one has failed for good;
             99 the time is over; 102 one has no supervise
"""

import errno
import os

from pysvc.unix import fifo, signals
from pysvc.unix.options import BadOption, complaint, options
from pysvc.unix.strerr import unable_to, warn

LETTERS = "udopchaitkx"
WAITING = "w:T:"
PATIENCE = 65  # seconds; supervise sleeps 60 where it can have no child, and reads nothing then
EVENTS = ("u", "d", "U", "D", "r", "R")
USAGE = ("svc options: u up, d down, o once, x exit, p pause, c continue, "
         "h hup, a alarm, i interrupt, t term, k kill")  # fmt: skip


def main(argv: list[str]) -> int:
    signals.ignore(signals.SIGPIPE)
    directories = argv[1:]
    try:
        letters, event, limit = requests(directories)
    except BadOption as bad:
        raise complaint(argv[0], bad, USAGE) from bad
    with unable_to("open current directory"):
        here = os.open(".", os.O_RDONLY | os.O_CLOEXEC)
    wait = None
    if event:
        from pysvc.supervision import waiting

        wait = waiting.Waiting(directories, event)
    for directory in directories:
        control(directory, letters.encode())
        with unable_to("set directory"):
            os.fchdir(here)
    return wait.wait(limit) if wait is not None else 0


def requests(arguments: list[str]) -> tuple[str, str, int | None]:
    """Take the options off: letters to send, each in its first place; what to wait for; how long."""
    letters: dict[str, None] = {}
    event, limit = "", None
    for letter, value in options(arguments, LETTERS + WAITING):
        if letter == "w":
            if value not in EVENTS:
                raise BadOption(f"illegal option -- w{value}")
            event = value
        elif letter == "T":
            if not (value.isascii() and value.isdigit()):
                raise BadOption(f"illegal option -- T{value}")
            limit = int(value)
        else:
            letters[letter] = None
    return "".join(letters), event, limit


def control(directory: str, letters: bytes) -> None:
    """Send the letters to one supervise; what goes wrong is a warning."""
    warning = f"unable to chdir to {directory}"
    try:
        os.chdir(directory)
        warning = f"unable to control {directory}"
        fd = fifo.open_end("supervise/control", os.O_WRONLY)
        warning = f"error writing commands to {directory}"
        try:
            fifo.send(fd, letters, PATIENCE)
        finally:
            os.close(fd)
    except OSError as error:
        if error.errno == errno.ENXIO:
            warn("svc", f"{warning}: supervise not running")
        else:
            warn("svc", warning, error)
