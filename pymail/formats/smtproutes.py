"""Routes: which hosts' mail goes to another host, by control/smtproutes

`domain:relay` or `domain:relay:port`; a domain that begins with a dot stands for all below it, the
empty one for every other. An empty relay means no route: the host's own MX. Source: qmail-remote manual.
"""

from pymail.formats.rcpthosts import suffixes
from pysvc.formats.number import scan

SMTP = 25


def find(routes: "dict[bytes, bytes]", host: bytes) -> tuple[bytes, int] | None:
    """(relay, port) for a host; None if it has no route.

    routes: the map in the file, keys in lower case. The relay is as written: a name or an address.
    """
    for name in (*suffixes(host.lower()), b""):
        if name in routes:
            return _parse(routes[name])
    return None


def _parse(value: bytes) -> tuple[bytes, int] | None:
    if not value:
        return None
    relay, colon, port = value.partition(b":")
    return relay, scan(port)[0] & 0xFFFF if colon else SMTP
