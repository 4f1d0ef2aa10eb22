"""The steps by which one message and its envelope get into the queue, and their order

ORDER is the one table of the steps; each is done before the next begins, and what each leaves behind
when the machine dies after it is in queue/states.py. Source: qmail-queue.c, with the fsync of the
directories that Linux needs for names to be durable.
"""

import itertools
import os
import time

from pymail.formats import envelope, received
from pymail.queue import layout
from pymail.unix import trigger
from pymail.unix.home import Home
from pysvc.unix.files import BLOCK, blocks, sync_directory, write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pymail.unix.background import Once

    Row = tuple[Callable[["Message"], None], int]

ATTEMPTS = 9  # names tried in pid/

TOO_LONG, WRITE_ERROR, READ_ERROR, BAD_ENVELOPE = 11, 53, 54, 91
NO_PID, NO_MESS, NO_INTD, NO_TODO = 63, 64, 65, 66

_names = itertools.count(1)  # of the files in pid/ that this process makes


class Gave(Exception):
    """A step came to an end of its own; `code` is qmail-queue's exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Message:
    """One message on its way into the queue; the methods are the steps of ORDER."""

    __slots__ = ("_common", "_envelope", "_how", "_intd", "_mess", "_now", "_number", "_pid", "_pid_path",
                 "_text", "_uid", "_wanted", "code", "made")  # fmt: skip

    def __init__(
        self,
        home: Home,
        uid: int,
        pid: int,
        source: "tuple[Iterable[bytes], Iterable[bytes]]",
        wanted: "Callable[[], bool]" = lambda: True,
    ) -> None:
        """Fatal if an account is missing.

        uid: who invoked. pid: what the caller knows as its queue program. source: message and envelope, in
        blocks; reading them may raise Gave. wanted: whether the caller is still there.
        """
        self._uid, self._how, self._pid, self._now = uid, how_invoked(home, uid), pid, int(time.time())
        self._text, self._envelope = source
        self._wanted = wanted
        self._mess = self._intd = -1
        self._number = 0
        self._pid_path = ""
        self.code = 0              # qmail-queue's exit code, once something has gone wrong
        self.made: list[str] = []  # what an exit by 53 or 54 takes away again

    def do(self, step: "Callable[[Message], None]", failure: int, common: "Once") -> None:
        """Do one step of ORDER, if all has gone well so far; `code` tells how it went.

        common: what is done in this step for all messages that are queued together.
        """
        if self.code:
            return
        self._common = common
        try:
            step(self)
        except Gave as gave:
            self.code = gave.code
        except OSError:
            self.code = failure

    def create_pid(self) -> None:
        """A file whose inode number becomes the message's number."""
        for attempt in range(1, ATTEMPTS + 1):
            self._pid_path = f"pid/{os.getpid()}.{self._now}.{next(_names)}"
            try:
                self._mess = _create(self._pid_path)
                break
            except OSError:
                if attempt == ATTEMPTS:
                    raise
        self._number = os.fstat(self._mess).st_ino

    def link_mess(self) -> None:
        os.link(self._pid_path, self._path("mess"))

    def unlink_pid(self) -> None:
        os.unlink(self._pid_path)
        self.made.append("mess")

    def copy_message(self) -> None:
        """The Received line, then the message to its end; many small blocks are written together."""
        gathered = [received.queue_received(self._pid, self._how, self._now)]
        size = 0
        for data in self._text:
            gathered.append(data)
            size += len(data)
            if size >= BLOCK:
                write_all(self._mess, b"".join(gathered))
                gathered, size = [], 0
        write_all(self._mess, b"".join(gathered))

    def create_intd(self) -> None:
        self._intd = _create(self._path("intd"))
        self.made.append("intd")

    def copy_envelope(self) -> None:
        records = envelope.Reader()
        block = envelope.opening(self._uid, self._pid)
        try:
            for data in self._envelope:
                block += records.feed(data)
                if len(block) >= BLOCK or records.ended:
                    write_all(self._intd, block)
                    block = b""
                if records.ended:
                    return
        except envelope.Malformed:
            raise Gave(BAD_ENVELOPE) from None
        except envelope.TooLong:
            raise Gave(TOO_LONG) from None
        raise Gave(READ_ERROR)

    def begin_writing(self) -> None:
        """So that one commit of a journal holds all files."""
        for fd in (self._mess, self._intd):
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)

    def sync_mess(self) -> None:
        os.fsync(self._mess)

    def sync_intd(self) -> None:
        os.fsync(self._intd)

    def sync_mess_name(self) -> None:
        """Without this a crash could leave todo without mess: a message stuck for ever."""
        self._sync_name(os.path.dirname(self._path("mess")))

    def still_wanted(self) -> None:
        """Who died before the verdict will come again, so nothing is queued for them."""
        if not self._wanted():
            raise Gave(READ_ERROR)

    def link_todo(self) -> None:
        """Not where the message is gone: to a cleanup whose clock has been set far ahead it is a stray."""
        if not os.fstat(self._mess).st_nlink:
            raise Gave(WRITE_ERROR)
        os.link(self._path("intd"), self._path("todo"))
        self.made.clear()

    def sync_todo_name(self) -> None:
        """Only now is the message accepted."""
        self._sync_name("todo")

    def _sync_name(self, directory: str) -> None:
        self._common.do(directory, lambda: sync_directory(directory))

    def pull_trigger(self) -> None:
        self._common.do(layout.TRIGGER, lambda: trigger.pull("."))

    def clean(self) -> None:
        """Take away what was made, the envelope first; stop where something cannot be removed."""
        for kind in reversed(self.made):
            fd = self._intd if kind == "intd" else self._mess
            try:
                os.ftruncate(fd, 0)
                os.unlink(self._path(kind))
            except OSError:
                break
        self.made.clear()

    def close(self) -> None:
        """Let go of the files; the descriptors that the message came from stay open."""
        for fd in (self._mess, self._intd):
            if fd >= 0:
                os.close(fd)
        self._mess = self._intd = -1

    def _path(self, kind: str) -> str:
        split = kind in layout.SPLIT_DIRECTORIES
        return (layout.split_path if split else layout.flat_path)(kind, self._number)


# Each step is done for all messages that are queued together before the next one begins.
# fmt: off
#   step                     exit code if it fails
ORDER: "tuple[Row, ...]" = (
    (Message.create_pid,     NO_PID),
    (Message.link_mess,      NO_MESS),
    (Message.unlink_pid,     NO_PID),
    (Message.copy_message,   WRITE_ERROR),   # READ_ERROR where it is the reading that fails
    (Message.create_intd,    NO_INTD),
    (Message.copy_envelope,  WRITE_ERROR),   # READ_ERROR, TOO_LONG and BAD_ENVELOPE by what came
    (Message.begin_writing,  WRITE_ERROR),
    (Message.sync_mess,      WRITE_ERROR),
    (Message.sync_intd,      WRITE_ERROR),
    (Message.sync_mess_name, WRITE_ERROR),
    (Message.still_wanted,   READ_ERROR),
    (Message.link_todo,      NO_TODO),
    (Message.sync_todo_name, NO_TODO),
    (Message.pull_trigger,   0),
)
# fmt: on
INDEPENDENT = (Message.sync_mess, Message.sync_intd, Message.sync_mess_name)  # so one wait will do for all
_TOGETHER = [row for row in ORDER if row[0] in INDEPENDENT]
ROUNDS = [_TOGETHER if row in _TOGETHER else [row] for row in ORDER if row not in _TOGETHER[1:]]
CLEANED = (WRITE_ERROR, READ_ERROR)  # exits after which nothing stays; others leave debris for the cleanup


def _create(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)


def source(message: int, envelope: int) -> "tuple[Iterable[bytes], Iterable[bytes]]":
    """What comes on two descriptors."""
    return _read(message), _read(envelope)


def _read(fd: int) -> "Iterator[bytes]":
    try:
        yield from blocks(fd)
    except OSError:
        raise Gave(READ_ERROR) from None


def how_invoked(home: Home, uid: int) -> bytes:
    """The words of the Received line for who invoked qmail-queue. Fatal if an account is missing.

    Where every role is one user the uid tells nothing about the role.
    """
    if home.private:
        return received.by_uid(uid)
    roles = {"alias": received.ALIAS, "qmaild": received.NETWORK, "qmails": received.BOUNCE}
    for role, words in roles.items():
        if uid == home.uid(role):
            return words
    return received.by_uid(uid)
