"""Deliver one message into a Maildir

    1  create tmp/NAME, alone     4  link it to new/NAME
    2  write the message          5  unlink tmp/NAME
    3  fsync the file             6  fsync new, which holds the name; now it is delivered

Before all that new is opened: what is short then leaves no message that was delivered and is tried again.
A reader sees the whole message or none, and nothing is locked. NAME is time.pid.host, with pid_1 and so
on for further deliveries of one process: unique as long as a host gives no process id twice in a second;
a name that exists all the same is never overwritten. Source: maildir manual of qmail.
"""

import os
import time

from pymail.delivery.deadline import within
from pymail.delivery.message import Message, Unreadable
from pysvc.unix.files import write_all
from pysvc.unix.strerr import TEMPORARY, Fatal, temporary

ATTEMPTS, PAUSE = 3, 2  # names tried; seconds between them, so that the clock moves on
LONGEST = 86400         # seconds for one delivery; readers remove older files from tmp
HOST_SIZE = 64          # bytes of the host's name that are used

_earlier = 0  # deliveries of this process


def deliver(folder: bytes, head: bytes, message: Message) -> None:
    """Store head and the message in a Maildir.

    folder: the Maildir, with a slash at its end. Fatal if that is not possible now.
    """
    try:
        with within(LONGEST, _trouble("Timeout on maildir delivery. (#4.3.0)")):
            _deliver(folder, head, message)
    except Unreadable:
        raise _trouble("Unable to read message. (#4.3.0)") from None
    except OSError:
        raise _trouble(_why(folder)) from None


def _trouble(text: str) -> Fatal:
    return Fatal(text, TEMPORARY, kind="")


def _why(folder: bytes) -> str:
    try:
        os.stat(folder + b".")
    except OSError as error:
        if not temporary(error):
            return "Unable to chdir to maildir. (#4.2.1)"
    return "Temporary error on maildir delivery. (#4.3.0)"


def _deliver(folder: bytes, head: bytes, message: Message) -> None:
    global _earlier
    new = os.open(folder + b"new", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        name, fd = _create(folder)
        _earlier += 1
        try:
            _fill(fd, head, message)
            os.link(folder + b"tmp/" + name, folder + b"new/" + name)
        finally:
            _unlink(folder + b"tmp/" + name)
        os.fsync(new)
    finally:
        os.close(new)


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


def _fill(fd: int, head: bytes, message: Message) -> None:
    """Write everything and see it on disk; the head in one write with the first block."""
    try:
        for block in message.blocks():
            write_all(fd, head + block)
            head = b""
        write_all(fd, head)
        os.fsync(fd)
    finally:
        os.close(fd)


def _unlink(path: bytes) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass  # readers remove it when it is old enough
