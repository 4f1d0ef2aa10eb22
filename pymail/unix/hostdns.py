"""What DNS says of this host, asked of the name servers in resolv.conf

For programs that an administrator runs once: dnspython takes 80 ms to import.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from dns.resolver import Answer, Resolver

LIFETIME = 5.0  # seconds for one question to all servers


class HostDns:
    """Addresses and names. A server that does not answer is not asked again."""

    __slots__ = ("_resolver",)

    def __init__(self) -> None:
        import dns.exception
        import dns.resolver

        self._resolver: Resolver | None = None
        try:
            self._resolver = dns.resolver.Resolver()
            self._resolver.lifetime = LIFETIME
        except (dns.exception.DNSException, OSError):
            pass  # no resolv.conf: nobody to ask

    def addresses(self, name: str) -> list[str]:
        """The IPv4 addresses of a name, which is completed by the search list; empty if unknown."""
        return [
            record.to_text()
            for answer in self._ask(lambda resolver: resolver.resolve(name, "A", search=True))
            for record in answer
        ]

    def name_of(self, address: str) -> str | None:
        """The name of an IPv4 address; None if unknown."""
        for answer in self._ask(lambda resolver: resolver.resolve_address(address)):
            for record in answer:
                return str(record.target.to_text(omit_final_dot=True))
        return None

    def _ask(self, question: "Callable[[Resolver], Answer]") -> "list[Answer]":
        """The answer, or none."""
        import dns.exception
        import dns.resolver

        if self._resolver is None:
            return []
        try:
            return [question(self._resolver)]
        except (dns.resolver.LifetimeTimeout, dns.resolver.NoNameservers, OSError):
            self._resolver = None
        except dns.exception.DNSException:
            pass  # no such name, or no such record
        return []
