"""Asks the IDENT server of a peer who owns the other end of a connection"""

import time

from pysvc.engines.ident import LONGEST, Scanner, question
from pysvc.formats import ip, ucspi
from pysvc.unix import tcp

PORT = 113


def ask(local_ip: bytes, local_port: int, remote_ip: bytes, remote_port: int, seconds: int) -> bytes:
    """The user part of the answer, possibly empty. Raises OSError if there is none in time.

    One deadline covers connecting, asking and reading.
    """
    deadline = time.monotonic() + seconds
    connection = tcp.connect(remote_ip, PORT, deadline, local_ip)
    try:
        tcp.send_all(connection, question(remote_port, local_port), deadline)
        scanner = Scanner()
        while not scanner.done:
            scanner.feed(tcp.receive(connection, LONGEST, deadline))
        return scanner.result
    finally:
        connection.close()


def owner(connection: ucspi.Connection, seconds: int) -> bytes | None:
    """Who is at the other end of a connection, possibly empty; None if nobody says in time."""
    ends = (ip.plain(connection.local_ip), connection.local_port,
            ip.plain(connection.remote_ip), connection.remote_port)  # fmt: skip
    try:
        return ask(*ends, seconds)
    except OSError:
        return None
