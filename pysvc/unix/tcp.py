"""TCP sockets, by the C half of the standard module: `socket` itself costs 6 ms and 1.1 MB

Addresses are packed, 4 or 16 bytes. Deadlines are values of time.monotonic().
"""

import _socket
import errno
import os
import select
import time

from pysvc.formats import ip, number
from pysvc.unix.strerr import Fatal, unable_to

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LONGEST_WAIT = 86400.0  # seconds in one poll; its argument is an int of milliseconds
LONGEST_BACKLOG = 0x7FFFFFFF
IP_OPTIONS = 4  # <netinet/in.h>


def family(packed: bytes) -> int:
    return int(_socket.AF_INET if len(packed) == 4 else _socket.AF_INET6)


def sockaddr(packed: bytes, port: int, scope: int = 0) -> tuple[str, int] | tuple[str, int, int, int]:
    """An address as the socket calls want it. scope: the interface of a link-local address."""
    text = _socket.inet_ntop(family(packed), packed)
    return (text, port) if len(packed) == 4 else (text, port, 0, scope)


def packed(address: "tuple[Any, ...]") -> bytes:
    """The packed form of the address that a socket call returned."""
    return _socket.inet_pton(_socket.AF_INET6 if ":" in address[0] else _socket.AF_INET, address[0])


def ipv6_literal(text: str) -> bytes | None:
    """The packed form of an IPv6 address written out, in brackets or not; None if it is none."""
    try:
        return _socket.inet_pton(_socket.AF_INET6, text.strip("[]"))
    except (OSError, ValueError):
        return None


def interface_name(address: "tuple[Any, ...]") -> bytes | None:
    """The interface that a link-local address returned by a socket call belongs to; None for others."""
    try:
        return os.fsencode(_socket.if_indextoname(address[3])) if address[3:] and address[3] else None
    except OSError:
        return None  # it went away


def interface_number(name: str) -> int:
    """The number of an interface, 0 if none is named. Fatal if it does not exist."""
    if not name:
        return 0
    with unable_to(f"find interface {name}"):
        return _socket.if_nametoindex(name)


def port_number(word: str) -> int:
    """A decimal number modulo 65536 (the empty word is 0), or a TCP service by name. Fatal if unknown."""
    value, rest = number.scan(os.fsencode(word))
    if not rest:
        return value % 65536
    try:
        return _socket.getservbyname(word, "tcp")
    except (OSError, ValueError):
        raise Fatal(f"unable to figure out port number for {word}") from None


def listen(address: bytes, port: int, backlog: int, interface: str = "") -> _socket.socket:
    """A listening socket that never waits in accept; on :: it serves IPv4 too. Fatal if impossible.

    interface: that of a link-local address.
    """
    scope = interface_number(interface)
    with unable_to("create socket"):
        server = _socket.socket(family(address), _socket.SOCK_STREAM)
    _try_option(server, _socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
    if address == ip.ANY6:
        _try_option(server, _socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY, 0)
    with unable_to("bind"):
        server.bind(sockaddr(address, port, scope))
    with unable_to("get local address"):
        server.getsockname()
    with unable_to("listen"):
        server.listen(min(backlog, LONGEST_BACKLOG))
    server.setblocking(False)
    return server


def accept(listener: _socket.socket) -> "tuple[int, tuple[Any, ...]]":
    """A connection's descriptor, in blocking mode, and its peer's address. Raises OSError."""
    return listener._accept()  # type: ignore[attr-defined,no-any-return]


def local_address(fd: int) -> "tuple[Any, ...]":
    """The address of this side of a connection. Raises OSError."""
    connection = _socket.socket(-1, -1, -1, fd)
    try:
        return connection.getsockname()  # type: ignore[no-any-return]
    finally:
        connection.detach()


def send_now(fd: int, data: bytes) -> None:
    """Send as much as can be sent without waiting; whether it arrives nobody knows."""
    try:
        connection = _socket.socket(-1, -1, -1, fd)
    except OSError:
        return
    try:
        connection.send(data, _socket.MSG_DONTWAIT | _socket.MSG_NOSIGNAL)
    except OSError:
        pass  # the client has gone, or does not read
    finally:
        connection.detach()


def _try_option(connection: _socket.socket, level: int, option: int, value: int) -> None:
    try:
        connection.setsockopt(level, option, value)
    except OSError:
        pass  # as in the originals: a connection without it is better than none


def clear_ip_options(connection: _socket.socket) -> None:
    """Drop source routes and whatever else the peer sent as IP options."""
    try:
        connection.setsockopt(_socket.IPPROTO_IP, IP_OPTIONS, None, 0)
    except OSError:
        pass  # no such options on this kind of socket


def no_delay(connection: _socket.socket) -> None:
    """Send small segments at once."""
    _try_option(connection, _socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)


def wait(fd: int, events: int, deadline: float) -> bool:
    """Wait until a descriptor is ready, or until the deadline; whether it is ready.

    After the deadline nothing is ready any more: who sends without pause does not win time.
    """
    poll = select.poll()
    poll.register(fd, events)
    while (left := deadline - time.monotonic()) > 0:
        if poll.poll(min(left, LONGEST_WAIT) * 1000):
            return True
    return False


def connect(address: bytes, port: int, deadline: float, local: bytes | None = None) -> _socket.socket:
    """A connection, its socket non-blocking. Raises OSError, ETIMEDOUT after the deadline.

    local: the address to come from.
    """
    connection = _socket.socket(family(address), _socket.SOCK_STREAM)
    try:
        if local is not None:
            connection.bind(sockaddr(local, 0))
        reach(connection, sockaddr(address, port), deadline)
    except BaseException:
        connection.close()
        raise
    return connection


def ready(fd: int, events: int) -> bool:
    """Whether a descriptor is ready now."""
    poll = select.poll()
    poll.register(fd, events)
    return bool(poll.poll(0))


def reach(connection: _socket.socket, address: "tuple[Any, ...]", deadline: float) -> None:
    """Connect a socket, which is non-blocking from then on. Raises OSError, ETIMEDOUT after the deadline.

    What the kernel does at once, as on the loopback interface, is in time even if the deadline was not.
    """
    connection.setblocking(False)
    error = connection.connect_ex(address)
    if error == errno.EINPROGRESS:
        fd = connection.fileno()
        if wait(fd, select.POLLOUT, deadline) or ready(fd, select.POLLOUT):
            error = connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
        else:
            error = errno.ETIMEDOUT
    if error:
        raise OSError(error, "connect")


def send_all(connection: _socket.socket, data: bytes, deadline: float) -> None:
    """Send everything on a non-blocking socket. Raises OSError, ETIMEDOUT after the deadline."""
    while data:
        if not wait(connection.fileno(), select.POLLOUT, deadline):
            raise OSError(errno.ETIMEDOUT, "send")
        data = data[connection.send(data, _socket.MSG_NOSIGNAL) :]


def receive(connection: _socket.socket, size: int, deadline: float) -> bytes:
    """Some bytes, at least one. Raises OSError: ETIMEDOUT, or ECONNRESET where the peer has finished."""
    if not wait(connection.fileno(), select.POLLIN, deadline):
        raise OSError(errno.ETIMEDOUT, "receive")
    data = connection.recv(size)
    if not data:
        raise OSError(errno.ECONNRESET, "end of data")
    return data
