"""The client's side of an SMTP conversation

Replies come in; commands, the encoded message and reports go out. A report is what qmail-remote says on
descriptor 1: a letter and a text, for each recipient `r` accepted, `h` refused, `s` refused for now,
then for the message `K`, `D` or `Z`. Source: RFC 5321; qmail-remote manual; qmail-remote.c.
"""

from pymail.formats.address import quote_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator

LONGEST_TEXT = 5000  # bytes of a reply that are kept for a report
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


class Conversation:
    """One message to one server.

    host: the server's address as text. talk() yields what to send next (b"" at first, where only the
    greeting is awaited; then commands; BODY once) and is sent the reply to it. When it ends, or when
    it is given up with died(), `reports` holds every report.
    """

    __slots__ = ("_helo", "_host", "_recipients", "_sender", "reports", "sent")

    def __init__(self, host: bytes, helo: bytes, sender: bytes, recipients: list[bytes]) -> None:
        self._host, self._helo = host, helo
        self._sender, self._recipients = sender, recipients
        self.reports: list[bytes] = []
        self.sent = False  # the final dot may have reached the server, but no reply has come

    def talk(self) -> "Generator[bytes | None, Reply, None]":
        reply = yield b""
        if reply.code != 220:
            return self._connected(b"Z", b"but greeting failed", reply)
        reply = yield b"HELO " + self._helo + b"\r\n"
        if reply.code != 250:
            return self._connected(b"Z", b"but my name was rejected", reply)
        reply = yield b"MAIL FROM:" + _path(self._sender) + b"\r\n"
        if reply.code >= 400:
            return self._connected(_letter(reply), b"but sender was rejected", reply)
        accepted = False
        for recipient in self._recipients:
            reply = yield b"RCPT TO:" + _path(recipient) + b"\r\n"
            accepted |= self._recipient(reply)
        if not accepted:
            return self._report(b"DGiving up on " + self._host, reply)
        reply = yield b"DATA\r\n"
        if reply.code >= 400:
            return self._report(_letter(reply) + self._host + b" failed on DATA command", reply)
        reply = yield BODY
        self.sent = False
        if reply.code >= 400:
            return self._report(_letter(reply) + self._host + b" failed after I sent the message", reply)
        return self._report(b"K" + self._host + b" accepted message", reply)

    def died(self) -> None:
        """The connection broke, ended or timed out."""
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
        self._report(letter + b"Connected to " + self._host + b" " + what, reply)

    def _report(self, text: bytes, reply: Reply) -> None:
        said = b"Remote host said: " + reply.text.replace(b"\0", b"?") if reply.text else b""
        self.reports.append(text + b".\n" + said)


def _path(address: bytes) -> bytes:
    """An address as MAIL and RCPT take it; one without a domain goes as it is."""
    return b"<" + (quote_address(address) if b"@" in address else address) + b">"


def _letter(reply: Reply) -> bytes:
    return b"D" if reply.permanent else b"Z"
