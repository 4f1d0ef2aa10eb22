"""Append one message to an mbox file

The file is locked by flock, and cut back to its old size where the message did not get in whole. A lock
that cannot be had because of an error does not stop the delivery; without it nothing is cut off, because
somebody else may have written. Source: mbox manual of qmail; qmail-local.c.

Up to AT_ONCE bytes are one write: a delivery that is killed leaves nothing or everything. Of a larger
message a beginning may stay, as in the original; then, as after any file that does not end in a blank
line, the next message gets one before it, or its first line would be taken for text.
"""

import os

from pymail.delivery.deadline import within
from pymail.delivery.message import Message, Unreadable
from pymail.formats.mbox import quoted
from pysvc.unix import lock
from pysvc.unix.files import sync_directory, write_all
from pysvc.unix.strerr import TEMPORARY, Fatal, reason

LONGEST_WAIT = 30  # seconds for the lock
AT_ONCE = 262144   # bytes; more than most messages have
FLAGS = os.O_NONBLOCK | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC


def deliver(path: bytes, head: bytes, message: Message) -> None:
    """Append head, the message and a blank line. head: the `From ` line and what follows it.

    Fatal if that is not possible now.
    """
    name = os.fsdecode(path)
    try:
        fd, locked = _open(path)
    except OSError as error:
        raise _trouble(f"Unable to open {name}: {reason(error)}. (#4.2.1)") from None
    try:
        _append(path, fd, locked, head, message)
    except Unreadable as error:
        raise _trouble(f"Unable to read message: {error}. (#4.3.0)") from None
    except OSError as error:
        raise _trouble(f"Unable to write {name}: {reason(error)}. (#4.3.0)") from None
    finally:
        os.close(fd)


def _open(path: bytes) -> tuple[int, bool]:
    """The file, and whether it is locked. Raises OSError.

    maildir2mbox moves a new file there while it holds the lock of the old one: whoever waited for that
    begins again, for what is written to the old one is lost.
    """
    while True:
        try:
            fd = os.open(path, os.O_RDWR | FLAGS, 0o600)
        except PermissionError:
            fd = os.open(path, os.O_WRONLY | FLAGS, 0o600)  # a spool that one may only add to
        try:
            locked = _lock(fd)
            if not locked or os.path.samestat(os.stat(path), os.fstat(fd)):
                return fd, locked
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(fd)  # and a lock that has come too late: this process may go on to deliver elsewhere
            raise
        os.close(fd)


def _trouble(text: str) -> Fatal:
    return Fatal(text, TEMPORARY, kind="")


def _append(path: bytes, fd: int, locked: bool, head: bytes, message: Message) -> None:
    size = os.lseek(fd, 0, os.SEEK_END)
    try:
        gathered = _missing_end(fd, size) + head
        for block in quoted(message.blocks()):
            gathered += block
            if len(gathered) >= AT_ONCE:
                write_all(fd, gathered)
                gathered = b""
        write_all(fd, gathered + b"\n")
        os.fsync(fd)
        if not size:
            _sync_name(path)
    except BaseException:
        if locked:
            _cut_back(fd, size)
        raise


def _missing_end(fd: int, size: int) -> bytes:
    """What a file of that size lacks to end in a blank line; b"" also where that cannot be read."""
    try:
        end = os.pread(fd, 2, max(0, size - 2))
    except OSError:
        return b""
    return b"" if end in (b"", b"\n\n") else b"\n" if end.endswith(b"\n") else b"\n\n"


def _sync_name(path: bytes) -> None:
    """Make the name of a file that may be new durable; in a spool that its user may not read the
    fsync of the new file itself has to do."""
    try:
        sync_directory(os.path.dirname(path) or b".")
    except PermissionError:
        pass


def _lock(fd: int) -> bool:
    """Take the lock; whether that worked. Fatal if somebody has it for too long."""
    try:
        with within(LONGEST_WAIT, _trouble("File has been locked for 30 seconds straight. (#4.3.0)")):
            lock.lock(fd)
    except OSError:
        return False
    return True


def _cut_back(fd: int, size: int) -> None:
    try:
        os.ftruncate(fd, size)
    except OSError:
        pass  # the error that brought us here is the one to tell
