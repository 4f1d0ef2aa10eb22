"""Which channel a recipient takes and under which address; which sender a delivery gets

Source: qmail-send manual (locals, virtualdomains, percenthack, envnoathost); qmail-send.c rewrite,
senderadd, stripvdomprepend. Everything is looked up in lower case; what is kept keeps its case.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

LOCAL, REMOTE = 0, 1  # the channels, as everywhere indices into layout.CHANNELS
VERP_MARK = b"-@[]"   # ends a sender that gets each recipient woven into it


def suffixes(domain: bytes) -> "Iterator[bytes]":
    """The keys by which virtualdomains may know a domain: b.c, .c, and the empty one for all."""
    yield domain
    at = domain.find(b".", 1)
    while at >= 0:
        yield domain[at:]
        at = domain.find(b".", at + 1)
    if domain:
        yield b""


class Rewriter:
    """The rules of one installation. The two sets of rules that SIGHUP renews may be replaced."""

    __slots__ = ("_envnoathost", "_percenthack", "locals", "virtualdomains")

    def __init__(
        self,
        envnoathost: bytes,
        percenthack: frozenset[bytes],
        local_domains: frozenset[bytes],
        virtualdomains: dict[bytes, bytes],
    ) -> None:
        """Keys in lower case. virtualdomains: an empty value makes an exception of its key."""
        self._envnoathost, self._percenthack = envnoathost, percenthack
        self.locals, self.virtualdomains = local_domains, virtualdomains

    def rewrite(self, recipient: bytes) -> tuple[int, bytes]:
        """(channel, address) for a recipient of an envelope."""
        address = self._unhacked(recipient if b"@" in recipient else recipient + b"@" + self._envnoathost)
        domain = address.rpartition(b"@")[2].lower()
        if domain in self.locals:
            return LOCAL, address
        prefix = self._prefix(address.lower(), domain)
        return (LOCAL, prefix + b"-" + address) if prefix else (REMOTE, address)

    def _unhacked(self, address: bytes) -> bytes:
        """user%domain@hack becomes user@domain, as often as the domain is one of percenthack's."""
        at = address.rfind(b"@")
        while address[at + 1 :].lower() in self._percenthack:
            percent = address.rfind(b"%", 0, at)
            if percent < 0:
                break
            address = address[:percent] + b"@" + address[percent + 1 : at]
            at = percent
        return address

    def _prefix(self, address: bytes, domain: bytes) -> bytes:
        """What virtualdomains puts before an address; empty if nothing. The first key found decides."""
        for key in (address, *suffixes(domain)):
            if key in self.virtualdomains:
                return self.virtualdomains[key]
        return b""

    def without_prefix(self, recipient: bytes) -> bytes:
        """A rewritten recipient as the sender knows it, where the prefix came by its domain.

        Prefixes from `user@domain:prefix` lines stay: the address no longer tells of them.
        """
        _, at, domain = recipient.rpartition(b"@")
        for key in suffixes(domain.lower()) if at else ():
            if key in self.virtualdomains:
                prefix = self.virtualdomains[key]
                return recipient.removeprefix(prefix + b"-") if prefix else recipient
        return recipient


def delivery_sender(sender: bytes, recipient: bytes) -> bytes:
    """The sender that a delivery is given: owner-@host-@[] to box@domain is owner-box=domain@host.

    recipient: as rewritten. Source: qmail-send manual, "variable envelope return paths".
    """
    if not sender.endswith(VERP_MARK):
        return sender
    owner, owner_at, host = sender.removesuffix(VERP_MARK).rpartition(b"@")
    box, at, domain = recipient.rpartition(b"@")
    if not owner_at or not at:
        return sender
    return owner + box + b"=" + domain + b"@" + host


def bounce_sender(sender: bytes) -> bytes:
    """The address to which failures of all recipients together are told."""
    return sender.removesuffix(VERP_MARK)
