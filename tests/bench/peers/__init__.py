"""The systems under test, each installed in a rig and up when it is made

What the loads need of one, as in `Peer`, and how each is set: the best reasonable settings, in `settings`.
"""

from typing import Protocol


class System(Protocol):
    """Any system: what it is, how it is set, and which processes are its own."""

    name: str
    version: str
    settings: tuple[str, ...]  # what is not the default

    def roots(self) -> list[int]:
        """The processes from which all others of the system descend, as this computer numbers them."""


class Pop3Peer(System, Protocol):
    """A POP3 server."""

    pop3: int  # port


class Peer(System, Protocol):
    """A mail transfer agent."""

    smtp: int  # port
    domain: str  # of local recipients
    sendmail: str

    def queued(self) -> int:
        """How many messages its queue holds, without those of the backlog."""

    def backlog(self, count: int) -> None:
        """Restart with a queue in which so many messages wait, and come to rest."""
