"""POP3 without a socket: the log-in, the session with a mailbox, and messages as they go over the line

The programs own descriptors and files; the sessions here are given commands and say what to answer and
what to do. Source: RFC 1939; qmail-popup.c, qmail-pop3d.c.
"""

from pysvc.formats.number import scan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

END = b"\r\n.\r\n"  # after a message: always one empty line more than the message has
OK = b"+OK \r\n"
UNABLE_TO_OPEN = b"-ERR unable to open that message\r\n"
UNABLE_TO_UNLINK = b"-ERR unable to unlink all deleted messages\r\n"
NO_MAILDIR = b"-ERR this user has no $HOME/Maildir\r\n"
UNABLE_TO_SCAN = b"-ERR unable to scan $HOME/Maildir\r\n"


class LogIn:
    """Until a name and a secret have come; then `name` and `secret` are set, once for a connection."""

    __slots__ = ("_timestamp", "name", "over", "secret")

    def __init__(self, timestamp: bytes) -> None:
        """timestamp: `<pid.time@host>`, which an APOP digest is made with."""
        self._timestamp = timestamp
        self.name = b""
        self.secret: bytes | None = None
        self.over = False  # the client said QUIT

    def greeting(self) -> bytes:
        return b"+OK " + self._timestamp + b"\r\n"

    def command(self, verb: bytes, argument: bytes) -> bytes:
        """The reply; b"" where the answer depends on the secret. verb: in lower case."""
        handler = LOG_IN_VERBS.get(verb)
        return b"-ERR authorization first\r\n" if handler is None else handler(self, argument)

    def handover(self) -> bytes:
        """What the program that checks passwords reads."""
        return b"\0".join((self.name, self.secret or b"", self._timestamp, b""))

    def _user(self, argument: bytes) -> bytes:
        if not argument:
            return b"-ERR syntax error\r\n"
        self.name = argument
        return OK

    def _pass(self, argument: bytes) -> bytes:
        if not self.name:
            return b"-ERR USER first\r\n"
        if not argument:
            return b"-ERR syntax error\r\n"
        self.secret = argument
        return b""

    def _apop(self, argument: bytes) -> bytes:
        name, space, digest = argument.partition(b" ")
        if not space:
            return b"-ERR syntax error\r\n"
        self.name, self.secret = name, digest
        return b""

    def _quit(self, argument: bytes) -> bytes:
        self.over = True
        return OK

    def _noop(self, argument: bytes) -> bytes:
        return OK


LOG_IN_VERBS: "dict[bytes, Callable[[LogIn, bytes], bytes]]" = {
    b"user": LogIn._user,
    b"pass": LogIn._pass,
    b"apop": LogIn._apop,
    b"quit": LogIn._quit,
    b"noop": LogIn._noop,
}


class Message:
    """One message as it was at log-in: its size on disk in bytes, and the name that stays with it."""

    __slots__ = ("deleted", "size", "unique")

    def __init__(self, size: int, unique: bytes) -> None:
        self.size, self.unique = size, unique
        self.deleted = False


class Send:
    """The program sends a message: number from 0; lines of its body, None for all."""

    __slots__ = ("index", "lines")

    def __init__(self, index: int, lines: int | None) -> None:
        self.index, self.lines = index, lines


class Refused(Exception):
    """A message number that cannot be; the reply."""


class Session:
    """The server's side of one conversation about a mailbox; `over` is set by QUIT alone."""

    __slots__ = ("_last", "messages", "over")

    def __init__(self, messages: list[Message]) -> None:
        self.messages = messages
        self._last = 0
        self.over = False

    def command(self, verb: bytes, argument: bytes) -> "Iterator[bytes | Send]":
        """What to send, in order. After QUIT the program updates the mailbox and then says OK."""
        handler = VERBS.get(verb)
        if handler is None:
            yield b"-ERR unimplemented\r\n"
            return
        try:
            yield from handler(self, argument)
        except Refused as refused:
            yield b"-ERR %s\r\n" % refused.args[0]

    def _index(self, argument: bytes) -> int:
        """The message that an argument begins with, from 0. Raises Refused."""
        if not argument[:1].isdigit():
            raise Refused(b"syntax error")
        number = scan(argument)[0]
        if not number:
            raise Refused(b"messages are counted from 1")
        if number > len(self.messages):
            raise Refused(b"not that many messages")
        if self.messages[number - 1].deleted:
            raise Refused(b"already deleted")
        return number - 1

    def _stat(self, argument: bytes) -> "Iterator[bytes | Send]":
        total = sum(message.size for message in self.messages if not message.deleted)
        yield b"+OK %d %d\r\n" % (len(self.messages), total)

    def _list(self, argument: bytes) -> "Iterator[bytes | Send]":
        return self._listing(argument, lambda message: b"%d" % message.size)

    def _uidl(self, argument: bytes) -> "Iterator[bytes | Send]":
        return self._listing(argument, lambda message: message.unique)

    def _listing(self, argument: bytes, what: "Callable[[Message], bytes]") -> "Iterator[bytes | Send]":
        if argument:
            index = self._index(argument)
            yield b"+OK %d %s\r\n" % (index + 1, what(self.messages[index]))
            return
        yield OK + b"".join(
            b"%d %s\r\n" % (number, what(message))
            for number, message in enumerate(self.messages, 1)
            if not message.deleted
        )
        yield b".\r\n"

    def _send(self, argument: bytes) -> "Iterator[bytes | Send]":
        """RETR and TOP: both obey a second number, both send everything without one."""
        index = self._index(argument)
        lines = scan(argument)[1].lstrip(b" ")
        yield Send(index, scan(lines)[0] if lines[:1].isdigit() else None)

    def _dele(self, argument: bytes) -> "Iterator[bytes | Send]":
        index = self._index(argument)
        self.messages[index].deleted = True
        self._last = max(self._last, index + 1)
        yield OK

    def _rset(self, argument: bytes) -> "Iterator[bytes | Send]":
        for message in self.messages:
            message.deleted = False
        self._last = 0
        yield OK

    def _last_deleted(self, argument: bytes) -> "Iterator[bytes | Send]":
        yield b"+OK %d\r\n" % self._last

    def _noop(self, argument: bytes) -> "Iterator[bytes | Send]":
        yield OK

    def _quit(self, argument: bytes) -> "Iterator[bytes | Send]":
        self.over = True
        yield from ()


VERBS: "dict[bytes, Callable[[Session, bytes], Iterator[bytes | Send]]]" = {
    b"stat": Session._stat,
    b"list": Session._list,
    b"uidl": Session._uidl,
    b"retr": Session._send,
    b"top": Session._send,
    b"dele": Session._dele,
    b"rset": Session._rset,
    b"last": Session._last_deleted,
    b"noop": Session._noop,
    b"quit": Session._quit,
}


class Body:
    """A stored message on its way to the client: CR LF line ends, a dot before each leading dot."""

    __slots__ = ("_at_start",)

    def __init__(self) -> None:
        self._at_start = True  # nothing of the line has come yet

    def feed(self, block: bytes) -> bytes:
        """A block of the file as it goes over the line."""
        if not block:
            return b""
        dot = b"." if self._at_start and block.startswith(b".") else b""
        self._at_start = block.endswith(b"\n")
        return dot + block.replace(b"\n.", b"\n..").replace(b"\n", b"\r\n")

    def finish(self) -> bytes:
        """The rest: a line end where the last line has none, and the end of the message."""
        return END if self._at_start else b"\r\n" + END


class Top:
    """Cuts a message off after its header, the empty line, and so many lines of its body."""

    __slots__ = ("_at_start", "_header", "_left", "done")

    def __init__(self, lines: int) -> None:
        self._left = lines
        self._header = True
        self._at_start = True
        self.done = False

    def feed(self, block: bytes) -> bytes:
        """What of a block is still wanted; once `done` is set, nothing more is."""
        body = self._body(block) if self._header else 0
        self._at_start = block.endswith(b"\n")
        if self._header:
            return block
        end = body
        while self._left and end < len(block):
            newline = block.find(b"\n", end)
            if newline < 0:
                return block
            end = newline + 1
            self._left -= 1
        self.done = not self._left
        return block[:end]

    def _body(self, block: bytes) -> int:
        """Where the body begins in a block; the header ends there if it does."""
        if self._at_start and block.startswith(b"\n"):
            start = 1
        else:
            start = block.find(b"\n\n") + 2
            if start < 2:
                return 0
        self._header = False
        return start
