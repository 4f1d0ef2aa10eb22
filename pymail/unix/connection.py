"""A client or server at the other end of two descriptors, with a limit on every wait

Output gathers until somebody waits for input, so that pipelined commands are answered together and a
client that waits for a reply always gets it.
"""

import os
import select
import time

GATHERED = 4096  # bytes that a blocking descriptor surely takes after a poll without waiting
BLOCK = 65536    # bytes read at a time, at most, and written to a non-blocking descriptor
LONGEST = 86400  # seconds of a conversation, however busy: as long as qmail-queue waits for a message


class Connection:
    """reading, writing: descriptors, blocking or not. timeout: seconds for each wait.

    LONGEST seconds after it was made, every wait ends in TimeoutError.
    """

    __slots__ = (
        "_blocking", "_burst", "_end", "_output", "_readable", "_reading", "_size", "_timeout", "_writable",
        "_writing",
    )  # fmt: skip

    def __init__(self, reading: int, writing: int, timeout: int) -> None:
        self._reading, self._writing = reading, writing
        self._timeout: float = timeout
        self._end = time.monotonic() + LONGEST
        self._readable, self._writable = select.poll(), select.poll()
        self._readable.register(reading, select.POLLIN)
        self._writable.register(writing, select.POLLOUT)
        self._blocking = _blocking(writing)
        self._burst = GATHERED if self._blocking else BLOCK  # held back, and written at once, at most
        self._output: list[bytes] = []
        self._size = 0

    def read(self, size: int = BLOCK) -> bytes:
        """Send what has gathered, then wait for input; b"" at its end. Raises OSError, TimeoutError."""
        self.flush()
        while True:
            self._wait(self._readable)
            try:
                return os.read(self._reading, size)
            except BlockingIOError:
                continue  # somebody else was faster, or the readiness was not true

    def send(self, data: bytes) -> None:
        """Add to the output. Raises OSError, TimeoutError."""
        self._output.append(data)
        self._size += len(data)
        if self._size >= self._burst:
            self.flush()

    def hurry(self, seconds: float) -> None:
        """From now on, wait no longer than so many seconds each time."""
        self._timeout = min(self._timeout, seconds)

    def flush(self) -> None:
        """Write what has gathered. Raises OSError, TimeoutError."""
        view = memoryview(b"".join(self._output))
        self._output, self._size = [], 0
        while view:
            if self._blocking:
                self._wait(self._writable)
            try:
                view = view[os.write(self._writing, view[: self._burst]) :]
            except BlockingIOError:
                self._wait(self._writable)

    def _wait(self, ready: select.poll) -> None:
        left = min(self._timeout, self._end - time.monotonic())
        if left <= 0 or not ready.poll(left * 1000):
            raise TimeoutError


def _blocking(fd: int) -> bool:
    try:
        return os.get_blocking(fd)
    except OSError:
        return True  # not open: the first write will tell
