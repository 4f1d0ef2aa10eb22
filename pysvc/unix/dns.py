"""DNS look-ups by a stub resolver of our own: names to addresses, addresses to names, TXT

Servers come from DNSCACHEIP or /etc/resolv.conf, never from the hosts file. Failures are OSErrors whose
errno tells what to say: ETIMEDOUT, ECONNREFUSED, EAGAIN (the servers failed), EPROTO (not a name, not a
DNS message). A name without records is no failure.
"""

import _socket
import errno
import os
import select
import time

from pysvc.engines import resolver
from pysvc.formats import dns, dnsrewrite, ip
from pysvc.unix import files, tcp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    Found = TypeVar("Found")

RESOLV_CONF = "/etc/resolv.conf"
REWRITE = "/etc/dnsrewrite"
PORT = 53
MOST_SERVERS = 16
LOCAL_PORTS = (1025, 65534)  # one of these at random is asked from
PORT_TRIES = 10              # then the kernel chooses


class Resolver:
    """Looks names up at the servers that were configured when it was made."""

    __slots__ = ("_servers",)

    def __init__(self) -> None:
        self._servers = [server for server in _servers() if server != ip.ANY4]

    def addresses(self, name: bytes, kind: int = dns.A) -> list[bytes]:
        """The packed addresses of a name, in random order. kind: A or AAAA. Raises OSError.

        A name of digits, dots and brackets is an IPv4 address itself and not looked up.
        """
        literal = ip.literal(name)
        if literal is not None:
            return literal if kind == dns.A else []
        found = self._ask(_wire(name), kind, lambda reply: dns.addresses(reply, kind))
        return _shuffled(found)

    def qualified(self, name: bytes, kind: int = dns.A) -> list[bytes]:
        """The addresses of a name that somebody typed, after the rewriting rules. Raises OSError."""
        for candidate in dnsrewrite.rewrite(name, _rewrite_rules()):
            found = self.addresses(candidate, kind)
            if found:
                return found
        return []

    def name(self, packed: bytes) -> bytes | None:
        """The name of an address, None if it has none. Raises OSError."""
        return self._ask(dns.reverse_name(ip.plain(packed)), dns.PTR, dns.name)

    def text(self, name: bytes) -> bytes:
        """All TXT strings of a name in one, printable; empty if there are none. Raises OSError."""
        return self._ask(_wire(name), dns.TXT, dns.text)

    def _ask(self, name: bytes, kind: int, read: "Callable[[bytes], Found]") -> "Found":
        """What read() finds in the reply."""
        reply = self._reply(name, kind)
        try:
            return read(reply)
        except dns.Malformed:
            raise OSError(errno.EPROTO, "malformed reply") from None

    def _reply(self, name: bytes, kind: int) -> bytes:
        if not self._servers:
            raise OSError(errno.ECONNREFUSED, "no DNS server")
        question = resolver.Resolution(len(self._servers))
        step = resolver.ASK
        while step == resolver.ASK:
            query = dns.query(_random(65536), name, kind)
            send = _over_tcp if question.over_tcp else _over_udp
            try:
                step = send(self._servers[question.server], question, query)
            except OSError as error:
                step = question.unsent(error.errno or errno.EIO)
        if step == resolver.FAILED:
            raise OSError(question.error, "look-up failed")
        return question.answer


def _over_udp(server: bytes, question: resolver.Resolution, query: bytes) -> int:
    """Ask one server once; what comes next. Raises OSError if nothing could be sent."""
    connection = _socket.socket(tcp.family(server), _socket.SOCK_DGRAM)
    try:
        connection.setblocking(False)
        _bind_somewhere(connection, server)
        connection.connect(tcp.sockaddr(server, PORT))
        connection.send(query)
        question.asked(time.monotonic())
        step = resolver.WAIT
        while step == resolver.WAIT:
            step = _await(connection, question, query)
        return step
    finally:
        connection.close()


def _await(connection: _socket.socket, question: resolver.Resolution, query: bytes) -> int:
    if not tcp.wait(connection.fileno(), select.POLLIN, question.deadline):
        return question.expired()
    try:
        reply = connection.recv(dns.LONGEST_DATAGRAM + 1)
    except BlockingIOError:
        return resolver.WAIT  # a datagram with a bad checksum
    except OSError as error:
        return question.refused(error.errno or errno.EIO)
    return question.received(reply, query)


def _bind_somewhere(connection: _socket.socket, server: bytes) -> None:
    """Take a random local port: with the random id it is what a forger would have to guess."""
    low, high = LOCAL_PORTS
    for _ in range(PORT_TRIES):
        try:
            return connection.bind(tcp.sockaddr(bytes(len(server)), low + _random(high - low + 1)))
        except OSError:
            continue
    return None


def _over_tcp(server: bytes, question: resolver.Resolution, query: bytes) -> int:
    """Ask one server once; what comes next. Raises OSError if the connection fails or is too slow."""
    question.asked(time.monotonic())
    connection = tcp.connect(server, PORT, question.deadline)
    try:
        tcp.send_all(connection, len(query).to_bytes(2, "big") + query, question.deadline)
        question.asked(time.monotonic())
        size = int.from_bytes(_receive(connection, 2, question.deadline), "big")
        return question.received(_receive(connection, size, question.deadline), query)
    finally:
        connection.close()


def _receive(connection: _socket.socket, size: int, deadline: float) -> bytes:
    """Exactly so many bytes. Raises OSError."""
    data = b""
    while len(data) < size:
        data += tcp.receive(connection, size - len(data), deadline)
    return data


def _wire(name: bytes) -> bytes:
    try:
        return dns.wire_name(name)
    except dns.Malformed:
        raise OSError(errno.EPROTO, "not a domain name") from None


def _random(limit: int) -> int:
    return int.from_bytes(os.urandom(8), "big") % limit


def _shuffled(values: list[bytes]) -> list[bytes]:
    return sorted(values, key=lambda _: os.urandom(8))


def _servers() -> list[bytes]:
    """The servers to ask, in order. Where no IPv4 server is named, IPv6 servers are taken."""
    given = os.environb.get(b"DNSCACHEIP", b"")
    found = ip.leading_addresses(given) or [packed for word in given.split() if (packed := ip.parse(word))]
    if not found:
        named = [_server(line) for line in _content(RESOLV_CONF).split(b"\n")]
        known = [packed for packed in named if packed is not None]
        found = [packed for packed in known if len(packed) == 4] or known
    return found[:MOST_SERVERS] or [b"\x7f\0\0\1"]


def _server(line: bytes) -> bytes | None:
    """The server that a line of resolv.conf names."""
    if line[:10] != b"nameserver" or line[10:11] not in (b" ", b"\t"):
        return None
    word = line[11:].lstrip(b" \t")
    return ip.leading_quad(word)[0] or tcp.ipv6_literal(os.fsdecode(word.rstrip(b" \t\r")))


def _rewrite_rules() -> list[bytes]:
    try:
        return dnsrewrite.lines(files.read_file(os.environ.get("DNSREWRITEFILE", REWRITE)))
    except FileNotFoundError:
        pass
    domains = os.environb.get(b"LOCALDOMAIN")
    if domains is not None:
        return dnsrewrite.from_words(domains.split(b" "))
    rules = dnsrewrite.from_resolv_conf(_content(RESOLV_CONF))
    return dnsrewrite.from_host_name(os.fsencode(os.uname().nodename)) if rules is None else rules


def _content(path: str) -> bytes:
    """What a file holds; nothing if it is missing."""
    try:
        return files.read_file(path)
    except FileNotFoundError:
        return b""
