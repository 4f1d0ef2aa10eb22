"""qmail-pop3d - give out a Maildir by POP3

Serves one client, connected to descriptors 0 and 1, that has logged in: qmail-popup and checkpassword
start it as the user, in the user's home directory.

Synopsis:    qmail-pop3d maildirname
Files:       maildirname/new, maildirname/cur   the messages; those of the current second come next time
             maildirname/tmp                    files that nobody has used for 36 hours are removed
Environment: TCPREMOTEIP, USER   who is connected, and who the user is; for the log
Exit codes:  0 the conversation is over, however; 1 invoked as root

QUIT removes what was deleted and moves all that is left in new to cur. A conversation that ends
otherwise changes nothing. Log: one line on descriptor 2 at the end,

    qmail-pop3d: PID END from IP user NAME messages N bytes B retrieved R deleted D

END is `quit`, or why it ended otherwise: `connection lost`, `timeout`, `no maildir`. Of a command line 65536
bytes are kept.
"""

import os
import stat
import time

from pymail.formats import logline, maildir
from pymail.protocols import pop3
from pymail.protocols.commands import Commands
from pymail.unix.connection import Connection
from pymail.unix.maildir import clean_tmp, messages
from pysvc.unix import signals
from pysvc.unix.files import BLOCK

TIMEOUT = 1200  # seconds


class Unusable(Exception):
    """The mailbox cannot be served; the reply."""


def main(argv: list[str]) -> int:
    signals.ignore(signals.SIGPIPE)
    if not os.geteuid():
        _log(b"qmail-pop3d invoked as uid 0, terminating")
        return 1
    if stat.S_ISSOCK(os.fstat(1).st_mode):
        os.set_blocking(1, False)  # so that large blocks can be written
    server = Server(Connection(0, 1, TIMEOUT))
    why = b"connection lost"
    try:
        server.open(argv[1] if len(argv) > 1 else "")
        why = server.converse()
    except Unusable as unusable:
        why = b"no maildir"
        server.last_word(unusable.args[0])
    except TimeoutError:
        why = b"timeout"
    except OSError:
        pass
    except MemoryError:
        why = b"out of memory"
        server.last_word(b"-ERR out of memory\r\n")
    server.log(why)
    return 0


class Server:
    """One client and the mailbox in the current directory."""

    __slots__ = ("_commands", "_connection", "_paths", "_retrieved", "_session")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._commands = Commands()
        self._session = pop3.Session([])
        self._paths: list[bytes] = []  # of the messages, in the same order
        self._retrieved = 0

    def open(self, name: str) -> None:
        """Look what messages there are. Raises Unusable."""
        try:
            os.chdir(name)
        except OSError:
            raise Unusable(pop3.NO_MAILDIR) from None
        now = int(time.time())
        clean_tmp(now)
        try:
            found = sorted(entry for folder in (b"new", b"cur") for entry in messages(folder, now))
        except OSError:
            raise Unusable(pop3.UNABLE_TO_SCAN) from None
        self._paths = [path for _, path, _ in found]
        self._session = pop3.Session(
            [pop3.Message(size, maildir.unique(os.path.basename(path))) for _, path, size in found]
        )

    def converse(self) -> bytes:
        """Talk until the end; how it ended. Raises OSError, TimeoutError."""
        self._connection.send(pop3.OK)
        while block := self._connection.read():
            for verb, argument in self._commands.feed(block):
                for answer in self._session.command(verb, argument):
                    if isinstance(answer, bytes):
                        self._connection.send(answer)
                    else:
                        self._send(answer)
                if self._session.over:
                    self._update()
                    self._connection.flush()
                    return b"quit"
        return b"connection lost"

    def last_word(self, reply: bytes) -> None:
        """Say something to a client that may have gone."""
        try:
            self._connection.send(reply)
            self._connection.flush()
        except OSError:
            pass

    def log(self, why: bytes) -> None:
        """The line about this conversation."""
        messages = self._session.messages
        deleted = sum(message.deleted for message in messages)
        numbers = (len(messages), sum(message.size for message in messages), self._retrieved, deleted)
        ip, user = (
            logline.field(os.environb.get(name, b"unknown")) for name in (b"TCPREMOTEIP", b"USER")
        )
        who = b"qmail-pop3d: %d %s from %s user %s" % (os.getpid(), why, ip, user)
        _log(who + b" messages %d bytes %d retrieved %d deleted %d" % numbers)

    def _send(self, wanted: pop3.Send) -> None:
        """One message, or why not. Raises OSError: what has begun cannot be taken back."""
        try:
            fd = os.open(self._paths[wanted.index], os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            self._connection.send(pop3.UNABLE_TO_OPEN)
            return
        try:
            self._transmit(fd, wanted.lines)
        finally:
            os.close(fd)
        self._retrieved += 1

    def _transmit(self, fd: int, lines: int | None) -> None:
        body = pop3.Body()
        top = None if lines is None else pop3.Top(lines)
        try:
            block = os.read(fd, BLOCK)
        except IsADirectoryError:
            self._connection.send(pop3.UNABLE_TO_OPEN)
            return
        self._connection.send(pop3.OK)
        while block:
            self._connection.send(body.feed(block if top is None else top.feed(block)))
            if top is not None and top.done:
                break
            block = os.read(fd, BLOCK)
        self._connection.send(body.finish())

    def _update(self) -> None:
        """What QUIT does to the mailbox."""
        for path, message in zip(self._paths, self._session.messages, strict=True):
            folder, name = os.path.split(path)
            if message.deleted:
                try:
                    os.unlink(path)
                except OSError:
                    self._connection.send(pop3.UNABLE_TO_UNLINK)
            elif folder == b"new":
                try:
                    os.rename(path, b"cur/" + maildir.seen_by_server(name))
                except OSError:
                    pass  # somebody else was faster
        self._connection.send(pop3.OK)


def _log(line: bytes) -> None:
    try:
        os.write(2, line + b"\n")
    except OSError:
        pass  # a log that is gone is no reason to keep mail from its owner
