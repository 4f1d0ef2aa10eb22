"""This host's own IPv4 addresses

Asked of the kernel by netlink: SIOCGIFCONF wants the address of a buffer, and the module that could
tell one costs 3 ms to import. Source: rtnetlink(7), netlink(7); qmail ipme.c for what counts.
"""

import _socket
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

GET_LINKS, GET_ADDRESSES = 18, 22    # RTM_GETLINK, RTM_GETADDR
ERROR, DONE = 2, 3                   # NLMSG_ERROR, NLMSG_DONE
DUMP = 0x301                         # NLM_F_REQUEST and NLM_F_DUMP: all there are
LOCAL = 2                            # IFA_LOCAL
UP = 1                               # IFF_UP
LONGEST = 1 << 16                    # bytes of an answer; the kernel sends no longer ones
_MESSAGE = struct.Struct("=IHHII")   # nlmsghdr: length, type, flags, number, port
_LINK = struct.Struct("=BxHiII")     # ifinfomsg: family, type, index, flags, changed
_ADDRESS = struct.Struct("=BBBBI")   # ifaddrmsg: family, prefix, flags, scope, index
_ATTRIBUTE = struct.Struct("=HH")    # rtattr: length, type


def local_addresses() -> frozenset[bytes]:
    """0.0.0.0 and the address of every interface that is up, each 4 bytes. Raises OSError."""
    kernel = _socket.socket(_socket.AF_NETLINK, _socket.SOCK_RAW, 0)
    try:
        up = {index for index, flags in _links(kernel) if flags & UP}
        return frozenset([bytes(4), *(address for index, address in _addresses(kernel) if index in up)])
    finally:
        kernel.close()


def _links(kernel: _socket.socket) -> "Iterator[tuple[int, int]]":
    """(index, flags) of every interface."""
    for answer in _ask(kernel, GET_LINKS, _LINK.pack(0, 0, 0, 0, 0)):
        _, _, index, flags, _ = _LINK.unpack_from(answer)
        yield index, flags


def _addresses(kernel: _socket.socket) -> "Iterator[tuple[int, bytes]]":
    """(index of its interface, address) for every IPv4 address."""
    for answer in _ask(kernel, GET_ADDRESSES, _ADDRESS.pack(_socket.AF_INET, 0, 0, 0, 0)):
        index = _ADDRESS.unpack_from(answer)[-1]
        for kind, value in _parts(answer, _ADDRESS.size, _ATTRIBUTE):
            if kind == LOCAL and len(value) == 4:
                yield index, value


def _ask(kernel: _socket.socket, kind: int, request: bytes) -> "Iterator[bytes]":
    """The answers to a request for all of a kind."""
    kernel.send(_MESSAGE.pack(_MESSAGE.size + len(request), kind, DUMP, 0, 0) + request)
    while True:
        for answer, content in _parts(kernel.recv(LONGEST), 0, _MESSAGE):
            if answer == DONE:
                return
            if answer == ERROR:
                raise OSError(-struct.unpack_from("=i", content)[0], "netlink")
            yield content


def _parts(data: bytes, at: int, head: struct.Struct) -> "Iterator[tuple[int, bytes]]":
    """(type, content) of each part: its head begins with its length and its type; it ends on 4 bytes."""
    while at + head.size <= len(data):
        length, kind, *_ = head.unpack_from(data, at)
        yield kind, data[at + head.size : at + length]
        at += max(length + 3 & ~3, head.size)
