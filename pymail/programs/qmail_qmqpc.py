"""qmail-qmqpc - queue a message on another host by QMQP

Takes the place of qmail-queue on a host without a queue of its own: QMAILQUEUE=/var/qmail/bin/qmail-qmqpc,
or bin/qmail-queue a symbolic link to it, which all programs of the home obey.

Synopsis:    qmail-qmqpc
Descriptors: 0   the message, read to its end
             1   then the envelope: F sender NUL, T recipient NUL for each recipient, and one more NUL
Files:       control/qmqpservers   addresses of servers, one on each line; the first one that can be
                                   reached at port 628 gets the message
Environment: TMPDIR   where a message of more than a megabyte waits (default /tmp)
Exit codes:  0 queued there; 31 the server refused for good; 71 for now; 11 address over 1002 bytes; 51 out
             of memory; 53 no room for the message; 54 message or envelope cannot be read to its end; 55
             no servers; 56 no socket; 61 home cannot be used; 72 no server answered in 10 seconds; 73 no
             server could be reached; 74 the connection broke; 91 malformed envelope

Once a server has been reached, no other one is tried: it may have queued the message.
"""

import errno
import os
import time

from pymail.formats import envelope
from pymail.protocols import qmqp
from pymail.unix.controls import Controls
from pymail.unix.home import Home
from pymail.unix.spool import Spool
from pysvc.formats import ip
from pysvc.unix import tcp
from pysvc.unix.files import BLOCK, blocks
from pysvc.unix.strerr import Fatal, failing_as

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Iterator

PORT = 628
CONNECT, TRANSFER = 10, 60  # seconds: to connect; for each CHUNK
CHUNK = 8192                # bytes
LONGEST_ANSWER = 10_000     # bytes in which a K, Z or D must have come

TOO_LONG, NO_MEMORY, NO_ROOM, READ_ERROR, NO_SERVERS, NO_SOCKET, NO_HOME = 11, 51, 53, 54, 55, 56, 61
TIMED_OUT, REFUSED, BROKEN, BAD_ENVELOPE = 72, 73, 74, 91
VERDICT = {b"K": 0, b"Z": 71, b"D": 31}
SOCKET_ERRORS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


def ending(code: int) -> failing_as:
    """`with ending(54):` turns an OSError into that exit code; nothing is said."""
    return failing_as(Fatal("", code))


def main(argv: list[str]) -> int:
    try:
        home = Home.of(argv[0])
    except Fatal:
        return NO_HOME
    try:
        addresses = servers(home)
        message = read_message()
        head, tail = qmqp.request(message.size, read_envelope())
        connection = connect(addresses)
        with ending(BROKEN):
            for part in parts(head, message, tail):
                send(connection, part)
            return answer(connection)
    except MemoryError:
        return NO_MEMORY


def servers(home: Home) -> list[bytes]:
    """The packed addresses of the servers, at least one; other lines are skipped."""
    with ending(NO_SERVERS):
        lines = Controls(home).items("qmqpservers") or []
    found = [ip.leading_quad(line)[0] or tcp.ipv6_literal(os.fsdecode(line)) for line in lines]
    addresses = [address for address in found if address is not None]
    if not addresses:
        raise Fatal("", NO_SERVERS)
    return addresses


def read_message() -> Spool:
    message = Spool()
    source = blocks(0)
    while True:
        with ending(READ_ERROR):
            block = next(source, b"")
        if not block:
            return message
        with ending(NO_ROOM):
            message.write(block)


def read_envelope() -> "Iterator[bytes]":
    """The sender, then the recipients."""
    reader = envelope.Reader()
    complete: list[bytes] = []
    while not reader.ended:
        with ending(READ_ERROR):
            block = os.read(1, BLOCK)
        if not block:
            raise Fatal("", READ_ERROR)
        try:
            complete.append(reader.feed(block))
        except envelope.Malformed:
            raise Fatal("", BAD_ENVELOPE) from None
        except envelope.TooLong:
            raise Fatal("", TOO_LONG) from None
    return (address for _, address in envelope.records(b"".join(complete)))


def parts(head: bytes, message: Spool, tail: bytes) -> "Iterator[bytes]":
    """The request, in pieces."""
    yield head
    yield from message.blocks()
    yield tail


def connect(addresses: list[bytes]) -> "_socket.socket":
    """A connection to the first server that takes one."""
    code = REFUSED
    for address in addresses:
        try:
            return tcp.connect(address, PORT, time.monotonic() + CONNECT)
        except OSError as error:
            if error.errno in SOCKET_ERRORS:
                raise Fatal("", NO_SOCKET) from None
            code = TIMED_OUT if error.errno == errno.ETIMEDOUT else REFUSED
    raise Fatal("", code)


def send(connection: "_socket.socket", data: bytes) -> None:
    """Raises OSError."""
    for start in range(0, len(data), CHUNK):
        tcp.send_all(connection, data[start : start + CHUNK], time.monotonic() + TRANSFER)


def answer(connection: "_socket.socket") -> int:
    """The exit code that the server's answer stands for. Raises OSError."""
    size = 0
    while size < LONGEST_ANSWER:
        block = tcp.receive(connection, CHUNK, time.monotonic() + TRANSFER)
        size += len(block)
        letter = qmqp.verdict(block)
        if letter:
            return VERDICT[letter]
    return BROKEN
