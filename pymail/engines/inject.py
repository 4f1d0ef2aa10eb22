"""What qmail-inject makes of a message: its new header, its sender, its recipients

The program feeds the fields in order and asks for the results at the end; it owns the clock, the
environment and the descriptors. Source: qmail-inject and qmail-header manuals; qmail-inject.c.
"""

import time

from pymail.engines.qualify import Qualifier
from pymail.formats import token822
from pymail.formats.address import needs_quotes, quote_address
from pymail.formats.addresslist import BadList, rewrite_list
from pymail.formats.date import date822
from pymail.formats.token822 import AT, ATOM, COLON, COMMENT, LEFT, QUOTE, RIGHT, Unparsable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from pymail.formats.token822 import Token

# Whose addresses a field holds, and whether it stays in the header.
NOBODYS, RECIPIENTS, RESENT_RECIPIENTS, SENDERS = range(4)
ADDRESS_FIELDS = {
    b"to":           (RECIPIENTS, True),         b"resent-to":         (RESENT_RECIPIENTS, True),
    b"cc":           (RECIPIENTS, True),         b"resent-cc":         (RESENT_RECIPIENTS, True),
    b"bcc":          (RECIPIENTS, False),        b"resent-bcc":        (RESENT_RECIPIENTS, False),
    b"apparently-to": (RECIPIENTS, True),        b"return-path":       (SENDERS, False),
    b"from":         (NOBODYS, True),            b"resent-from":       (NOBODYS, True),
    b"sender":       (NOBODYS, True),            b"resent-sender":     (NOBODYS, True),
    b"reply-to":     (NOBODYS, True),            b"resent-reply-to":   (NOBODYS, True),
    b"errors-to":    (NOBODYS, True),            b"return-receipt-to": (NOBODYS, True),
}  # fmt: skip
RESENT = frozenset((
    b"resent-sender", b"resent-from", b"resent-reply-to", b"resent-to", b"resent-cc", b"resent-bcc",
    b"resent-date", b"resent-message-id",
))  # fmt: skip
DROPPED = {ord("s"): b"return-path", ord("f"): b"from", ord("i"): b"message-id"}  # by letters of QMAILINJECT
NAME_AS_COMMENT, PER_RECIPIENT, PER_MESSAGE = b"crm"  # more of these letters
ARGUMENTS, HEADER, BOTH, EITHER = "a", "h", "H", "A"  # where the recipients are: the program's options
VERP = b"-@[]"  # the end of a sender that qmail-send rewrites for each recipient


class Injection:
    """One message. Every method raises Unparsable for what is no address or list of addresses."""

    __slots__ = (
        "_arguments", "_dropped", "_env", "_flags", "_followup", "_header_recipients", "_hosts", "_now",
        "_pid", "_qualifier", "_saved", "_seen", "_sender", "_shown",
    )  # fmt: skip

    def __init__(
        self,
        env: "Mapping[bytes, bytes]",
        hosts: "Mapping[str, bytes]",
        now: int,
        pid: int,
        followup: "frozenset[bytes] | None" = None,
    ) -> None:
        """hosts: the values of defaulthost, defaultdomain, plusdomain and idhost. now: seconds.
        followup: the user's mailing lists, in lower case, if he keeps such a list."""
        self._env, self._hosts, self._now, self._pid, self._followup = env, hosts, now, pid, followup
        self._qualifier = Qualifier(hosts["defaulthost"], hosts["defaultdomain"], hosts["plusdomain"])
        self._flags = env.get(b"QMAILINJECT", b"")
        self._dropped = {name for letter, name in DROPPED.items() if letter in self._flags}
        self._seen: set[bytes] = set()
        self._saved: list[bytes] = []
        self._sender: bytes | None = None
        self._arguments: list[bytes] = []
        self._header_recipients: dict[int, list[bytes]] = {RECIPIENTS: [], RESENT_RECIPIENTS: []}
        self._shown: list[bytes] = []  # the addresses of To and Cc

    def set_sender(self, address: bytes) -> None:
        """The sender as an option gives it."""
        self._sender = self._one(address)

    def add_recipient(self, address: bytes) -> None:
        """A recipient as an argument gives it: one address, whatever commas it holds."""
        self._arguments.append(self._one(address))

    def field(self, name: bytes, field: bytes) -> None:
        """The next field of the header. name: in lower case."""
        if name in self._dropped:
            return
        self._seen.add(name)
        if name in ADDRESS_FIELDS:
            owner, kept = ADDRESS_FIELDS[name]
            line, addresses = self._rewrite(field)
            if kept:
                self._saved.append(line)
            self._note(name, owner, addresses)
        elif name != b"content-length":
            self._saved.append(field)

    def _note(self, name: bytes, owner: int, addresses: list[bytes]) -> None:
        if owner == SENDERS:
            if self._sender is None and addresses:
                self._sender = addresses[0] + (VERP if PER_RECIPIENT in self._flags else b"")
        elif owner != NOBODYS:
            self._header_recipients[owner] += addresses
            if name in (b"to", b"cc"):
                self._shown += addresses

    def header(self) -> bytes:
        """The new header: what was missing, then the fields that stay, in their order."""
        resent = b"Resent-" if self._resent() else b""
        new = []
        if not self._has(resent + b"Date"):
            new.append(b"%sDate: %s\n" % (resent, date822(self._now)))
        if not self._has(resent + b"Message-ID"):
            new.append(resent + self._message_id())
        if not self._has(resent + b"From"):
            new.append(resent + self._from())
        if not self._has(resent + b"To") and not self._has(resent + b"Cc"):
            new.append(resent + b"Cc: recipient list not shown: ;\n")
        if not resent and self._concerns_list() and not self._has(b"Mail-Followup-To"):
            new.append(b"Mail-Followup-To: %s\n" % b",\n  ".join(map(quote_address, reversed(self._shown))))
        return b"".join(new + self._saved)

    def sender(self) -> bytes:
        """The envelope sender."""
        return self._default_sender() if self._sender is None else self._sender

    def recipients(self, where: str) -> list[bytes]:
        """The envelope recipients: arguments first, then those of the header, each field from its end."""
        if where == EITHER:
            where = ARGUMENTS if self._arguments else HEADER
        found = [] if where == HEADER else self._arguments
        if where == ARGUMENTS:
            return found
        return found + self._header_recipients[RESENT_RECIPIENTS if self._resent() else RECIPIENTS]

    def _has(self, name: bytes) -> bool:
        return name.lower() in self._seen

    def _resent(self) -> bool:
        return not RESENT.isdisjoint(self._seen)

    def _concerns_list(self) -> bool:
        followup = self._followup
        return followup is not None and any(address.lower() in followup for address in self._shown)

    def _one(self, address: bytes) -> bytes:
        """A complete address from a raw one."""
        return _plain(self._qualifier.rewrite(token822.parse(quote_address(address))))

    def _rewrite(self, field: bytes) -> tuple[bytes, list[bytes]]:
        """A field with its addresses completed, and the addresses, the rightmost first."""
        try:
            tokens, addresses = rewrite_list(token822.parse(field), self._qualifier.rewrite)
        except BadList:
            raise Unparsable(field) from None
        return token822.render(tokens), [_plain(address) for address in addresses]

    def _message_id(self) -> bytes:
        t = time.gmtime(self._now)
        stamp = b"%d%02d%02d%02d%02d%02d" % t[:6]
        return b"Message-ID: <%s.%d.qmail@%s>\n" % (stamp, self._pid, self._hosts["idhost"])

    def _first(self, *names: bytes) -> bytes | None:
        """The first of some variables that is set, even if it is empty."""
        for name in names:
            if name in self._env:
                return self._env[name]
        return None

    def _user(self) -> bytes:
        user = self._first(b"QMAILUSER", b"MAILUSER", b"USER", b"LOGNAME")
        return b"anonymous" if user is None else user

    def _host(self) -> bytes | None:
        return self._first(b"QMAILHOST", b"MAILHOST")

    def _from(self) -> bytes:
        """The From field for a message that has none."""
        address = _address(self._user(), self._host())
        name = self._first(b"QMAILNAME", b"MAILNAME", b"NAME")
        if name is not None and NAME_AS_COMMENT in self._flags:
            address = [*address, (COMMENT, name)]
        elif name is not None:
            address = [(QUOTE, name), (LEFT, b"<"), *address, (RIGHT, b">")]
        return self._rewrite(token822.render([(ATOM, b"From"), (COLON, b":"), *address]))[0]

    def _default_sender(self) -> bytes:
        user = self._first(b"QMAILSUSER")
        host = self._first(b"QMAILSHOST")
        user = self._user() if user is None else user
        per_recipient = PER_RECIPIENT in self._flags
        if PER_MESSAGE in self._flags:
            user += b"-%d.%d" % (self._now, self._pid)
        if per_recipient:
            user += b"-"
        tokens = token822.parse(token822.render(_address(user, self._host() if host is None else host)))
        return _plain(self._qualifier.rewrite(tokens)) + (VERP if per_recipient else b"")


def _address(user: bytes, host: bytes | None) -> "list[Token]":
    """An address whose parts are not parsed yet: to be rendered, then parsed."""
    tokens = [(QUOTE if needs_quotes(user) else ATOM, user)]
    return tokens if host is None else [*tokens, (AT, b"@"), (ATOM, host)]


def _plain(address: "list[Token]") -> bytes:
    """An address for the envelope, which ends at a zero byte."""
    return token822.unquote(address).partition(b"\0")[0]
