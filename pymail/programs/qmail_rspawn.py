"""qmail-rspawn - run the remote deliveries that qmail-send asks for

Synopsis:    qmail-rspawn
Environment: QMAILREMOTE   the program that delivers (default qmail-remote), looked for along PATH
Files:       queue/mess         the messages
             queue/lock/tcpto   which hosts timed out; forgotten when qmail-rspawn starts
Exit codes:  0 no more requests; 111 no queue

Descriptor 0 has requests, descriptor 1 gets reports. Where the program that delivers is the qmail-remote of
this installation, its processes are kept for a while, and their connections too, for the next delivery to
the same place. Whether it is may be looked at only once a second.
"""

import os
import time

from pymail.delivery import spawning
from pymail.delivery.courier import Courier, Delivery, joined
from pymail.delivery.spawning import Spawner
from pymail.engines.spawner import Slots
from pymail.formats import ip4, smtproutes, spawnreport
from pymail.unix import dns, tcpto
from pymail.unix.controls import Controls
from pymail.unix.home import Home
from pysvc import launch
from pysvc.unix import chain, launchers, signals, title
from pysvc.unix.strerr import PERMANENT, TEMPORARY, temporary, unable_to
from pysvc.workers.pool import Work

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pymail.protocols.spawn import Request
    from pysvc.workers.worker import Channel

REMOTE = "qmail-remote"
VALID = 1.0  # seconds for which the program that delivers is taken for what it was


def main(argv: list[str]) -> int:
    home = Home.of(argv[0])
    spawning.enter(home)
    tcpto.clear(home)
    program = os.environ.get("QMAILREMOTE", REMOTE)
    launch.preload(program)
    own, resolver = Own(program), Resolver(home)
    server = Spawner(
        home, "qmail-rspawn", Slots(spawnreport.remote), lambda request: _deliver(program, request)
    )

    def plan(request: "Request", go: "Callable[[Work | None], None]") -> None:
        remote_home = own.home()
        if remote_home is not None and resolver.prepare(_host(request.recipient)):
            server.pool.close()  # those that wait there have no resolver
        go(None if remote_home is None else _work(remote_home, request))

    server.plan, server.pool.any_key = plan, True
    launch.freeze()
    server.run()
    return 0


class Own:
    """Knows whether the program that delivers is this installation's qmail-remote."""

    __slots__ = ("_home", "_name", "_until")

    def __init__(self, name: str) -> None:
        """name: of the program, a path or a word to be searched along PATH."""
        self._name = name
        self._home: Home | None = None
        self._until = 0.0

    def home(self) -> Home | None:
        """The home that it serves; None if it is any other program."""
        now = time.monotonic()
        if now >= self._until:
            self._home, self._until = self._look(), now + VALID
        return self._home

    def _look(self) -> Home | None:
        for path in chain.candidates(self._name):
            launcher = launchers.recognise(path)
            if launcher is not None:
                return Home.of(path) if launcher.name == REMOTE else None
            if os.access(path, os.X_OK):
                break
        return None


class Resolver:
    """Loads the resolver once, here, before the first delivery that will ask DNS, not in every worker."""

    __slots__ = ("_controls", "_loaded", "_routes", "_state")

    def __init__(self, home: Home) -> None:
        self._controls, self._loaded = Controls(home), False
        self._state: object = None
        self._routes: dict[bytes, bytes] = {}

    def prepare(self, host: bytes) -> bool:
        """Before a delivery to a host; whether the resolver has been loaded just now."""
        if self._loaded or not self._asks_dns(host):
            return False
        self._loaded = True
        try:
            dns.load()
        except (ImportError, OSError):
            return False  # each worker will say so
        launch.freeze()
        return True

    def _asks_dns(self, host: bytes) -> bool:
        try:
            state = self._controls.state("smtproutes")
            if state != self._state:
                self._routes, self._state = self._controls.mapping("smtproutes"), state
        except OSError:
            return False  # the worker will say so
        route = smtproutes.find(self._routes, host)
        return ip4.parse_literal(route[0] if route else host) is None


def _host(recipient: bytes) -> bytes:
    return recipient.rpartition(b"@")[2]


def _deliver(program: str, request: "Request") -> int:
    """In a child: become the program that delivers to the recipient's host."""
    try:
        chain.run([program, *map(os.fsdecode, (_host(request.recipient), request.sender, request.recipient))])
    except OSError as error:
        return TEMPORARY if temporary(error) else PERMANENT


def _work(home: Home, request: "Request") -> Work:
    """A delivery for a worker, preferably one that has talked to the same host."""
    words = request.sender + b"\0" + request.recipient
    return Work(_host(request.recipient), words, lambda channel: _serve(home, channel), answers=True)


def _serve(home: Home, channel: "Channel") -> int:
    """In a worker: deliver what comes, and keep the connection for the next while nothing comes."""
    signals.ignore(signals.SIGPIPE)
    with unable_to(f"chdir to {home.path}"):
        os.chdir(home.path)
    courier = Courier(home)
    shown: bytes | None = None
    while True:
        courier.wait(channel.fileno())
        request = channel.take()
        if request is None:
            courier.leave()
            return 0
        sender, recipient = request.split(b"\0")
        host = _host(recipient)
        if host != shown:
            shown = host
            title.set_title([REMOTE, os.fsdecode(host)])
        channel.answer(0, joined(courier.deliver(Delivery(host, sender, [recipient]))))
