"""A connection that tcpserver has accepted, in its own process: who is it, may it, then run the program"""

import _socket
import os

from pysvc.engines.limits import refusal_by
from pysvc.formats import ip, number, tcprules, ucspi
from pysvc.unix import chain, descriptors, files, names, rules, signals, tcp
from pysvc.unix.settings import ERRORS, STATUS, heard
from pysvc.unix.strerr import PERMANENT, TEMPORARY, Fatal, reason, unable_to

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from pysvc.engines.limits import Limit, Refusal

LEAST_BACKLOG = 20
MAXIMA = (b"MAXCONNIP", b"MAXCONNC")  # of the limits patch: connections of an address, of its network


class Settings:
    """What tcpserver's options ask for, the program, and the environment to which variables are added."""

    name = b"tcpserver"
    verbosity = ERRORS
    print_port = rules_optional = keep_ip_options = paranoid = ipv4_only = six = False
    delay = remote_name = remote_info = True
    limit, timeout = 40, 26
    backlog: int | None = None
    rules: str | None = None
    banner = b""
    uid = gid = "0"
    local_name: bytes | None = None
    interface = ""
    per_address: "Limit | None" = None
    per_network: "Limit | None" = None

    def __init__(self) -> None:
        self.program: list[str] = []
        self.environment: dict[bytes, bytes] = {}  # copied once, not for each connection

    def take_ids(self) -> None:
        """Take the ids to become from the environment, where it has them."""
        self.uid = os.environ.get("UID", self.uid)
        self.gid = os.environ.get("GID", self.gid)

    def log(self, line: bytes) -> None:
        """Tell of a step, in one write, if that is wanted."""
        if self.verbosity == STATUS:
            try:
                os.write(2, b"%s: %s\n" % (self.name, line))
            except OSError:
                pass  # nobody reads the log

    def may_wait(self) -> int:
        """How many clients may wait to be accepted; those beyond try again after a second or more."""
        return max(self.limit, LEAST_BACKLOG) if self.backlog is None else self.backlog

    def counts_clients(self) -> bool:
        """Whether connections must be counted by address: for a limit, or for one that a rule may set."""
        limits = (self.per_address, self.per_network, self.rules)
        return any(limit is not None for limit in limits) or any(name in self.environment for name in MAXIMA)

    def waits(self) -> bool:
        """Whether anything about a connection may have to be waited for before its program starts."""
        return self.remote_name or self.remote_info or self.local_name is None or bool(self.banner)

    def load_lookups(self) -> None:
        """Import the code for look-ups that each connection will take, before the first fork."""
        if self.remote_name or self.local_name is None:
            from pysvc.unix import dns  # noqa: F401
        if self.remote_info:
            from pysvc.unix import ident  # noqa: F401


class dropping(unable_to):
    """`unable_to` for one connection: its process ends with a warning, the server goes on."""

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if isinstance(error, OSError):
            text = f"dropping connection, unable to {self.doing}: {reason(error)}"
            raise Fatal(text, TEMPORARY, "warning") from error


def serve(
    settings: Settings, fd: int, address: "tuple[Any, ...]", local_port: int, there: "tuple[int, int] | None"
) -> int:
    """Do for an accepted connection what the settings say, then become the program.

    address: as accept returned it. there: how many other connections its address and network have; None if
    nobody counts. Returns the exit code where a rule denies; Fatal if the connection is dropped.
    """
    with heard(settings.verbosity):
        connection = ucspi.Connection(local_port, tcp.packed(address), address[1], settings.six)
        settings.log(b"pid %d from %s" % (os.getpid(), connection.text(connection.remote_ip)))
        _prepare(settings, fd, connection)
        connection.interface = tcp.interface_name(address)
        names.look_up(settings, connection)
        environment = settings.environment.copy()
        ucspi.apply(environment, connection.variables())
        allowed = obey_rules(settings, connection, environment)
        refusal = _refusal(environment, there) if allowed else None
        if allowed and refusal is None:
            settings.log(b"ok %d %s" % (os.getpid(), connection.log_fields()))
            _run(fd, settings.program, environment)
        _deny(settings, fd, connection, refusal)
        return PERMANENT


def ready(
    settings: Settings, fd: int, address: "tuple[Any, ...]", local_port: int, there: "tuple[int, int] | None"
) -> "Ready | None":
    """What the server itself can do for a connection where there is nothing to be waited for.

    None where the connection is not let in, or something is wrong: serve, in a process of its own, does and
    says the rest.
    """
    connection = ucspi.Connection(local_port, tcp.packed(address), address[1], settings.six)
    environment = settings.environment.copy()
    try:
        _prepare(settings, fd, connection)
        connection.interface = tcp.interface_name(address)
        connection.local_host = settings.local_name
        ucspi.apply(environment, connection.variables())
        allowed = obey_rules(settings, connection, environment)
    except (Fatal, MemoryError):
        return None
    if not allowed or _refusal(environment, there) is not None:
        return None
    return Ready(settings, fd, connection, environment)


class Ready:
    """A connection that is let in, and the environment for its program.

    To execute a program of others out of a fork of an interpreter costs as much again as the program: the
    less that fork does, the better, and best is none.
    """

    __slots__ = ("_connection", "_environment", "_fd", "_settings")

    def __init__(
        self, settings: Settings, fd: int, connection: ucspi.Connection, environment: dict[bytes, bytes]
    ) -> None:
        self._settings, self._fd = settings, fd
        self._connection, self._environment = connection, environment

    def spawn(self) -> int | None:
        """Start the program at once; its pid. None where that must be told of, or is not possible."""
        if self._settings.verbosity == STATUS:
            return None
        try:
            return chain.spawn(self._settings.program, self._environment, self._fd)
        except OSError:
            return None

    def run(self) -> "NoReturn":
        """In a process of its own: tell of the connection and become the program."""
        with heard(self._settings.verbosity):
            pid, connection, log = os.getpid(), self._connection, self._settings.log
            log(b"pid %d from %s" % (pid, connection.text(connection.remote_ip)))
            log(b"ok %d %s" % (pid, connection.log_fields()))
            _run(self._fd, self._settings.program, self._environment)


def turn_away(
    settings: Settings, fd: int, address: "tuple[Any, ...]", local_port: int, refusal: "Refusal"
) -> None:
    """Tell a client, and the log, that it is one too many."""
    connection = ucspi.Connection(local_port, tcp.packed(address), address[1], settings.six)
    connection.local_host = settings.local_name
    try:
        connection.local_ip = tcp.packed(tcp.local_address(fd))
    except OSError:
        connection.local_ip = ip.ANY4  # the client has gone
    _deny(settings, fd, connection, refusal)


def _deny(settings: Settings, fd: int, connection: ucspi.Connection, refusal: "Refusal | None") -> None:
    line = b"deny %d %s" % (os.getpid(), connection.log_fields())
    if refusal is not None:
        line += b" %s: %s" % (refusal.name, refusal.figure)
        if refusal.message:
            tcp.send_now(fd, refusal.message + b"\r\n")
    settings.log(line)


def _refusal(environment: dict[bytes, bytes], there: "tuple[int, int] | None") -> "Refusal | None":
    """What in the environment stands against one more connection of this client."""
    if there is None:
        return None
    values = [environment.get(name, b"") for name in MAXIMA]
    most, most_of_network = (number.scan(value)[0] if value else None for value in values)
    message = environment.get(b"DIEMSG", b"")
    return refusal_by(there, (most, most_of_network), message)


def _run(fd: int, program: list[str], environment: dict[bytes, bytes]) -> "NoReturn":
    with dropping("set up descriptors"):
        descriptors.as_server(fd)
    signals.default(signals.SIGPIPE)
    with dropping(f"run {program[0]}"):
        chain.run(program, environment)


def _prepare(settings: Settings, fd: int, connection: ucspi.Connection) -> None:
    """Set the socket's options, send the banner, find out the local address."""
    socket = _socket.socket(tcp.family(connection.remote_ip), _socket.SOCK_STREAM, 0, fd)
    try:
        if not settings.keep_ip_options:
            tcp.clear_ip_options(socket)
        if not settings.delay:
            tcp.no_delay(socket)
        if settings.banner:
            with dropping("print banner"):
                files.write_all(fd, settings.banner)
        with dropping("get local address"):
            connection.local_ip = tcp.packed(socket.getsockname())
    finally:
        socket.detach()


def obey_rules(settings: Settings, connection: ucspi.Connection, environment: dict[bytes, bytes]) -> bool:
    """Set what the rule for the connection sets; whether it is allowed. Fatal if there is no telling."""
    if settings.rules is None:
        return True
    text = ip.text(ip.plain(connection.remote_ip))
    with dropping(f"read {settings.rules}"):
        try:
            rule = rules.decide(settings.rules, text, connection.remote_host, connection.remote_info)
        except FileNotFoundError:
            if settings.rules_optional:
                return True
            raise
    allowed = True
    for item in tcprules.items(rule[1] if rule else b""):
        if item is None:
            allowed = False
        elif item[0]:  # no environment holds a variable without a name
            environment[item[0]] = item[1]
    return allowed
