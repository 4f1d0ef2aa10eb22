"""A connection that tcpclient makes: which addresses it tries, how long, and what it learns of both ends"""

import _socket
import errno
import os
import time

from pysvc.formats import ip, ucspi
from pysvc.unix import hosts, tcp
from pysvc.unix.settings import ERRORS, STATUS
from pysvc.unix.strerr import Fatal, reason, say, unable_to

LOCALHOST4 = b"\x7f\0\0\1"
LOCALHOST6 = bytes(15) + b"\1"


class Settings:
    """What tcpclient's options ask for."""

    verbosity = ERRORS
    ipv4_only = six = False
    delay = remote_name = remote_info = True
    timeout = 26
    limits = (2, 58)          # seconds for an attempt, in the first and in the second round
    local_ip = ip.ANY4
    local_port = 0
    local_name: bytes | None = None
    interface = ""

    def say(self, level: int, line: str) -> None:
        """Say something that is of interest from a verbosity on."""
        if self.verbosity >= level:
            say(f"tcpclient: {line}")


def connect(settings: Settings, host: str, port: int) -> _socket.socket:
    """A connection to one of the addresses of a host. Fatal if there is none.

    With one address there is one attempt. With several, those that did not answer in the first round are
    tried again, with more patience.
    """
    addresses = _addresses(settings, host)
    first, second = settings.limits
    if len(addresses) == 1:
        first, second = first + second, 0
    silent: list[bytes] = []
    for address in addresses:
        found = _try(settings, address, port, first, silent if second else None)
        if found is not None:
            return found
    for address in silent:
        found = _try(settings, address, port, second, None)
        if found is not None:
            return found
    raise Fatal("")  # each attempt has been told of


def _addresses(settings: Settings, host: str) -> list[bytes]:
    if host in ("", "0"):
        return [LOCALHOST6 if settings.six else LOCALHOST4]
    return hosts.addresses(host, settings.ipv4_only, settings.six)


def _try(
    settings: Settings, address: bytes, port: int, seconds: int, silent: list[bytes] | None
) -> _socket.socket | None:
    """One attempt; None if it failed. An address that did not answer is put on the list `silent`.

    What fails otherwise, and silence where there is no list, is told of. Fatal if nothing can be tried.
    """
    with unable_to("create socket"):
        connection = _socket.socket(tcp.family(address), _socket.SOCK_STREAM)
    with unable_to("bind socket"):
        connection.bind(_local_end(settings, address))
    try:
        scope = tcp.interface_number(settings.interface)
        tcp.reach(connection, tcp.sockaddr(address, port, scope), time.monotonic() + seconds)
        connection.setblocking(True)
        return connection
    except OSError as error:
        connection.close()
        if error.errno == errno.ETIMEDOUT and silent is not None:
            silent.append(address)
        else:
            where = f"{os.fsdecode(ip.text(address))} port {port}"
            settings.say(ERRORS, f"unable to connect to {where}: {reason(error)}")
        return None


def _local_end(settings: Settings, remote: bytes) -> "tuple[str, int] | tuple[str, int, int, int]":
    """The address to come from, of the same family as the remote one. Raises OSError."""
    local = settings.local_ip
    if local == ip.ANY4:
        local = bytes(len(remote))
    elif len(local) < len(remote):
        local = ip.mapped(local)
    elif len(local) > len(remote):
        raise OSError(errno.EAFNOSUPPORT, "an IPv6 address for an IPv4 connection")
    return tcp.sockaddr(local, settings.local_port)


def learn(settings: Settings, socket: _socket.socket) -> ucspi.Connection:
    """Find out about both ends, in the order of the original. Fatal if the connection is gone already."""
    with unable_to("get local address"):
        local = socket.getsockname()
    connection = ucspi.Connection(local[1], b"", 0, settings.six)
    connection.local_ip = tcp.packed(local)
    connection.local_host = settings.local_name
    if connection.local_host is None:
        connection.local_host = _name(connection.local_ip)
    with unable_to("get remote address"):
        remote = socket.getpeername()
    connection.remote_ip, connection.remote_port = tcp.packed(remote), remote[1]
    connection.interface = tcp.interface_name(remote)
    text = os.fsdecode(connection.text(connection.remote_ip))
    settings.say(STATUS, f"connected to {text} port {connection.remote_port}")
    if settings.remote_name:
        connection.remote_host = _name(connection.remote_ip)
    if settings.remote_info:
        from pysvc.unix import ident

        connection.remote_info = ident.owner(connection, settings.timeout)
    return connection


def _name(packed: bytes) -> bytes | None:
    """The name of an address; empty if it has none, None if that could not be found out."""
    from pysvc.unix import dns

    try:
        return dns.Resolver().name(packed) or b""
    except OSError:
        return None
