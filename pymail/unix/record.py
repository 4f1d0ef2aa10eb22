"""qmail-send's activity record on a descriptor"""

import time

from pymail.formats import activity
from pysvc.unix.files import write_all

PAUSE = 10  # seconds, where there is no going on until somebody has helped


class Record:
    """Lines are gathered and written together, at the latest before the process waits.

    If nobody reads them any more the mail goes on.
    """

    __slots__ = ("_fd", "_lines")

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lines: list[bytes] = []

    def line(self, *lines: bytes) -> None:
        """Whole lines, as formats.activity makes them."""
        self._lines += lines

    def warn(self, text: str) -> None:
        self._lines.append(activity.warning(text))

    def alert(self, text: str) -> None:
        self._lines.append(activity.alert(text))

    def alert_and_pause(self, text: str) -> None:
        """Say it at once, and let some time pass before the next attempt."""
        self.alert(text)
        self.flush()
        time.sleep(PAUSE)

    def flush(self) -> None:
        text, self._lines = b"".join(self._lines), []
        try:
            write_all(self._fd, text)
        except OSError:
            pass
