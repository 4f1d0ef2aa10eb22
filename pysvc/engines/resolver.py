"""One DNS question's way over the servers: whom to ask next, how long to wait, which reply counts

Three rounds over the server list with growing patience, then failure; a truncated reply moves the
question to TCP, once over the list. The caller owns sockets and clock. Source: the djbdns library's
dns_transmit, as its manual and behaviour show it.
"""

import errno

from pysvc.formats import dns

WAITS = (3.0, 11.0, 45.0)  # seconds that each server is given, by round
PATIENT = 1                # the round in which a server's error is no reason to stop waiting for it
TCP_WAIT = 10.0            # seconds to connect, and as many for the reply

WAIT, ASK, ANSWERED, FAILED = range(4)  # what comes next; ASK: `server`, by TCP if `over_tcp`


class Resolution:
    """The state of one question. Each event returns what comes next.

    server: index into the list. answer: the reply, once ANSWERED. error: the errno, once FAILED.
    """

    __slots__ = ("_round", "_servers", "answer", "deadline", "error", "over_tcp", "server")

    def __init__(self, servers: int) -> None:
        """servers: how many there are, at least one."""
        self._servers = servers
        self._round = 0
        self.server = 0
        self.over_tcp = False
        self.deadline = 0.0
        self.answer = b""
        self.error = 0

    def asked(self, now: float) -> None:
        """The query was sent, or a TCP connection begun: from now on the server's time runs."""
        self.deadline = now + (TCP_WAIT if self.over_tcp else WAITS[self._round])

    def expired(self) -> int:
        """The deadline passed."""
        return self._next(errno.ETIMEDOUT)

    def unsent(self, error: int) -> int:
        """The query could not be sent, or the TCP connection failed."""
        return self._next(error)

    def refused(self, error: int) -> int:
        """The server, or the network on its behalf, answered with an error."""
        if not self.over_tcp and self._round == PATIENT:
            return WAIT
        return self._next(error)

    def received(self, reply: bytes, query: bytes) -> int:
        """A datagram or a whole TCP message arrived, after this query was sent."""
        too_long = len(reply) > dns.LONGEST_DATAGRAM and not self.over_tcp
        if too_long or not dns.matches(reply, query):
            return self._next(errno.EPROTO) if self.over_tcp else WAIT
        flags = dns.flags(reply)
        if flags & dns.TRUNCATED:
            return self._switch_to_tcp()
        if flags & dns.RCODE not in (0, dns.NXDOMAIN):
            return self.refused(errno.EAGAIN)
        self.answer = reply
        return ANSWERED

    def _switch_to_tcp(self) -> int:
        if self.over_tcp:
            return self._next(errno.EPROTO)
        self.over_tcp, self.server = True, 0
        return ASK

    def _next(self, error: int) -> int:
        self.error = error
        self.server += 1
        if self.server < self._servers:
            return ASK
        if self.over_tcp or self._round + 1 == len(WAITS):
            return FAILED
        self._round += 1
        self.server = 0
        return ASK
