"""The server's side of an SMTP conversation

No descriptors and no clock here: commands and blocks of the message come in, replies and bytes to
store go out. Source: RFC 5321; qmail-smtpd.c.
"""

from pymail.formats import ip4, smtp_path
from pymail.formats.received import Peer, network_received
from pymail.formats.verdict import PERMANENT, exit_code
from pymail.protocols.smtp_data import RECEIVING, STRAY, Scanner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from pymail.formats.rcpthosts import RecipientHosts

MAXHOPS = 100  # as many lines that tell of a hop are a loop
MOST_RECIPIENTS = 100_000  # of one message

CONTROLS_UNREADABLE = b"421 unable to read controls (#4.3.0)\r\n"
ADDRESSES_UNKNOWN = b"421 unable to figure out my IP addresses (#4.3.0)\r\n"
NO_MEMORY = b"421 out of memory (#4.3.0)\r\n"
TIMEOUT = b"451 timeout (#4.4.2)\r\n"
STRAY_NEWLINE = b"451 See https://cr.yp.to/docs/smtplf.html.\r\n"
GO_AHEAD = b"354 go ahead\r\n"
OK = b"250 ok\r\n"
FLUSHED = b"250 flushed\r\n"
HELP = b"214 this is the qmail-smtpd of pymail; it speaks RFC 5321\r\n"
VRFY = b"252 send some mail, i'll try my best\r\n"
UNIMPLEMENTED = b"502 unimplemented (#5.5.1)\r\n"
MAIL_FIRST = b"503 MAIL first (#5.5.1)\r\n"
RCPT_FIRST = b"503 RCPT first (#5.5.1)\r\n"
SYNTAX = b"555 syntax error (#5.5.4)\r\n"
BAD_SENDER = b"553 sorry, your envelope sender is in my badmailfrom list (#5.7.1)\r\n"
NOT_MY_DOMAIN = b"553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)\r\n"
TOO_MANY = b"452 too many recipients (#4.5.3)\r\n"
LOOPING = b"554 too many hops, this message is looping (#5.4.6)\r\n"
TOO_BIG = b"552 sorry, that message size exceeds my databytes limit (#5.3.4)\r\n"


class Rules:
    """What the control files and the environment say.

    bad_senders: keys in lower case. databytes: the most bytes of a message, 0 for no limit. relay: what
    to append to every recipient, then accepted whatever its domain; None for ordinary clients.
    my_host: what stands for `@[address]` where the address (4 bytes) is one of my_addresses.
    """

    __slots__ = ("bad_senders", "databytes", "greeting", "hosts", "my_addresses", "my_host", "relay")

    def __init__(
        self,
        greeting: bytes,
        hosts: "RecipientHosts",
        *,
        bad_senders: "frozenset[bytes]" = frozenset(),
        databytes: int = 0,
        relay: bytes | None = None,
        my_host: bytes | None = None,
        my_addresses: "Container[bytes]" = frozenset(),
    ) -> None:
        self.greeting, self.hosts, self.bad_senders = greeting, hosts, bad_senders
        self.databytes, self.relay = databytes, relay
        self.my_host, self.my_addresses = my_host, my_addresses

    def address(self, address: bytes) -> bytes | None:
        """What an address that MAIL or RCPT names stands for; None if that is too long."""
        local, at, domain = address.rpartition(b"@")
        if self.my_host is not None and at:
            literal = ip4.parse_bracketed(domain)
            if literal is not None and literal in self.my_addresses:
                address = local + at + self.my_host
        return address if len(address) <= smtp_path.LONGEST else None

    def refuse_sender(self, sender: bytes) -> bool:
        """Whether a sender stands in badmailfrom, whole or as `@domain`."""
        if not self.bad_senders:
            return False
        address = sender.lower()
        _, at, domain = address.rpartition(b"@")
        return address in self.bad_senders or (bool(at) and at + domain in self.bad_senders)


class Session:
    """One client's conversation.

    command() gives the reply to one command. After it, `transfer` is a Transfer if the message follows
    (the reply was 354), and `over` is true if the client said QUIT. `sender`, `address` (the last one
    named) and `helo` are for the log.
    """

    __slots__ = ("_peer", "_refused", "_rules", "address", "helo", "over", "recipients", "sender", "transfer")

    def __init__(self, rules: Rules, peer: Peer) -> None:
        self._rules, self._peer = rules, peer
        self.helo: bytes | None = None
        self.sender: bytes | None = None  # None before MAIL
        self.recipients: list[bytes] = []
        self.address = b""
        self._refused = False             # the sender stands in badmailfrom: told at RCPT
        self.transfer: Transfer | None = None
        self.over = False

    def greet(self) -> bytes:
        """What the server says first."""
        return b"220 " + self._rules.greeting + b" ESMTP\r\n"

    def command(self, verb: bytes, argument: bytes) -> bytes:
        """The reply to one command; verb in lower case."""
        handler = VERBS.get(verb)
        return UNIMPLEMENTED if handler is None else handler(self, argument)

    def _reset(self) -> None:
        self.sender, self.recipients, self._refused = None, [], False

    def _helo(self, argument: bytes) -> bytes:
        self._reset()
        self.helo = argument
        return b"250 " + self._rules.greeting + b"\r\n"

    def _ehlo(self, argument: bytes) -> bytes:
        self._reset()
        self.helo = argument
        return b"250-" + self._rules.greeting + b"\r\n250-PIPELINING\r\n250 8BITMIME\r\n"

    def _mail(self, argument: bytes) -> bytes:
        self.address = smtp_path.parse(argument)
        sender = self._rules.address(self.address)
        if sender is None:
            return SYNTAX
        self._reset()
        self.sender = self.address = sender
        self._refused = self._rules.refuse_sender(sender)
        return OK

    def _rcpt(self, argument: bytes) -> bytes:
        if self.sender is None:
            return MAIL_FIRST
        self.address = smtp_path.parse(argument)
        address = self._rules.address(self.address)
        if address is None:
            return SYNTAX
        if self._refused:
            return BAD_SENDER
        if self._rules.relay is not None:
            address += self._rules.relay
        elif not self._rules.hosts.allow(address):
            return NOT_MY_DOMAIN
        if len(self.recipients) == MOST_RECIPIENTS:
            return TOO_MANY
        self.recipients.append(address)
        return OK

    def _data(self, _argument: bytes) -> bytes:
        if self.sender is None:
            return MAIL_FIRST
        if not self.recipients:
            return RCPT_FIRST
        self.transfer = Transfer(self.sender, self.recipients, self._rules.databytes)
        self._reset()
        return GO_AHEAD

    def received(self, now: int) -> bytes:
        """The header lines to put before a message. now: Unix seconds."""
        peer = self._peer
        return network_received(
            b"SMTP", peer.local, remote_host=peer.host, remote_ip=peer.ip,
            helo=self.helo, info=peer.info, now=now,
        )  # fmt: skip

    def _quit(self, _argument: bytes) -> bytes:
        self.over = True
        return b"221 " + self._rules.greeting + b"\r\n"

    def _rset(self, _argument: bytes) -> bytes:
        self._reset()
        return FLUSHED


class Transfer:
    """One message on its way in: feed() it blocks while `receiving`, then ask for the reply().

    `rest` is what the client sent behind the message.
    """

    __slots__ = ("_databytes", "_scanner", "recipients", "sender")

    def __init__(self, sender: bytes, recipients: list[bytes], databytes: int) -> None:
        self.sender, self.recipients = sender, recipients
        self._databytes = databytes
        self._scanner = Scanner()

    def feed(self, block: bytes) -> bytes:
        """The bytes to store for a block from the client."""
        return self._scanner.feed(block)

    @property
    def receiving(self) -> bool:
        return self._scanner.state == RECEIVING

    @property
    def stray(self) -> bool:
        """Whether a LF without CR came: the connection ends, with STRAY_NEWLINE as its last reply."""
        return self._scanner.state == STRAY

    @property
    def rest(self) -> bytes:
        return self._scanner.rest

    @property
    def size(self) -> int:
        """Bytes of the message, as stored."""
        return self._scanner.size

    @property
    def refusal(self) -> bytes:
        """The reply that this message has earned so far, whatever still comes; b"" if it is fine."""
        if self._scanner.hops >= MAXHOPS:
            return LOOPING
        return TOO_BIG if self._databytes and self.size > self._databytes else b""

    def reply(self, text: bytes, qp: int, now: int) -> bytes:
        """The reply after the final dot. text and qp: the queue's receipt. now: Unix seconds."""
        if not text:
            return b"250 ok %d qp %d\r\n" % (now, qp)
        code = b"554 " if exit_code(text) == PERMANENT else b"451 "
        return code + text[1:] + b"\r\n"


VERBS: "dict[bytes, Callable[[Session, bytes], bytes]]" = {
    b"helo": Session._helo,
    b"ehlo": Session._ehlo,
    b"mail": Session._mail,
    b"rcpt": Session._rcpt,
    b"data": Session._data,
    b"rset": Session._rset,
    b"noop": lambda session, argument: OK,
    b"vrfy": lambda session, argument: VRFY,
    b"help": lambda session, argument: HELP,
    b"quit": Session._quit,
}
