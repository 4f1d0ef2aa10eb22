"""The server's side of QMTP: any number of messages, an answer for each recipient

    netstring(message) netstring(sender) netstring(netstring(recipient) netstring(recipient) …)

The first byte of a message tells how its lines end: LF, and the rest is stored as it is; or CR, and each
CR LF becomes LF. Source: https://cr.yp.to/proto/qmtp.txt; qmail-qmtpd.c.
"""

from pysvc.formats.netstring import Collector, Decoder, Malformed, Series, TooLong, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pymail.formats.rcpthosts import RecipientHosts

LONGEST_ADDRESS = 999      # bytes
MOST_RECIPIENTS = 100_000  # of one message

NOT_LISTED = b"Dsorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"
BAD_RECIPIENT = b"Dsorry, I can't handle that recipient (#5.1.3)"
BAD_SENDER = b"Dunacceptable sender (#5.1.7)"
TOO_BIG = b"Dsorry, that message size exceeds my databytes limit (#5.3.4)"


class Rules:
    """hosts: whose recipients are accepted. databytes: the most bytes of a message, 0 for no limit. relay:
    what to append to every recipient, then accepted whatever its domain; None for ordinary clients."""

    __slots__ = ("databytes", "hosts", "relay")

    def __init__(self, hosts: "RecipientHosts", databytes: int = 0, relay: bytes | None = None) -> None:
        self.hosts, self.databytes, self.relay = hosts, databytes, relay

    def refusal(self, address: bytes | None) -> bytes:
        """Why a recipient is not accepted, b"" if it is; None stands for one too long to be kept."""
        suffix = self.relay or b""
        if address is None or b"\0" in address or len(address) + len(suffix) > LONGEST_ADDRESS:
            return BAD_RECIPIENT
        if self.relay is None and not self.hosts.allow(address):
            return NOT_LISTED
        return b""


class Envelope:
    """What there is to know of a message; complete once it has ended."""

    __slots__ = ("answers", "recipients", "refusal", "refused", "sender", "size")

    def __init__(self) -> None:
        self.size = 0                       # bytes of the message, as stored
        self.sender = b""
        self.refusal = b""                  # of the message as a whole
        self.recipients: list[bytes] = []   # those that are accepted
        self.refused: list[tuple[bytes, bytes]] = []  # those that are not, each with its answer
        self.answers: list[bytes] = []      # for each recipient; b"": what becomes of the message

    def reply(self, result: bytes) -> bytes:
        """The netstrings to send; result: what became of the message."""
        return b"".join(encode(answer or result) for answer in self.answers)


class Body:
    """The content of a message netstring, in blocks, as it is to be stored. Raises Malformed."""

    __slots__ = ("_dos", "_held", "started")

    def __init__(self) -> None:
        self.started = False
        self._dos = False
        self._held = b""  # a CR that may be half of a line end

    def feed(self, content: bytes) -> bytes:
        if content and not self.started:
            if content[:1] not in (b"\n", b"\r"):
                raise Malformed
            self.started, self._dos = True, content[:1] == b"\r"
            content = content[1:]
        if not self._dos:
            return content
        text = self._held + content
        self._held = b"\r" if text.endswith(b"\r") else b""
        return text[: len(text) - len(self._held)].replace(b"\r\n", b"\n")

    def end(self) -> bytes:
        """What was held back. A message without a first byte is none."""
        if not self.started:
            raise Malformed
        return self._held


class Session:
    """Takes what a client sends; the program owns descriptors, queue and clock.

    idle: between two messages. current: the envelope of the message that is coming.
    """

    __slots__ = ("_body", "_decoder", "_recipients", "_rules", "_sender", "_step", "current", "idle")

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._begin()

    def _begin(self) -> None:
        self.idle = True
        self.current = Envelope()
        self._decoder, self._body = Decoder(), Body()
        self._sender, self._recipients = Collector(LONGEST_ADDRESS), Series(LONGEST_ADDRESS)
        self._step = Session._message  # bound it would be a cycle, which only the collector ends

    def feed(self, data: bytes) -> "Iterator[bytes | Envelope]":
        """Blocks of a message to store, the first one perhaps empty; at its end its Envelope.

        Raises Malformed, TooLong, and what looking a recipient up raises.
        """
        while data:
            self.idle = False
            event, data = self._step(self, data)
            if event is not None:
                yield event

    def _message(self, data: bytes) -> "tuple[bytes | Envelope | None, bytes]":
        stored = self._body.feed(self._decoder.feed(data))
        if self._decoder.done:
            stored += self._body.end()
            self._step = Session._take_sender
        envelope = self.current
        envelope.size += len(stored)
        if 0 < self._rules.databytes < envelope.size:
            envelope.refusal = TOO_BIG
        return stored if self._body.started else None, self._decoder.rest

    def _take_sender(self, data: bytes) -> "tuple[bytes | Envelope | None, bytes]":
        self._sender.feed(data)
        if self._sender.done:
            sender, envelope = self._sender.content, self.current
            envelope.sender = sender or b""
            if sender is None or b"\0" in sender:
                envelope.refusal = envelope.refusal or BAD_SENDER
            self._decoder = Decoder()
            self._step = Session._take_recipients
        return None, self._sender.rest

    def _take_recipients(self, data: bytes) -> "tuple[bytes | Envelope | None, bytes]":
        for address in self._recipients.feed(self._decoder.feed(data)):
            self._add(address)
        if not self._decoder.done:
            return None, b""
        if not self._recipients.idle:
            raise Malformed
        complete, rest = self.current, self._decoder.rest
        self._begin()
        return complete, rest

    def _add(self, address: bytes | None) -> None:
        envelope = self.current
        if len(envelope.answers) == MOST_RECIPIENTS:
            raise TooLong
        refusal = self._rules.refusal(address)
        envelope.answers.append(refusal)
        if refusal:
            envelope.refused.append((address or b"", refusal))
        else:
            envelope.recipients.append((address or b"") + (self._rules.relay or b""))
