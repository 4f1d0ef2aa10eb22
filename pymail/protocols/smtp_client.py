"""The client's side of an SMTP conversation

Replies come in; commands, the encoded message and reports go out. A report is what qmail-remote says on
descriptor 1: a letter and a text, for each recipient `r` accepted, `h` refused, `s` refused for now,
then for the message `K`, `D` or `Z`. Source: RFC 5321, RFC 2920; qmail-remote manual; qmail-remote.c.
"""

from pymail.formats.address import quote_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

LONGEST_TEXT = 5000  # bytes of a reply that are kept for a report
GROUP = 4096         # bytes of commands sent at once: the replies fit in what lies between two hosts
GO_AHEAD = 354       # what a server that speaks ESMTP says when it wants the message
PARTIAL_LINE = b"DSMTP cannot transfer messages with partial final lines. (#5.6.2)\n"
UNREADABLE = b"ZUnable to read message. (#4.3.0)\n"


class Reply:
    """code: the first three bytes read as digits, whatever they are; text: all lines, without CR."""

    __slots__ = ("code", "text")

    def __init__(self, code: int, text: bytes) -> None:
        self.code, self.text = code, text

    @property
    def temporary(self) -> bool:
        return 400 <= self.code < 500

    @property
    def permanent(self) -> bool:
        return self.code >= 500


class Replies:
    """Takes blocks from the server, gives replies."""

    __slots__ = ("_code", "_in_line", "_last", "_pending", "_text")

    def __init__(self) -> None:
        self._pending = b""
        self._text = b""
        self._code = 0
        self._in_line = False  # behind the code of a line
        self._last = True      # the line begun is, or the one before was, the last of its reply

    def feed(self, data: bytes) -> Reply | None:
        """A complete reply, or None if more must come; further replies wait for feed(b"")."""
        self._pending += data
        while True:
            if not self._in_line:
                if len(self._pending) < 4:
                    return None
                self._begin_line()
            end = self._pending.find(b"\n") + 1
            self._keep(end or len(self._pending))
            if not end:
                return None
            self._in_line = False
            if self._last:
                reply, self._text = Reply(self._code, self._text), b""
                return reply

    @property
    def silent(self) -> bool:
        """Whether nothing has come behind the last reply."""
        return not self._pending and not self._in_line and self._last

    def _begin_line(self) -> None:
        if self._last:
            self._code = _code(self._pending)
        self._last = self._pending[3:4] != b"-"
        self._in_line = True
        self._keep(3)

    def _keep(self, size: int) -> None:
        taken, self._pending = self._pending[:size], self._pending[size:]
        self._text = (self._text + taken.replace(b"\r", b""))[:LONGEST_TEXT]


def _code(line: bytes) -> int:
    """Three bytes as digits; below "0" wraps around, as unsigned numbers do, to more than 500."""
    code = 0
    for byte in line[:3]:
        code = code * 10 + byte - ord("0")
    return code & 0xFFFFFFFF


class Encoder:
    """A stored message as it goes over the wire: CR LF line ends, dots at line starts doubled.

    CR, LF and CR LF alike end a line, and behind each the next byte is at a line start, so that
    no server, whatever it takes for a line end, can find a command inside a message.
    """

    __slots__ = ("_carriage_return", "_line_start")

    def __init__(self) -> None:
        self._line_start = True
        self._carriage_return = False  # held back: whether LF follows is not known yet

    def feed(self, block: bytes) -> bytes:
        """The bytes to send for one more block of the message."""
        if self._carriage_return:
            block = b"\r" + block
        self._carriage_return = block.endswith(b"\r")
        if self._carriage_return:
            block = block[:-1]
        return self._encode(block.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))

    def _encode(self, lines: bytes) -> bytes:
        if not lines:
            return b""
        dot = b"." if self._line_start and lines.startswith(b".") else b""
        self._line_start = lines.endswith(b"\n")
        return dot + lines.replace(b"\n.", b"\n..").replace(b"\n", b"\r\n")

    def finish(self) -> bytes | None:
        """The end of the message; None if its last line is partial."""
        rest = self._encode(b"\n") if self._carriage_return else b""
        return rest + b".\r\n" if self._line_start else None


BODY = None  # what Conversation yields where the message and its final dot must be sent


class Server:
    """What holds for every message over one connection: the server's address as text, whether both sides
    have introduced themselves, whether EHLO was accepted, and commands are taken in groups."""

    __slots__ = ("extended", "greeted", "host", "pipelining")

    def __init__(self, host: bytes) -> None:
        self.host = host
        self.greeted = self.extended = self.pipelining = False


class Conversation:
    """One message to one server, which may have taken others before.

    talk() yields what to send next (b"" where only a reply is awaited; BODY once) and is sent the reply to
    it. It raises ConnectionAbortedError where the connection must not even be used for QUIT: that is one
    more reason for died(). When it ends, or after died(), `reports` holds every report. The last of them,
    the one on the message, may be there before the end: what follows is taking leave.
    """

    __slots__ = (
        "_helo", "_host", "_recipients", "_sender", "_server",
        "accepted", "begun", "judged", "reports", "sent",
    )  # fmt: skip

    def __init__(self, server: Server, helo: bytes, sender: bytes, recipients: list[bytes]) -> None:
        self._server, self._host, self._helo = server, server.host, helo
        self._sender, self._recipients = sender, recipients
        self.reports: list[bytes] = []
        self.begun = False     # the server has asked for the message
        self.sent = False      # the final dot may have reached the server, but no reply has come
        self.accepted = False  # the message was, and the server may be given another one
        self.judged = False    # the report on the message is there

    def talk(self) -> "Generator[bytes | None, Reply, None]":
        if not self._server.greeted:
            yield from self._introduce()
            if not self._server.greeted:
                return
        sending = iter(self._commands())
        reply = yield next(sending)
        if reply.code >= 400:
            self._connected(_letter(reply), b"but sender was rejected", reply)
            return (yield from self._withdraw(sending))
        accepted = False
        for _ in self._recipients:
            reply = yield next(sending)
            accepted |= self._recipient(reply)
        if not accepted:
            self._judge(b"DGiving up on " + self._host, reply)
            return (yield from self._withdraw(sending))
        reply = yield next(sending)
        if reply.code >= 400:
            return self._judge(_letter(reply) + self._host + b" failed on DATA command", reply)
        if self._server.extended and reply.code != GO_AHEAD:
            raise ConnectionAbortedError  # out of step: what comes next would be taken for the verdict
        self.begun = True
        reply = yield BODY
        self.sent = False
        if reply.code >= 400:
            return self._judge(_letter(reply) + self._host + b" failed after I sent the message", reply)
        self.accepted = True
        return self._judge(b"K" + self._host + b" accepted message", reply)

    def _introduce(self) -> "Generator[bytes | None, Reply, None]":
        """Greeting and EHLO; HELO where the greeting does not say ESMTP, or EHLO is refused."""
        reply = yield b""
        if reply.code != 220:
            return self._connected(b"Z", b"but greeting failed", reply)
        if b"ESMTP" in reply.text.upper():
            reply = yield b"EHLO " + self._helo + b"\r\n"
            self._server.extended = reply.code == 250
            self._server.pipelining = _offers(reply, b"PIPELINING")
        if not self._server.extended and reply.code != 421:
            reply = yield b"HELO " + self._helo + b"\r\n"
        if reply.code != 250:
            return self._connected(b"Z", b"but my name was rejected", reply)
        self._server.greeted = True
        return None

    def _commands(self) -> list[bytes]:
        """What to send before each of the replies to MAIL, every RCPT, and DATA."""
        recipients = [b"RCPT TO:" + _path(recipient) + b"\r\n" for recipient in self._recipients]
        commands = [b"MAIL FROM:" + _path(self._sender) + b"\r\n", *recipients, b"DATA\r\n"]
        return in_groups(commands) if self._server.pipelining else commands

    def _withdraw(self, sending: "Iterator[bytes]") -> "Generator[bytes | None, Reply, None]":
        """Take the replies to commands that are already on their way; answer an empty DATA by its dot.

        If a recipient was accepted all the same, that dot would send an empty message: only the end of the
        connection ends such a transaction. Raises ConnectionAbortedError. Source: RFC 2920 section 3.1.
        """
        replies = []
        for commands in sending:
            if commands:
                return  # neither these nor what would follow has been sent
            replies.append((yield b""))
        *recipients, data = replies
        if data.code >= 400:
            return
        if any(reply.code < 400 for reply in recipients):
            raise ConnectionAbortedError
        yield b".\r\n"

    def died(self) -> None:
        """The connection broke, ended or timed out; of no interest once the message has been judged."""
        if not self.judged:
            duplicate = b"Possible duplicate! " if self.sent else b""
            self.reports.append(
                b"ZConnected to " + self._host + b" but connection died. " + duplicate + b"(#4.4.2)\n"
            )

    def _recipient(self, reply: Reply) -> bool:
        """Report on one recipient; whether it was accepted."""
        if reply.code < 400:
            self.reports.append(b"r")
            return True
        self._report((b"h" if reply.permanent else b"s") + self._host + b" does not like recipient", reply)
        return False

    def _connected(self, letter: bytes, what: bytes, reply: Reply) -> None:
        self._judge(letter + b"Connected to " + self._host + b" " + what, reply)

    def _judge(self, text: bytes, reply: Reply) -> None:
        self._report(text, reply)
        self.judged = True

    def _report(self, text: bytes, reply: Reply) -> None:
        said = b"Remote host said: " + reply.text.replace(b"\0", b"?") if reply.text else b""
        self.reports.append(text + b".\n" + said)


def in_groups(commands: list[bytes]) -> list[bytes]:
    """Commands for a server that takes them in groups: before the reply to the first of a group all of
    the group is sent, before the others nothing. A group is at most GROUP bytes, or one command."""
    sending = [b""] * len(commands)
    first = 0
    for number, command in enumerate(commands):
        if len(sending[first]) + len(command) > GROUP:
            first = number
        sending[first] += command
    return sending


def _offers(reply: Reply, keyword: bytes) -> bool:
    """Whether a reply to EHLO announces an extension."""
    _, *lines = reply.text.upper().split(b"\n")
    return reply.code == 250 and any(line[4:].split()[:1] == [keyword] for line in lines)


def _path(address: bytes) -> bytes:
    """An address as MAIL and RCPT take it; one without a domain goes as it is."""
    return b"<" + (quote_address(address) if b"@" in address else address) + b">"


def _letter(reply: Reply) -> bytes:
    return b"D" if reply.permanent else b"Z"
