"""Addresses of a host that somebody typed: a literal, or a name that DNS knows"""

import os

from pysvc.formats import dns as packets
from pysvc.formats import ip
from pysvc.unix import tcp
from pysvc.unix.strerr import Fatal, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvc.unix import dns


def addresses(host: str, ipv4_only: bool, six: bool) -> list[bytes]:
    """Packed addresses, all of one family, in random order; at least one. Fatal if there is none.

    IPv6 addresses of a name are taken where there is no IPv4 one, or first, if `six`; then IPv4 addresses
    come mapped.
    """
    literal = tcp.ipv6_literal(host) if ":" in host else None
    if literal is not None:
        return [literal]
    from pysvc.unix import dns

    try:
        found = _look_up(dns.Resolver(), os.fsencode(host), ipv4_only, six)
    except OSError as error:
        raise Fatal(f"temporarily unable to figure out IP address for {host}: {reason(error)}") from None
    if not found:
        raise Fatal(f"no IP address for {host}")
    return [ip.mapped(packed) for packed in found] if six else found


def own_address(host: str, ipv4_only: bool, six: bool) -> bytes:
    """The packed address to listen on; that of all interfaces for 0. Fatal if the host has none."""
    if host in ("", "0"):
        return ip.ANY6 if six else ip.ANY4
    return addresses(host, ipv4_only, six)[0]


def _look_up(resolver: "dns.Resolver", name: bytes, ipv4_only: bool, six: bool) -> list[bytes]:
    kinds = (packets.A, packets.AAAA)
    for kind in kinds[:1] if ipv4_only else reversed(kinds) if six else kinds:
        found = resolver.qualified(name, kind)
        if found:
            return found
    return []
