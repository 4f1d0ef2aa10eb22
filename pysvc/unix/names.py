"""What can be learnt about the two ends of a connection that a server has accepted"""

from pysvc.formats import dns as packets
from pysvc.formats import ip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvc.formats import ucspi
    from pysvc.unix.incoming import Settings


def look_up(settings: "Settings", connection: "ucspi.Connection") -> None:
    """Find out the names of both ends and who is at the other; what cannot be learnt stays unknown."""
    connection.local_host = settings.local_name
    if connection.local_host is None:
        connection.local_host = _name(connection.local_ip)
    if settings.remote_name:
        connection.remote_host = _name(connection.remote_ip)
        if settings.paranoid and not _points_back(connection.remote_host, connection.remote_ip):
            connection.remote_host = None
    if settings.remote_info:
        from pysvc.unix import ident

        connection.remote_info = ident.owner(connection, settings.timeout)


def _name(packed: bytes) -> bytes | None:
    from pysvc.unix import dns

    try:
        return dns.Resolver().name(packed)
    except OSError:
        return None


def _points_back(name: bytes | None, packed: bytes) -> bool:
    """Whether a name has the address that it was found for."""
    from pysvc.unix import dns

    packed = ip.plain(packed)
    try:
        kind = packets.A if len(packed) == 4 else packets.AAAA
        return name is not None and packed in dns.Resolver().addresses(name, kind)
    except OSError:
        return False
