"""tcpserver - accept TCP connections and run a program for each

Synopsis:    tcpserver [ -1UXpPhHrRoOdDqQv ] [ -c limit ] [ -x rules.cdb ] [ -B banner ] [ -g gid ]
             [ -u uid ] [ -b backlog ] [ -l localname ] [ -t timeout ] host port program
Options:     -q -Q -v      say nothing; only errors (default); errors, and a line for each step
             -c limit      at most so many programs at a time (40); 0 accepts nothing
             -x rules.cdb  obey the rules that tcprules wrote; the file is read for each connection
             -X            where there is no rules.cdb, allow everybody
             -B banner     send this to each client first, also to those who will be turned away
             -g gid -u uid  the ids to take once the socket listens, as numbers; 0 (default) takes none
             -U            take them from the environment, UID and GID
             -1            print the port on descriptor 1 once the socket listens
             -b backlog    how many clients may wait to be accepted (as many as -c says, and at least 20)
             -o -O         leave, or clear (default), the IP options of a connection
             -d -D         delay small packets (default), or send them at once
             -p -P         forget a client's name that does not point back to its address; or not (default)
             -h -H         look up the client's name (default), or not
             -r -R         ask the client's IDENT server who it is (default), or not
             -t timeout    seconds for IDENT (26)
             -l localname  the name of this side; without it the local address is looked up
             -C limit[:message]  for each address: see Limits
             -N limit[:message]  for each network: see Limits
             -4 -6 -I interface   see IPv6
Environment: UID, GID          used by -U
             LISTEN_FDS, LISTEN_PID  sockets that were passed on: see Restarts
             MAXCONNIP, MAXCONNC, DIEMSG  see Limits
             DNSCACHEIP        addresses of DNS servers, instead of those in /etc/resolv.conf
             DNSREWRITEFILE    rules that qualify host, instead of /etc/dnsrewrite
             LOCALDOMAIN       domains that qualify host, instead of those in /etc/resolv.conf
Exit codes:  0 on SIGTERM; 100 wrong usage; 111 anything else. Programs that run go on after SIGTERM.

host is a name or address of this side, 0 for all IPv4 addresses; port a number or a service, 0 for any
free one. The program gets the connection as descriptors 0 and 1, and PROTO, TCPLOCALIP, TCPLOCALPORT,
TCPLOCALHOST, TCPREMOTEIP, TCPREMOTEPORT, TCPREMOTEHOST and TCPREMOTEINFO; what is not known is not set.

With -v each connection is told of on descriptor 2:

    tcpserver: status: 1/40
    tcpserver: pid PID from REMOTEIP
    tcpserver: ok PID LHOST:LIP:LPORT RHOST:RIP:INFO:RPORT      (or deny)
    tcpserver: end PID status WAITSTATUS

IPv6: host may be an IPv6 address or a name that has only such; `::` serves IPv4 clients too, and -6 makes
host 0 mean `::`. IPv6 clients get PROTO=TCP6 and IPv6 text in the variables; IPv4 clients PROTO=TCP and
dotted text, unless -6 asks for the IPv6 form. Every variable is also set with TCP6 in place of TCP, and
TCP6INTERFACE for a link-local client. -4 looks host up as an IPv4 name only; -I names the interface of a
link-local host.

Limits: -C 5 lets five clients of one address in at a time, -C 5,30/60 also no more than thirty in sixty
seconds (all at once, then one every two seconds), -C ,30/60 only the latter. -N is the same for a network.
Who is turned away is sent the message with CRLF, and costs no process. One address is one IPv4 address or
one /64 of IPv6, one network a /24 or a /48. A rule, or the environment of tcpserver, can set MAXCONNIP and
MAXCONNC, how many of one address or network may be there at a time for this client to be let in, and DIEMSG,
what it is sent if it is not. The deny line then ends in the limit:

    tcpserver: deny PID LHOST:LIP:LPORT RHOST:RIP:INFO:RPORT MAXCONNIP: 5    (MAXCONNC, MAXRATEIP, MAXRATEC)

PID is tcpserver's own where -C or -N decided.

Restarts: where LISTEN_FDS passes sockets on (from systemd, or fdretrieve), tcpserver accepts from all of them
and takes no other; host and port are only looked at. Whoever holds the sockets keeps clients waiting in the
kernel while there is no tcpserver. SIGTERM loses no connection: one that was accepted gets its program.

Processes: a program of this installation that allows it (qmail-smtpd, qmail-qmtpd, qmail-qmqpd, rblsmtpd,
proxy-server) is run again in its process for a later client, up to 500 times, as long as the process still
has its ids; so a pid may stand in the log of several connections. Idle processes end after two seconds. Where
tcpserver was given descriptors for its programs besides 0, 1 and 2, or its user cannot enter its directory,
each client gets a process of its own.

Unlike the original, a -u or -g that does not begin with a digit is refused, where the original would take
it as 0 and remain root. A variable without a name, which a rule can set, is not passed on. What an IDENT
server says has every byte that means something to a shell or a terminal replaced by `?`.
"""

import _socket
import marshal
import os
import time

from pysvc import launch, recurring
from pysvc.engines.limits import Gate, Limit, Malformed
from pysvc.formats import number
from pysvc.unix import activation, hosts, incoming, signals, tcp
from pysvc.unix.accepting import Server
from pysvc.unix.incoming import Settings
from pysvc.unix.options import BadOption, complaint
from pysvc.unix.settings import COMMON, COMMON_VALUES, SILENT, count, heard, take
from pysvc.unix.strerr import Fatal, unable_to, usage, warn
from pysvc.workers.pool import Pool, Work
from pysvc.workers.worker import CONNECTION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pysvc.unix import launchers
    from pysvc.unix.settings import Flags, Values
    from pysvc.workers.worker import Channel

    Client = tuple[tuple[Any, ...], int, tuple[int, int] | None]  # as incoming.serve takes it

LARGEST_ID = 0xFFFFFFFE


def _limit(word: str) -> Limit:
    try:
        return Limit.parse(os.fsencode(word))
    except Malformed:
        raise usage(__doc__) from None


FLAGS: "Flags" = {
    **COMMON,
    "1": ("print_port", True), "X": ("rules_optional", True),
    "o": ("keep_ip_options", True), "O": ("keep_ip_options", False),
    "p": ("paranoid", True), "P": ("paranoid", False),
}  # fmt: skip
VALUES: "Values" = {
    **COMMON_VALUES,
    "c": ("limit", count), "x": ("rules", str), "B": ("banner", os.fsencode), "b": ("backlog", count),
    "u": ("uid", str), "g": ("gid", str), "C": ("per_address", _limit), "N": ("per_network", _limit),
}  # fmt: skip


def main(argv: list[str]) -> int:
    settings = Settings()
    arguments = argv[1:]
    try:
        take(settings, arguments, FLAGS, VALUES, {"U": settings.take_ids})
    except BadOption as bad:
        raise complaint(argv[0], bad, usage(__doc__).line("tcpserver")) from None
    with heard(settings.verbosity):
        return _start(settings, arguments)


def _start(settings: Settings, arguments: list[str]) -> int:
    if len(arguments) < 2:
        raise usage(__doc__)
    host, port, settings.program = arguments[0], tcp.port_number(arguments[1]), arguments[2:]
    if not settings.program:
        raise usage(__doc__)
    uid, gid = _id("uid", settings.uid), _id("gid", settings.gid)
    server = TcpServer(settings)
    server.listeners = activation.inherited(_socket.AF_INET, _socket.AF_INET6)
    if not server.listeners:
        address = hosts.own_address(host, settings.ipv4_only, settings.six)
        server.listeners = [tcp.listen(address, port, settings.may_wait(), settings.interface)]
    settings.environment = dict(os.environb)
    settings.load_lookups()
    server.get_ready()
    _become(uid, gid)
    if settings.print_port:
        server.print_ports()
    server.rehearse()
    _use_null()
    launch.freeze()
    server.log_status()
    server.run()


def _id(kind: str, word: str) -> int:
    """A uid or gid to take, 0 for none. Fatal where the original would silently remain root."""
    value, rest = number.scan(os.fsencode(word))
    if value > LARGEST_ID or (word and len(rest) == len(os.fsencode(word))):
        raise Fatal(f"unable to figure out {kind} for {word}")
    return value


def _use_null() -> None:
    """Let go of descriptors 0 and 1, but leave their numbers to nothing else."""
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    for fd in (0, 1):
        os.dup2(null, fd, inheritable=False)
    if null > 1:
        os.close(null)


def _become(uid: int, gid: int) -> None:
    if gid:
        with unable_to("set gid"):
            os.setgroups([gid])
            os.setgid(gid)
    if uid:
        with unable_to("set uid"):
            os.setuid(uid)


class TcpServer(Server):
    """The parent: turns away those who are too many, starts a process for each other."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.limit)
        self._settings = settings
        self._ports: dict[_socket.socket, int] = {}
        self._gate: Gate | None = None
        self._own: launchers.Launcher | None = None
        self._prepares = self._reuses = False
        self._pool = Pool("tcpserver", self.watch, self.unwatch, settings.limit)
        self._pool.places = CONNECTION
        self._waiting: set[int] = set()  # workers that serve nobody

    def get_ready(self) -> None:
        """Load and learn what each connection needs, once it is clear where they come from."""
        settings = self._settings
        self._ports = {listener: listener.getsockname()[1] for listener in self.listeners}
        if settings.counts_clients():
            self._gate = Gate(settings.per_address, settings.per_network)
        self._own = own = launch.preload(settings.program[0])
        self._prepares = own is None and not settings.waits()
        # A worker keeps nothing open: what was passed on is found in a process of one's own alone.
        passes_on = any(fd > 2 for fd in launch.passed_on())
        self._reuses = own is not None and launch.reusable(own) and not passes_on

    def rehearse(self) -> None:
        """Once this process has the ids that its programs will have."""
        if self._reuses and self._own is not None:
            recurring.rehearse(self._own, self._settings.program)

    def print_ports(self) -> None:
        try:
            os.write(1, b"".join(b"%d\n" % port for port in self._ports.values()))
        except OSError:
            pass  # nobody wants to know

    def log_status(self) -> None:
        self._settings.log(b"status: %d/%d" % (self.running, self.limit))

    def buried(self, pid: int, status: int) -> None:
        if pid in self._waiting:
            self._waiting.discard(pid)
        else:
            self.served(pid, status)

    def served(self, pid: int, status: int) -> None:
        super().served(pid, status)
        if self._gate is not None:
            self._gate.end(pid)
        self._settings.log(b"end %d status %d" % (pid, status))
        self.log_status()

    def patience(self) -> float | None:
        now = time.monotonic()
        when = self._pool.tick(now)
        return None if when is None else max(0, when - now) * 1000 + 1

    def serve(self, fd: int, address: "tuple[Any, ...]", listener: _socket.socket) -> None:
        port = self._ports[listener]
        if self._gate is not None:
            refusal = self._gate.refusal(tcp.packed(address), time.monotonic())
            if refusal is not None:
                return incoming.turn_away(self._settings, fd, address, port, refusal)
        self.running += 1
        self.log_status()
        pid = self._process(fd, address, port)
        if not pid:
            self.running -= 1
            self.log_status()
        elif self._gate is not None:
            self._gate.admit(tcp.packed(address), time.monotonic(), pid)
        return None

    def _process(self, fd: int, address: "tuple[Any, ...]", port: int) -> int:
        """The pid of a process that serves a connection; 0 if there is none."""
        there = self._gate.there(tcp.packed(address)) if self._gate is not None else None
        client = address, port, there
        try:
            if self._reuses:
                return self._employ(fd, client)
            if self._prepares:
                connection = incoming.ready(self._settings, fd, address, port, there)
                if connection is not None:
                    return connection.spawn() or launch.fork("tcpserver", connection.run)
            return launch.fork("tcpserver", lambda: self._serve(fd, client))
        except OSError as error:
            if self._settings.verbosity != SILENT:
                warn("tcpserver", "dropping connection, unable to fork", error)
            return 0

    def _serve(self, fd: int, client: "Client") -> int:
        self.close()
        return incoming.serve(self._settings, fd, *client)

    def _employ(self, fd: int, client: "Client") -> int:
        """Have a worker serve a connection. Raises OSError."""
        work = Work("", marshal.dumps(client), self._work)
        pid = self._pool.give(work, (fd,), lambda answer: self._answered(pid, answer))
        self._waiting.discard(pid)
        return pid

    def _work(self, channel: "Channel") -> int:
        """In a worker."""
        return recurring.serve(channel, "tcpserver", self._serve_one)

    def _serve_one(self, request: bytes) -> int:
        signals.catch(signals.SIGTERM, lambda: os._exit(0))  # until its program starts, as in any other child
        return incoming.serve(self._settings, 0, *marshal.loads(request))

    def _answered(self, pid: int, answer: bytes | None) -> None:
        """A worker has served its client. Where there is no answer the end of its process tells how."""
        if answer is not None:
            self._waiting.add(pid)
            self.served(pid, answer[0] << 8)
