"""Received lines: the one that qmail-queue puts first, and the one of the network servers

Source: RFC 5321 section 4.4; qmail received.c and qmail-queue.c.
"""

from pymail.formats.date import date822

ALIAS, NETWORK, BOUNCE = b"by alias", b"from network", b"for bounce"

_SAFE = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.@%+/=:-[]"
_CLEAN = bytes(byte if byte in _SAFE else ord("?") for byte in range(256))


class Peer:
    """Who is connected, as tcpserver and tcp-env say: all bytes, `info` None without an ident answer."""

    __slots__ = ("host", "info", "ip", "local")

    def __init__(self, ip: bytes, host: bytes, local: bytes, info: bytes | None = None) -> None:
        self.ip, self.host, self.local, self.info = ip, host, local, info


def by_uid(uid: int) -> bytes:
    """How an ordinary user invoked qmail-queue."""
    return b"by uid %d" % uid


def queue_received(pid: int, how: bytes, now: int) -> bytes:
    """The line that stands first in every queued message.

    pid: of the process that the caller knows as its queue program. how: ALIAS, NETWORK, BOUNCE or
    by_uid(...). now: Unix seconds at which that process started.
    """
    return b"Received: (qmail %d invoked %s); %s\n" % (pid, how, date822(now))


def clean(value: bytes) -> bytes:
    """A value that a stranger chose, fit to stand in a header: other bytes become `?`."""
    return value.translate(_CLEAN)


def network_received(
    protocol: bytes,
    local: bytes,
    *,
    remote_host: bytes,
    remote_ip: bytes,
    now: int,
    helo: bytes | None = None,
    info: bytes | None = None,
) -> bytes:
    """The two lines that a network server puts before a message it took.

    protocol: b"SMTP", b"QMTP", … local: the name of this side. helo: what the client calls itself,
    shown where it differs from remote_host, case ignored. info: what the client's ident server says.
    now: Unix seconds.
    """
    comment = b""
    if helo is not None and helo.lower() != remote_host.lower():
        comment = b" (HELO " + clean(helo) + b")"
    who = b"" if info is None else clean(info) + b"@"
    return (
        b"Received: from " + clean(remote_host) + comment + b" (" + who + clean(remote_ip) + b")\n"
        b"  by " + clean(local) + b" with " + protocol + b"; " + date822(now) + b"\n"
    )
