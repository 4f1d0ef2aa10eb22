"""Where the mail for a host goes, by control files and DNS

What was found is remembered for the next message, but no longer than DNS allows and SECONDS; and nothing
outlasts a change of a control file. Source: qmail-remote manual.
"""

import time

from pymail.delivery import remote
from pymail.formats import smtproutes
from pymail.unix.controls import Controls
from pymail.unix.dns import Lookups
from pymail.unix.interfaces import local_addresses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pymail.unix.home import Home

FILES = ("helohost", "me", "smtproutes", "timeoutconnect", "timeoutremote")
TIMEOUT_CONNECT, TIMEOUT_REMOTE = 60, 1200  # seconds
SECONDS = 2    # that a destination is remembered, at most
MOST = 100     # destinations remembered
NO_CONTROLS = b"ZUnable to read control files. (#4.3.0)\n"


class Configuration:
    """What the control files say. Raises OSError, Undeliverable."""

    __slots__ = ("helo", "routes", "timeout", "timeout_connect")

    def __init__(self, controls: Controls) -> None:
        helo = controls.host("helohost")
        self.routes = controls.mapping("smtproutes")
        self.timeout = controls.number("timeoutremote", TIMEOUT_REMOTE)
        self.timeout_connect = controls.number("timeoutconnect", TIMEOUT_CONNECT)
        if helo is None:
            raise remote.Undeliverable(NO_CONTROLS)
        self.helo = helo


class Destination:
    """The addresses to try, in this order, and the port; `configuration` is that by which they were found."""

    __slots__ = ("addresses", "configuration", "lasting", "port")

    def __init__(self, configuration: Configuration, addresses: list[bytes], port: int, lasting: int) -> None:
        """lasting: for how many seconds at least this holds."""
        self.configuration, self.addresses, self.port, self.lasting = configuration, addresses, port, lasting


class Directions:
    """Tells where mail goes, for one home."""

    __slots__ = ("_configuration", "_controls", "_known", "_state")

    def __init__(self, home: "Home") -> None:
        self._controls = Controls(home)
        self._state: list[tuple[int, ...] | None] = []
        self._configuration: Configuration | None = None
        self._known: dict[bytes, tuple[float, Destination]] = {}  # until when

    def to(self, host: bytes) -> Destination:
        """Where mail for a host goes now. Raises Undeliverable."""
        try:
            configuration = self._current()
        except OSError:
            raise remote.Undeliverable(NO_CONTROLS) from None
        until, destination = self._known.get(host, (0.0, None))
        if destination is None or time.monotonic() >= until:
            destination = find(configuration, host)
            self._remember(host, destination)
        return destination

    def _current(self) -> Configuration:
        """The configuration, read anew if a file has changed. Raises OSError, Undeliverable."""
        state = self._controls.state(*FILES)
        if self._configuration is None or state != self._state:
            self._configuration = None
            self._known.clear()
            self._configuration, self._state = Configuration(self._controls), state
        return self._configuration

    def _remember(self, host: bytes, destination: Destination) -> None:
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[host] = time.monotonic() + min(destination.lasting, SECONDS), destination


def find(configuration: Configuration, host: bytes) -> Destination:
    """Look a host up. Raises Undeliverable."""
    lookups = Lookups()
    route = smtproutes.find(configuration.routes, host)
    if route is not None:
        relay, port = route
        found = remote.find(lookups, relay, routed=True)
    else:
        port = smtproutes.SMTP
        found = remote.find(lookups, host, routed=False)
        try:
            found = remote.without_self(found, local_addresses())
        except OSError:
            raise remote.Undeliverable(remote.RESOURCES) from None
    return Destination(configuration, [address for _, address in found], port, lookups.lasting)
