"""qmail-rspawn - run the remote deliveries that qmail-send asks for

Synopsis:    qmail-rspawn
Environment: QMAILREMOTE   the program that delivers (default qmail-remote), looked for along PATH
Files:       queue/mess         the messages
             queue/lock/tcpto   which hosts timed out; forgotten when qmail-rspawn starts
Exit codes:  0 no more requests; 111 no queue

Descriptor 0 has requests, descriptor 1 gets reports.
"""

import os

from pymail.delivery import spawning
from pymail.engines.spawner import Slots
from pymail.formats import ip4, smtproutes, spawnreport
from pymail.unix import dns, tcpto
from pymail.unix.controls import Controls
from pymail.unix.home import Home
from pysvc import launch
from pysvc.unix import chain
from pysvc.unix.strerr import PERMANENT, TEMPORARY, temporary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pymail.protocols.spawn import Request


def main(argv: list[str]) -> int:
    home = Home.of(argv[0])
    spawning.enter(home)
    tcpto.clear(home)
    program = os.environ.get("QMAILREMOTE", "qmail-remote")
    resolver = Resolver(home, wanted=launch.preload(program))
    slots = Slots(spawnreport.remote)
    server = spawning.Spawner(
        home, "qmail-rspawn", slots, lambda request: _deliver(program, request), resolver.prepare
    )
    launch.freeze()
    server.run()
    return 0


class Resolver:
    """Loads the resolver once, here, before the first delivery that will ask DNS, not in every child."""

    __slots__ = ("_controls", "_wanted")

    def __init__(self, home: Home, wanted: bool) -> None:
        """wanted: whether the program that delivers is ours."""
        self._controls, self._wanted = Controls(home), wanted

    def prepare(self, request: "Request") -> None:
        if self._wanted and self._asks_dns(_host(request)):
            self._wanted = False
            try:
                dns.load()
            except (ImportError, OSError):
                return  # each qmail-remote will say so
            launch.freeze()

    def _asks_dns(self, host: bytes) -> bool:
        try:
            route = smtproutes.find(self._controls.mapping("smtproutes"), host)
        except OSError:
            return False  # qmail-remote will say so
        return ip4.parse_literal(route[0] if route else host) is None


def _host(request: "Request") -> bytes:
    return request.recipient.rpartition(b"@")[2]


def _deliver(program: str, request: "Request") -> int:
    """In the child: become the program that delivers to the recipient's host."""
    try:
        chain.run([program, *map(os.fsdecode, (_host(request), request.sender, request.recipient))])
    except OSError as error:
        return TEMPORARY if temporary(error) else PERMANENT
