"""Complete one address of a header: no route, no lone dots, a host, a full domain

Source: qmail-header manual (qmail-inject's rewriting); qmail qmail-inject.c.
"""

from pymail.formats import token822
from pymail.formats.token822 import AT, ATOM, COLON, DOT, LITERAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pymail.formats.token822 import Token

_NO_HOST = [(AT, b"@"), (LITERAL, b"")]  # `@[]` marks senders that only programs use


class Qualifier:
    """Rewrites addresses by the three names that stand in for what is missing."""

    __slots__ = ("_default_domain", "_default_host", "_plus_domain")

    def __init__(self, default_host: bytes, default_domain: bytes, plus_domain: bytes) -> None:
        """Raises token822.Unparsable for a name that cannot stand in an address."""
        self._default_domain = token822.parse(b"." + default_domain)
        self._default_host = token822.parse(b"@" + default_host)
        self._plus_domain = token822.parse(b"." + plus_domain)

    def rewrite(self, address: "list[Token]") -> "list[Token]":
        """The complete address; an empty one stays empty, and so does one that is nothing but a route."""
        if not address or address[-2:] == _NO_HOST:
            return address
        address = _without_route(address)
        for dangling in (DOT, AT):
            if address and address[-1][0] == dangling:
                address = address[:-1]
        if not address:
            return address
        if not any(kind == AT for kind, _ in address):
            address = address + self._default_host
        kind, text = address[-1]
        if kind == ATOM and text.endswith(b"+"):
            address = [*address[:-1], (ATOM, text[:-1]), *self._plus_domain]
        return address if _is_full(address) else address + self._default_domain


def _without_route(address: "list[Token]") -> "list[Token]":
    """`@a,@b:c` is c."""
    if address[0][0] != AT:
        return address
    for position, (kind, _) in enumerate(address):
        if kind == COLON:
            return address[position + 1 :]
    return []


def _is_full(address: "list[Token]") -> bool:
    """Whether the host is a name with a dot, or a literal."""
    for kind, _ in reversed(address):
        if kind in (DOT, LITERAL):
            return True
        if kind == AT:
            return False
    return False
