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
             -b backlog    how many clients may wait to be accepted (20)
             -o -O         leave, or clear (default), the IP options of a connection
             -d -D         delay small packets (default), or send them at once
             -p -P         forget a client's name that does not point back to its address; or not (default)
             -h -H         look up the client's name (default), or not
             -r -R         ask the client's IDENT server who it is (default), or not
             -t timeout    seconds for IDENT (26)
             -l localname  the name of this side; without it the local address is looked up
             -4 -6 -I interface   see IPv6
Environment: UID, GID          used by -U
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

Unlike the original, a -u or -g that does not begin with a digit is refused, where the original would take
it as 0 and remain root. A variable without a name, which a rule can set, is not passed on.
"""

import os
import select

from pysvc import launch
from pysvc.formats import ip, number
from pysvc.unix import hosts, incoming, signals, tcp
from pysvc.unix.incoming import Settings
from pysvc.unix.options import BadOption, complaint
from pysvc.unix.settings import COMMON, COMMON_VALUES, SILENT, count, heard, take
from pysvc.unix.strerr import Fatal, unable_to, usage, warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from typing import Any, NoReturn

    from pysvc.unix.settings import Flags, Values

LARGEST_ID = 0xFFFFFFFE
FLAGS: "Flags" = {
    **COMMON,
    "1": ("print_port", True), "X": ("rules_optional", True),
    "o": ("keep_ip_options", True), "O": ("keep_ip_options", False),
    "p": ("paranoid", True), "P": ("paranoid", False),
}  # fmt: skip
VALUES: "Values" = {
    **COMMON_VALUES,
    "c": ("limit", count), "x": ("rules", str), "B": ("banner", os.fsencode), "b": ("backlog", count),
    "u": ("uid", str), "g": ("gid", str),
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
    signals.unblock(signals.SIGCHLD)
    children = signals.SelfPipe([signals.SIGCHLD])
    signals.catch(signals.SIGTERM, lambda: os._exit(0))  # also in a child, until its program starts
    signals.ignore(signals.SIGPIPE)
    listener = tcp.listen(_address(settings, host), port, settings.backlog, settings.interface)
    settings.load_lookups()
    launch.preload(settings.program[0])
    _become(uid, gid)
    server = Server(settings, listener, children)
    if settings.print_port:
        server.print_port()
    os.closerange(0, 2)
    launch.freeze()
    server.run()


def _id(kind: str, word: str) -> int:
    """A uid or gid to take, 0 for none. Fatal where the original would silently remain root."""
    value, rest = number.scan(os.fsencode(word))
    if value > LARGEST_ID or (word and len(rest) == len(os.fsencode(word))):
        raise Fatal(f"unable to figure out {kind} for {word}")
    return value


def _address(settings: Settings, host: str) -> bytes:
    """The packed address to listen on. Fatal if the host has none."""
    if host in ("", "0"):
        return ip.ANY6 if settings.six else ip.ANY4
    return hosts.addresses(host, settings.ipv4_only, settings.six)[0]


def _become(uid: int, gid: int) -> None:
    if gid:
        with unable_to("set gid"):
            os.setgroups([gid])
            os.setgid(gid)
    if uid:
        with unable_to("set uid"):
            os.setuid(uid)


class Server:
    """The parent: accepts while fewer than the limit run, and counts those that end."""

    def __init__(
        self, settings: Settings, listener: "_socket.socket", children: signals.SelfPipe
    ) -> None:
        self._settings, self._listener, self._children = settings, listener, children
        self._port = listener.getsockname()[1]
        self._running = 0

    def print_port(self) -> None:
        try:
            os.write(1, b"%d\n" % self._port)
        except OSError:
            pass  # nobody wants to know

    def run(self) -> "NoReturn":
        """Serve until SIGTERM ends the process."""
        full = select.poll()
        full.register(self._children.fd, select.POLLIN)
        free = select.poll()
        free.register(self._children.fd, select.POLLIN)
        free.register(self._listener.fileno(), select.POLLIN)
        self._log_status()
        while True:
            waiting = full if self._running >= self._settings.limit else free
            ready = [fd for fd, _ in waiting.poll()]
            if self._children.fd in ready:
                self._children.arrived()
                self._reap()
            else:
                self._accept()

    def _log_status(self) -> None:
        self._settings.log(b"status: %d/%d" % (self._running, self._settings.limit))

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            self._settings.log(b"end %d status %d" % (pid, status))
            self._running = max(0, self._running - 1)
            self._log_status()

    def _accept(self) -> None:
        try:
            fd, address = tcp.accept(self._listener)
        except OSError:
            return  # the client has gone again, or there is no descriptor; the next turn tries anew
        self._running += 1
        self._log_status()
        try:
            launch.fork("tcpserver", lambda: self._serve(fd, address))
        except OSError as error:
            if self._settings.verbosity != SILENT:
                warn("tcpserver", "dropping connection, unable to fork", error)
            self._running -= 1
            self._log_status()
        os.close(fd)

    def _serve(self, fd: int, address: "tuple[Any, ...]") -> int:
        self._listener.close()
        return incoming.serve(self._settings, fd, address, self._port)
