"""Deliver messages into Maildirs

    1  create tmp/NAME, alone     4  link it to new/NAME
    2  write the message          5  unlink tmp/NAME
    3  fsync the file             6  fsync new, which holds the name; now it is delivered

Before all that new is opened: what is short then leaves no message that was delivered and is tried again.
A reader sees the whole message or none, and nothing is locked. NAME is time.pid.host, with pid_1 and so
on for further deliveries of one process: unique as long as a host gives no process id twice in a second;
a name that exists all the same is never overwritten. Several messages take each step together, and wait
for the disk together; each fails for itself. Source: maildir manual of qmail.
"""

import os
import time

from pymail.delivery.deadline import within
from pymail.delivery.message import Message, Unreadable
from pymail.unix.background import Once, side_by_side
from pysvc.unix.files import write_all
from pysvc.unix.strerr import TEMPORARY, Fatal, temporary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

ATTEMPTS, PAUSE = 3, 2  # names tried; seconds between them, so that the clock moves on
LONGEST = 86400         # seconds for one delivery; readers remove older files from tmp
HOST_SIZE = 64          # bytes of the host's name that are used
WAITING = 4             # threads that wait for the disk

_earlier = 0  # deliveries of this process


class Parcel:
    """A message on its way into a Maildir; `failure` says why it could not be delivered now."""

    __slots__ = ("_fd", "_head", "_message", "_name", "failure", "folder")

    def __init__(self, folder: bytes, head: bytes, message: Message) -> None:
        """folder: the Maildir, with a slash at its end. head: what comes before the message."""
        self.folder, self._head, self._message = folder, head, message
        self._name, self._fd = b"", -1
        self.failure: Fatal | None = None

    def write(self) -> None:
        """Make a file in tmp that holds everything; the head goes in one write with the first block."""
        global _earlier
        self._name, self._fd = _create(self.folder)
        _earlier += 1
        head = self._head
        for block in self._message.blocks():
            write_all(self._fd, head + block)
            head = b""
        write_all(self._fd, head)

    def sync(self) -> None:
        os.fsync(self._fd)

    def link(self) -> None:
        os.link(self.folder + b"tmp/" + self._name, self.folder + b"new/" + self._name)

    def clear(self) -> None:
        """Leave nothing open, and nothing in tmp."""
        if self._fd >= 0:
            os.close(self._fd)
            _unlink(self.folder + b"tmp/" + self._name)

    def attempt(self, step: "Callable[[], None]", late: Fatal) -> None:
        """Do a step, unless one has failed before; nothing but `late` is raised."""
        try:
            if self.failure is None:
                step()
        except Unreadable:
            self.failure = _trouble("Unable to read message. (#4.3.0)")
        except OSError:
            self.failure = _trouble(_why(self.folder))
        except Fatal as fatal:
            if fatal is late:
                raise
            self.failure = fatal


def deliver(folder: bytes, head: bytes, message: Message) -> None:
    """Store head and the message in a Maildir. Fatal if that is not possible now."""
    parcel = Parcel(folder, head, message)
    deliver_all([parcel])
    if parcel.failure is not None:
        raise parcel.failure


def deliver_all(parcels: list[Parcel]) -> None:
    """Deliver each of them, or let it know its failure."""
    late = _trouble("Timeout on maildir delivery. (#4.3.0)")
    news = _News()
    try:
        with within(LONGEST, late):
            _deliver_all(parcels, news, late)
    except Fatal:
        for parcel in parcels:
            parcel.failure = parcel.failure or late
    finally:
        news.close()


def _deliver_all(parcels: list[Parcel], news: "_News", late: Fatal) -> None:
    """Raises nothing but `late`."""
    for parcel in parcels:
        parcel.attempt(lambda folder=parcel.folder: news.open(folder), late)  # type: ignore[misc]
    try:
        for parcel in parcels:
            parcel.attempt(parcel.write, late)
        side_by_side(lambda parcel: parcel.attempt(parcel.sync, late), parcels, WAITING)
        for parcel in parcels:
            parcel.attempt(parcel.link, late)
    finally:
        for parcel in parcels:
            parcel.clear()
    for parcel in parcels:
        parcel.attempt(lambda folder=parcel.folder: news.sync(folder), late)  # type: ignore[misc]


class _News:
    """The directories `new` of some Maildirs, each opened and synced once."""

    __slots__ = ("_fds", "_synced")

    def __init__(self) -> None:
        self._fds: dict[bytes, int] = {}
        self._synced = Once()

    def open(self, folder: bytes) -> None:
        """Raises OSError."""
        if folder not in self._fds:
            self._fds[folder] = os.open(folder + b"new", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def sync(self, folder: bytes) -> None:
        """Raises OSError."""
        self._synced.do(folder, lambda: os.fsync(self._fds[folder]))

    def close(self) -> None:
        for fd in self._fds.values():
            os.close(fd)


def _trouble(text: str) -> Fatal:
    return Fatal(text, TEMPORARY, kind="")


def _why(folder: bytes) -> str:
    try:
        os.stat(folder + b".")
    except OSError as error:
        if not temporary(error):
            return "Unable to chdir to maildir. (#4.2.1)"
    return "Temporary error on maildir delivery. (#4.3.0)"


def _create(folder: bytes) -> tuple[bytes, int]:
    """A new file in tmp that is ours alone: its name, and a descriptor for writing."""
    for _ in range(ATTEMPTS - 1):
        try:
            return _open(folder)
        except FileExistsError:
            time.sleep(PAUSE)
    return _open(folder)


def _open(folder: bytes) -> tuple[bytes, int]:
    process = b"%d_%d" % (os.getpid(), _earlier) if _earlier else b"%d" % os.getpid()
    name = b"%d.%s.%s" % (time.time(), process, host_part(os.uname().nodename))
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    return name, os.open(folder + b"tmp/" + name, flags, 0o600)


def host_part(host: str) -> bytes:
    """A host as the last part of a name, without what has a meaning in paths and in names."""
    return os.fsencode(host)[:HOST_SIZE].replace(b"/", b"\\057").replace(b":", b"\\072")


def _unlink(path: bytes) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass  # readers remove it when it is old enough
