"""maildir2mbox - move the messages of a Maildir into an mbox

Synopsis:    maildir2mbox
Environment: MAILDIR   the Maildir; messages of the current second stay until the next time
             MAIL      the mbox, locked meanwhile
             MAILTMP   a name in the same file system: the new mbox is written there, then moved over MAIL
Exit codes:  0 done, or nothing to do; 111 nothing has changed

MAIL and MAILTMP are relative to MAILDIR. The messages of the Maildir are removed once the new mbox has
taken the place of the old one, durably; one that cannot be removed comes again, and a warning says so.
"""

import os
import time

from pymail.formats import mbox
from pymail.unix.maildir import clean_tmp, messages
from pysvc.unix import lock
from pysvc.unix.files import BLOCK, blocks, sync_directory, write_all
from pysvc.unix.strerr import Fatal, unable_to, warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def main(_argv: list[str]) -> int:
    mail, temporary, folder = map(variable, ("MAIL", "MAILTMP", "MAILDIR"))
    os.umask(0o077)
    with unable_to(f"chdir to {folder}"):
        os.chdir(folder)
    found = scan(int(time.time()))
    if not found:
        return 0
    lock_mbox(mail)
    write(mail, temporary, found)
    with unable_to(f"move {temporary} to {mail}"):
        os.rename(temporary, mail)
        sync_directory(os.path.dirname(mail) or ".")
    for _, path in found:
        try:
            os.unlink(path)
        except OSError as error:
            text = f"$MAILDIR/{os.fsdecode(path)} will be delivered twice; unable to unlink"
            warn("maildir2mbox", text, error)
    return 0


def variable(name: str) -> str:
    value = os.environ.get(name)
    if value is None:
        raise Fatal(f"{name} not set")
    return value


def scan(now: int) -> list[tuple[int, bytes]]:
    """(mtime, path) of the messages, the oldest first."""
    clean_tmp(now)
    found = []
    for folder in (b"new", b"cur"):
        with unable_to(f"scan $MAILDIR/{folder.decode()}"):
            found += [(mtime, path) for mtime, path, _ in messages(folder, now)]
    return sorted(found)


def lock_mbox(mail: str) -> None:
    """Hold the lock on the file that is called `mail`; somebody may move another one there meanwhile."""
    while True:
        with unable_to(f"lock {mail}"):
            fd = lock.open_lock(mail)
            lock.lock(fd)
            try:
                if os.path.samestat(os.stat(mail), os.fstat(fd)):
                    return
            except FileNotFoundError:
                pass
            os.close(fd)


def write(mail: str, temporary: str, found: list[tuple[int, bytes]]) -> None:
    """The old mbox and the messages, in a new file."""
    with unable_to(f"create {temporary}"):
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        out = os.open(temporary, flags, 0o600)
    copy(out, temporary, content(os.fsencode(mail), mail))
    for mtime, path in found:
        copy(out, temporary, as_mbox(content(path, f"$MAILDIR/{os.fsdecode(path)}"), mtime))
    with unable_to(f"write {temporary}"):
        os.fsync(out)
        os.close(out)


def copy(out: int, name: str, source: "Iterator[bytes]") -> None:
    for block in source:
        with unable_to(f"write {name}"):
            write_all(out, block)


def content(path: bytes, name: str) -> "Iterator[bytes]":
    with unable_to(f"read {name}"):
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    source = blocks(fd)
    while True:
        with unable_to(f"read {name}"):
            block = next(source, b"")
        if not block:
            break
        yield block
    os.close(fd)


def as_mbox(message: "Iterator[bytes]", mtime: int) -> "Iterator[bytes]":
    """A message as it stands in an mbox, its last line ended whether or not it was."""
    start = next(message, b"")
    while b"\n" not in start and len(start) < BLOCK and (block := next(message, b"")):
        start += block
    yield mbox.from_line(mbox.sender_of(start.partition(b"\n")[0]), mtime)
    yield from mbox.quoted(_after(start, message))
    yield b"\n"


def _after(start: bytes, rest: "Iterator[bytes]") -> "Iterator[bytes]":
    if start:
        yield start
    yield from rest
