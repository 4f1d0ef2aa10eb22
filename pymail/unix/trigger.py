"""The queue's trigger: a fifo that wakes qmail-send when a message has come

A writer never waits and never minds that nobody reads; the reader reopens it before each look at todo/,
which throws away what was written. Source: qmail trigger.c and triggerpull.c.
"""

import os

from pymail.queue.layout import TRIGGER
from pysvc.unix import fifo


def pull(queue: str) -> None:
    """Wake whoever watches the queue in that directory; nothing is an error."""
    try:
        fd = os.open(f"{queue}/{TRIGGER}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return  # nobody reads: qmail-send will look when it starts
    try:
        os.write(fd, b"\0")
    except OSError:
        pass  # the fifo is full of calls that nobody answered yet
    finally:
        os.close(fd)


class Watch:
    """The reader's side: `fd` becomes readable when somebody pulled; what is written is never read.

    The descriptor changes at each reopen(), so whoever waits for it must ask for it again. No other
    process may hold it, or closing would not throw away what was written.
    """

    __slots__ = ("_path", "fd")

    def __init__(self, queue: str) -> None:
        """queue: the queue's directory. Raises OSError, also where there is something else than a fifo."""
        self._path = f"{queue}/{TRIGGER}"
        self.fd = self._open()

    def reopen(self) -> None:
        """Forget the calls so far; to be done right before looking at todo/. Raises OSError.

        Between close and open a writer finds no reader; its link in todo/ was made before that, so the
        look that follows sees it.
        """
        os.close(self.fd)
        self.fd = -1
        self.fd = self._open()

    def _open(self) -> int:
        """Something else in its place would be readable all the time."""
        return fifo.open_end(self._path, os.O_RDONLY)
