"""Which recipient domains a network server accepts: rcpthosts and morercpthosts.cdb

A domain is accepted if it stands there whole, or if one of its suffixes with the leading dot does.
Source: qmail-smtpd manual; rcpthosts.c.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Lookup(Protocol):
        """A constant database: the data of a key, or None."""

        def find(self, key: bytes) -> bytes | None: ...


def suffixes(host: bytes) -> list[bytes]:
    """The host, then each of its suffixes that begins with a dot."""
    found = [host]
    dot = host.find(b".", 1)
    while dot >= 0:
        found.append(host[dot:])
        dot = host.find(b".", dot + 1)
    return found


class RecipientHosts:
    """hosts: what rcpthosts lists, in lower case; None (no such file) lets every domain pass."""

    __slots__ = ("_hosts", "_more")

    def __init__(self, hosts: "frozenset[bytes] | None", more: "Lookup | None" = None) -> None:
        self._hosts, self._more = hosts, more

    def allow(self, address: bytes) -> bool:
        """Whether a recipient may pass; one without `@` always may. Raises what `more` raises."""
        _, at, host = address.rpartition(b"@")
        if self._hosts is None or not at:
            return True
        if not host:
            return False
        names = suffixes(host.lower())
        if any(name in self._hosts for name in names):
            return True
        return self._more is not None and any(self._more.find(name) is not None for name in names)
