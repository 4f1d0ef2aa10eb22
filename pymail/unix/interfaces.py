"""This host's own IPv4 addresses

Source: netdevice(7); qmail ipme.c.
"""

import _socket
import array
import fcntl
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

SIOCGIFCONF, SIOCGIFFLAGS = 0x8912, 0x8913
UP = 1                                       # IFF_UP
NAME = 16                                    # bytes of an interface's name, IFNAMSIZ
REQUEST = NAME + struct.calcsize("2LH3B0L")  # sizeof(struct ifreq); the name, then a union
ROOM = 64                                    # addresses asked for at first


def local_addresses() -> frozenset[bytes]:
    """0.0.0.0 and the address of every interface that is up, each 4 bytes. Raises OSError."""
    probe = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    try:
        fd = probe.fileno()
        return frozenset([bytes(4), *(address for name, address in _configured(fd) if _up(fd, name))])
    finally:
        probe.close()


def _configured(fd: int) -> "Iterator[tuple[bytes, bytes]]":
    """(interface name, address) of every address; an interface may come more than once."""
    room = ROOM
    while True:
        buffer = array.array("B", bytes(room * REQUEST))
        place, size = buffer.buffer_info()
        answer = fcntl.ioctl(fd, SIOCGIFCONF, struct.pack("iP", size, place))
        used = struct.unpack_from("i", answer)[0]
        if used < size:
            break
        room *= 2  # a full buffer may have been too small
    for at in range(0, used, REQUEST):
        entry = buffer[at : at + REQUEST].tobytes()
        if struct.unpack_from("H", entry, NAME)[0] == _socket.AF_INET:
            yield entry[:NAME], entry[NAME + 4 : NAME + 8]  # sockaddr_in: family, port, address


def _up(fd: int, name: bytes) -> bool:
    answer = fcntl.ioctl(fd, SIOCGIFFLAGS, name.ljust(REQUEST, b"\0"))
    return bool(struct.unpack_from("H", answer, NAME)[0] & UP)
