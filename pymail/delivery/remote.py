"""The way to another host: which addresses take its mail, and which of them takes a connection

What does not lead anywhere raises Undeliverable with the report for qmail-rspawn. Source: RFC 5321
section 5.1; qmail-remote manual; qmail-remote.c.
"""

import _socket
import errno
import os
import select

from pymail.formats import ip4
from pymail.unix import dns
from pysvc.formats import ip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pymail.unix.tcpto import Timeouts

RESOURCES = b"ZSystem resources temporarily unavailable. (#4.3.0)\n"
NO_CONNECTION = b"ZSorry, I wasn't able to establish an SMTP connection. (#4.4.1)\n"
NO_DNS = b"ZSorry, I couldn't find any host by that name. (#4.1.2)\n"
NO_EXCHANGER = b"DSorry, I couldn't find a mail exchanger or IP address. (#5.4.4)\n"
NO_HOST = b"DSorry, I couldn't find any host named %s. (#5.1.2)\n"
MYSELF = (
    b"DSorry. Although I'm listed as a best-preference MX or A for that host,\n"
    b"it isn't in my control/locals file, so I don't treat it as local. (#5.4.6)\n"
)
_VISIBLE = bytes(byte if 33 <= byte <= 126 else ord("?") for byte in range(256))


class Undeliverable(Exception):
    """The report that says why there was no conversation."""

    def __init__(self, report: bytes) -> None:
        super().__init__(report)
        self.report = report


def find(lookups: dns.Lookups, host: bytes, routed: bool) -> list[tuple[int, bytes]]:
    """(preference, address) of each place that takes a host's mail, the best first.

    routed: the host is the relay of a route, so that its MX records are not asked for.
    Raises Undeliverable.
    """
    literal = ip4.parse_literal(host)
    if literal is not None:
        return [(0, literal)]
    try:
        found = _by_address(lookups, host) if routed else _by_exchanger(lookups, host)
    except dns.Temporary:
        raise Undeliverable(NO_DNS) from None
    except dns.Unknown:
        raise Undeliverable(NO_HOST % host.translate(_VISIBLE)) from None
    if not found:
        raise Undeliverable(NO_EXCHANGER)
    return found


def _by_address(lookups: dns.Lookups, host: bytes) -> list[tuple[int, bytes]]:
    return [(0, address) for address in lookups.addresses(host)]


def _by_exchanger(lookups: dns.Lookups, host: bytes) -> list[tuple[int, bytes]]:
    try:
        exchangers = lookups.exchangers(host)
    except dns.Unknown:
        exchangers = []
    if not exchangers:
        return _by_address(lookups, host)
    found, unsure = [], False
    for preference, name in _shuffled(exchangers):
        literal = ip4.parse_literal(name)
        try:
            if literal is not None:
                found.append((0, literal))
            elif name:  # the empty name is the null MX of RFC 7505: no mail at all
                found += [(preference, address) for address in lookups.addresses(name)]
        except dns.Unknown:
            pass
        except dns.Temporary:
            unsure = True
    if unsure and not found:
        raise dns.Temporary
    return found


def _shuffled(exchangers: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """By preference, equal ones in random order."""
    return sorted(exchangers, key=lambda exchanger: (exchanger[0], os.urandom(8)))


def without_self(found: list[tuple[int, bytes]], mine: frozenset[bytes]) -> list[tuple[int, bytes]]:
    """Only what is preferred to this host, if this host is among the places. Raises Undeliverable."""
    own = [preference for preference, address in found if address in mine]
    left = [place for place in found if place[0] < min(own)] if own else found
    if not left:
        raise Undeliverable(MYSELF)
    return left


def connect(
    addresses: list[bytes], port: int, timeout: int, timeouts: "Timeouts", clock: "Callable[[], float]"
) -> tuple[_socket.socket, bytes]:
    """(a connected, non-blocking socket, its address) for the first address that takes a connection.

    timeout: seconds for each. Raises Undeliverable; no other address is tried later.
    """
    for address in addresses:
        if timeouts.shunned(address, int(clock())):
            continue
        try:
            attempt = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        except OSError:
            raise Undeliverable(RESOURCES) from None
        failure = _connected(attempt, (ip.text(address).decode(), port), timeout)
        timeouts.tell(address, failure == errno.ETIMEDOUT, int(clock()))
        if not failure:
            return attempt, address
        attempt.close()
    raise Undeliverable(NO_CONNECTION)


def _connected(attempt: _socket.socket, to: tuple[str, int], timeout: int) -> int:
    """Connect; the errno of what went wrong, 0 if nothing did."""
    attempt.setblocking(False)
    attempt.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)  # whatever is sent waits for a reply
    failure = attempt.connect_ex(to)
    if failure not in (errno.EINPROGRESS, errno.EWOULDBLOCK):
        return failure
    writable = select.poll()
    writable.register(attempt.fileno(), select.POLLOUT)
    if not writable.poll(min(timeout * 1000, 0x7FFFFFFF)):
        return errno.ETIMEDOUT
    return attempt.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
