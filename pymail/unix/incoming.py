"""What a network server of the mail system learns from its environment and the control files"""

import os

from pymail.formats.rcpthosts import RecipientHosts
from pymail.formats.received import Peer
from pymail.unix.cdbfile import CdbFile
from pymail.unix.controls import Controls
from pymail.unix.home import Home
from pysvc.formats.number import scan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def peer_of(env: "Mapping[bytes, bytes]") -> Peer:
    """Who is connected, by the variables that tcpserver and tcp-env set."""
    local = env.get(b"TCPLOCALHOST", env.get(b"TCPLOCALIP", b"unknown"))
    host = env.get(b"TCPREMOTEHOST", b"unknown")
    return Peer(env.get(b"TCPREMOTEIP", b"unknown"), host, local, env.get(b"TCPREMOTEINFO"))


def recipient_hosts(home: Home, controls: Controls) -> RecipientHosts:
    """rcpthosts, and morercpthosts.cdb if there is a rcpthosts. Raises OSError."""
    hosts = controls.keys("rcpthosts")
    if hosts is None:
        return RecipientHosts(None)
    try:
        return RecipientHosts(hosts, CdbFile(home.file("control", "morercpthosts.cdb")))
    except FileNotFoundError:
        return RecipientHosts(hosts)


def size_limit(controls: Controls) -> int:
    """The most bytes of a message, 0 for any number; the environment decides even where it holds none.

    Raises OSError.
    """
    databytes = os.environb.get(b"DATABYTES")
    return controls.number("databytes", 0) if databytes is None else scan(databytes)[0]
