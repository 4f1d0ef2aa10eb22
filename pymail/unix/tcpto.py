"""The file queue/lock/tcpto, shared by all qmail-remote processes under an flock

A missing file, or one that may not be written, switches the feature off without a word.
"""

import os

from pymail.formats import tcpto
from pymail.unix.home import Home
from pysvc.unix import lock


def path(home: Home) -> str:
    return home.file("queue", "lock", "tcpto")


def clear(home: Home) -> None:
    """Forget every timeout; what qmail-rspawn does at its start. Never raises OSError."""
    try:
        fd = os.open(path(home), os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    try:
        os.pwrite(fd, bytes(tcpto.SIZE), 0)
    except OSError:
        pass
    finally:
        os.close(fd)


def read(fd: int) -> bytes:
    """The table, under the lock that the caller took by lock.lock. Raises OSError."""
    return os.pread(fd, tcpto.SIZE, 0)


class Timeouts:
    """What one qmail-remote process asks and tells of the hosts that it connects to."""

    __slots__ = ("_path", "_pid", "_seen")

    def __init__(self, home: Home, pid: int) -> None:
        self._path, self._pid = path(home), pid
        self._seen: set[bytes] = set()  # addresses that had a record when shunned() looked

    def shunned(self, address: bytes, now: int) -> bool:
        """Whether to leave a host alone for now."""
        fd = self._locked()
        if fd is None:
            return False
        try:
            table = read(fd)
        except OSError:
            return False
        finally:
            os.close(fd)
        if tcpto.known(table, address):
            self._seen.add(address)
        return tcpto.shunned(table, address, now, self._pid)

    def tell(self, address: bytes, timed_out: bool, now: int) -> None:
        """Record how an attempt to connect went: a timeout, or anything else."""
        if not timed_out and address not in self._seen:
            return
        fd = self._locked()
        if fd is None:
            return
        try:
            table = read(fd)
            change = tcpto.timed_out(table, address, now) if timed_out else tcpto.answered(table, address)
            if change is not None:
                os.pwrite(fd, change[1], change[0])
        except OSError:
            pass
        finally:
            os.close(fd)

    def _locked(self) -> int | None:
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            lock.lock(fd)
        except OSError:
            os.close(fd)
            return None
        return fd
