"""Delivers messages to other hosts, over the connection of the message before where that can be

Only a message that the server has asked for (354) ends over such a connection. Whatever else happens there,
a refusal or a broken connection, counts for nothing: the message gets a connection of its own, and what the
server says there is reported, as if there had been none before. A message that was asked for is never sent
a second time: that is how duplicates come about (RFC 1047).
"""

import os
import select
import time

from pymail.delivery import remote
from pymail.delivery.directions import Directions
from pymail.delivery.sessions import Session
from pymail.protocols.smtp_client import Conversation
from pymail.unix.tcpto import Timeouts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pymail.delivery.directions import Destination
    from pymail.unix.home import Home

KEPT = 2.0  # seconds for which a connection waits for the next message
MOST = 100  # messages over one connection
MISUSED = b"DI (qmail-remote) was invoked improperly. (#5.3.5)\n"
NO_MEMORY = b"ZOut of memory. (#4.3.0)\n"


class Delivery:
    """host: whose exchangers take the mail. message: a descriptor to read it from, at its beginning."""

    __slots__ = ("host", "message", "recipients", "sender")

    def __init__(self, host: bytes, sender: bytes, recipients: list[bytes], message: int = 0) -> None:
        self.host, self.sender, self.recipients, self.message = host, sender, recipients, message


def joined(reports: list[bytes]) -> bytes:
    """The reports on a delivery as qmail-remote writes them."""
    return b"".join(report + b"\0" for report in reports)


class Courier:
    """What one process that delivers has at hand."""

    __slots__ = ("_directions", "_home", "_kept", "_kept_for", "_until")

    def __init__(self, home: "Home") -> None:
        self._home, self._directions = home, Directions(home)
        self._kept: Session | None = None
        self._kept_for: Destination | None = None
        self._until = 0.0

    def deliver(self, delivery: Delivery) -> list[bytes]:
        """Every report on one delivery."""
        try:
            return self._deliver(delivery)
        except remote.Undeliverable as trouble:
            return [trouble.report]
        except MemoryError:
            return [NO_MEMORY]

    def _deliver(self, delivery: Delivery) -> list[bytes]:
        if any(b"\r" in address or b"\n" in address for address in (delivery.sender, *delivery.recipients)):
            raise remote.Undeliverable(MISUSED)  # a line end would begin another command
        destination = self._directions.to(delivery.host)
        session = self._take(destination)
        if session is not None:
            conversation = self._converse(session, destination, delivery)
            if conversation.begun:
                return conversation.reports
        return self._converse(self._connect(destination), destination, delivery).reports

    def _converse(self, session: Session, destination: "Destination", delivery: Delivery) -> Conversation:
        """Hold a conversation, then keep the connection or leave it."""
        helo = destination.configuration.helo
        conversation = Conversation(session.server, helo, delivery.sender, delivery.recipients)
        session.hold(conversation, delivery.message)
        more = conversation.accepted and session.server.extended and session.messages < MOST
        if more and session.in_step:
            self._kept, self._kept_for, self._until = session, destination, time.monotonic() + KEPT
        else:
            session.leave()
        return conversation

    def _connect(self, destination: "Destination") -> Session:
        """Raises Undeliverable."""
        timeouts, configuration = Timeouts(self._home, os.getpid()), destination.configuration
        peer, address = remote.connect(
            destination.addresses, destination.port, configuration.timeout_connect, timeouts, time.time
        )
        return Session(peer, address, destination.port, configuration.timeout)

    def _take(self, destination: "Destination") -> Session | None:
        """The connection that was kept, if it leads to that destination and can still be used."""
        session = self._kept
        if session is None:
            return None
        if self._leads_to(session, destination) and time.monotonic() < self._until and session.quiet():
            self._kept = None
            return session
        self.leave()
        return None

    def _leads_to(self, session: Session, destination: "Destination") -> bool:
        """Whether a new connection would begin with the same address, or try the same ones in turn."""
        kept_for = self._kept_for
        return (
            kept_for is not None
            and kept_for.configuration is destination.configuration
            and session.port == destination.port
            and (session.address == destination.addresses[0] or kept_for.addresses == destination.addresses)
        )

    def wait(self, fd: int) -> None:
        """Wait until there is something to read from a descriptor, or no connection is kept any more:
        because its time is over, or the server speaks unasked or closes it."""
        if self._kept is None:
            return
        ready = select.poll()
        for each in (fd, self._kept.fileno()):
            ready.register(each, select.POLLIN)
        found = dict(ready.poll(max(0.0, self._until - time.monotonic()) * 1000))
        if fd not in found:
            self.leave()

    def leave(self) -> None:
        """Take leave of the server whose connection was kept."""
        if self._kept is not None:
            self._kept.leave()
            self._kept = None
