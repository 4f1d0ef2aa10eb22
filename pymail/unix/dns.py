"""MX and address look-ups by the system's resolv.conf

A failure is one of two: Temporary where nobody can tell now, Unknown where DNS says that there is no
such name, or no record of that type. Names are bytes and absolute: search domains are not tried.
dnspython takes 80 ms to load; that happens at the first look-up, or by load() in a process that will
fork many that look up. Source: RFC 5321 section 5.1; RFC 1035; qmail dns.c.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from dns.resolver import Resolver

PATIENCE = 30.0  # seconds for one look-up, over all servers and attempts
LONGEST_TTL = 0x7FFFFFFF  # seconds; RFC 2181 section 8
LOCAL_SERVER = "127.0.0.1"  # asked where resolv.conf names no server, as the C library does


class Temporary(Exception):
    """No answer now: time ran out, no server was reached, or none gave a sound answer."""


class Unknown(Exception):
    """There is no such name, or no such record."""


def load() -> None:
    """Import dnspython, for the processes forked later; no configuration is read yet."""
    import dns.rdtypes.ANY.MX
    import dns.rdtypes.IN.A
    import dns.resolver  # noqa: F401


def system_resolver() -> "Resolver":
    """A resolver as resolv.conf says now. Raises Temporary."""
    import dns.resolver

    try:
        return dns.resolver.Resolver()
    except dns.resolver.NoResolverConfiguration:
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = [LOCAL_SERVER]
        return resolver
    except (OSError, ValueError) as error:
        raise Temporary from error


class Lookups:
    """Asks one resolver, by default the system's.

    lasting: for how many seconds at least all that was answered holds (TTL).
    """

    __slots__ = ("_resolver", "lasting")

    def __init__(self, resolver: "Resolver | None" = None) -> None:
        self._resolver = resolver
        self.lasting = LONGEST_TTL

    def exchangers(self, host: bytes) -> list[tuple[int, bytes]]:
        """(preference, name) of each MX, in the order of the answer; none where the answer holds no MX.

        Raises Temporary, Unknown.
        """
        return [
            (record.preference, b".".join(record.exchange.labels).rstrip(b"."))
            for record in self._query(host, "MX")
        ]

    def addresses(self, host: bytes) -> list[bytes]:
        """The IPv4 addresses of a host, 4 bytes each, in the order of the answer.

        None where the answer holds only aliases. Raises Temporary, Unknown.
        """
        return [bytes(map(int, record.address.split("."))) for record in self._query(host, "A")]

    def _query(self, host: bytes, kind: str) -> "list[Any]":
        import dns.exception
        import dns.name
        import dns.resolver

        try:
            name = dns.name.Name((*host.removesuffix(b".").split(b"."), b""))
        except dns.exception.DNSException as error:
            raise Unknown from error  # an empty label, or one too long: no such name can exist
        if self._resolver is None:
            self._resolver = system_resolver()
        try:
            answer = self._resolver.resolve(
                name, kind, raise_on_no_answer=False, lifetime=PATIENCE, search=False
            )
        except (dns.resolver.NXDOMAIN, dns.resolver.YXDOMAIN) as error:
            raise Unknown from error
        except (dns.exception.DNSException, OSError) as error:
            raise Temporary from error
        if not answer.response.answer:
            raise Unknown
        self.lasting = min(self.lasting, answer.chaining_result.minimum_ttl)
        return list(answer.rrset or ())
