"""proxy-server - learn from a proxy who the client is, run a program

Synopsis:    proxy-server [ -hHpPqQvX ] [ -x rules.cdb ] [ -t timeout ] -f network[,network...] program
Options:     -f network    the proxies, as `192.0.2.7/32`, `10/8`, `2001:db8::/32`; can be given again
             -t timeout    seconds in which the header must have come (10)
             -x rules.cdb  obey these rules, of tcprules, for the client
             -X            where there is no rules.cdb, allow everybody
             -h -H         look up the client's name, or not (default)
             -p -P         forget a name that does not point back to its address; or not (default)
             -q -Q -v      say nothing; only errors (default); errors, and a line for each client
Environment: TCPREMOTEIP   who has connected, from tcpserver; must be one of the proxies
             DNSCACHEIP    addresses of DNS servers, instead of those in /etc/resolv.conf
Exit codes:  1 no header, or a malformed one; 100 not a proxy, a rule denies, or wrong usage; 111 time over,
             or the program cannot be run; else the program's own

Reads the header of the PROXY protocol, version 1 or 2, from descriptor 0, and nothing after it. The program
gets TCPREMOTEIP, TCPREMOTEPORT, TCPLOCALIP and TCPLOCALPORT of the client's connection to the proxy, PROTO
and the TCP6 variables to match, and TCPREMOTEHOST if it was looked up; TCPREMOTEINFO is removed, TCPLOCALHOST
stays. Where the proxy says that it speaks for itself (LOCAL), or does not know its client (UNKNOWN),
everything stays as tcpserver set it. What comes without a header from a proxy, or from elsewhere, is dropped:

    proxy-server: warning: dropping connection, malformed PROXY header from 192.0.2.7

    tcpserver -v -R -H -l0 0 smtp proxy-server -v -f 192.0.2.7/32 -x smtp.cdb qmail-smtpd

tcpserver's own rules, limits and look-ups are about the proxy; those here about the client, and what both set
the program gets. So tcpserver's rule for the proxy must not set RELAYCLIENT: it would hold for everybody.
With -v:

    proxy-server: ok PID LHOST:LIP:LPORT RHOST:RIP::RPORT      (or deny)
"""

import os
import select
import time

from pysvc.formats import ip, ucspi
from pysvc.formats.proxy import Ends, Malformed, Scanner
from pysvc.unix import chain, environment, incoming, names, tcp
from pysvc.unix.options import BadOption, complaint
from pysvc.unix.settings import ERRORS, SILENT, STATUS, count, heard, take
from pysvc.unix.strerr import PERMANENT, TEMPORARY, Fatal, unable_to, usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvc.unix.settings import Flags, Values

REUSABLE = True
NO_HEADER = 1  # exit code
FLAGS: "Flags" = {
    "q": ("verbosity", SILENT), "Q": ("verbosity", ERRORS), "v": ("verbosity", STATUS),
    "h": ("remote_name", True), "H": ("remote_name", False),
    "p": ("paranoid", True), "P": ("paranoid", False), "X": ("rules_optional", True),
}  # fmt: skip


class Settings(incoming.Settings):
    """As tcpserver's, of which a few can be asked for here."""

    name = b"proxy-server"
    remote_name = remote_info = False
    timeout = 10

    def __init__(self) -> None:
        super().__init__()
        self.proxies: list[tuple[bytes, int]] = []
        self.environment = environment.current()

    def add_proxies(self, word: str) -> None:
        for text in os.fsencode(word).split(b","):
            network = ip.network(text)
            if network is None:
                raise usage(__doc__)
            self.proxies.append(network)


def main(argv: list[str]) -> int:
    settings = Settings()
    arguments = argv[1:]
    values: Values = {
        "f": ("last_proxies", settings.add_proxies), "t": ("timeout", count), "x": ("rules", str),
    }  # fmt: skip
    try:
        take(settings, arguments, FLAGS, values, {})
    except BadOption as bad:
        raise complaint(argv[0], bad, usage(__doc__).line("proxy-server")) from None
    if not arguments or not settings.proxies:
        raise usage(__doc__)
    settings.program = arguments
    with heard(settings.verbosity):
        return _serve(settings)


def _serve(settings: Settings) -> int:
    sender = settings.environment.get(b"TCPREMOTEIP", b"")
    packed = ip.plain(ip.parse(sender) or b"")
    if not any(ip.within(packed, network, size) for network, size in settings.proxies):
        raise _dropped("not a proxy:", sender, PERMANENT)
    ends = _header(sender, settings.timeout)
    if ends is None or _is_let_in(settings, ends):
        with unable_to(f"run {settings.program[0]}"):
            chain.run(settings.program, settings.environment)
    return PERMANENT


def _dropped(why: str, sender: bytes, code: int) -> Fatal:
    shown = "".join(c if "!" <= c <= "~" else "?" for c in sender.decode("latin-1"))
    return Fatal(f"dropping connection, {why} {shown}", code, "warning")


def _header(sender: bytes, seconds: int) -> Ends | None:
    """The ends of the client's connection, None if those of the proxy's count. Fatal if it does not say."""
    deadline = time.monotonic() + seconds
    scanner = Scanner()
    try:
        while scanner.wanted:
            if not tcp.wait(0, select.POLLIN, deadline):
                raise _dropped("no PROXY header in time from", sender, TEMPORARY)
            data = os.read(0, scanner.wanted)
            if not data:
                raise _dropped("no PROXY header from", sender, NO_HEADER)
            scanner.feed(data)
    except Malformed:
        raise _dropped("malformed PROXY header from", sender, NO_HEADER) from None
    except OSError:
        raise _dropped("no PROXY header from", sender, NO_HEADER) from None
    return scanner.ends


def _is_let_in(settings: Settings, ends: Ends) -> bool:
    """Tell the environment of a client, and the log; whether the rules allow it."""
    environment = settings.environment
    connection = ucspi.Connection(ends.local_port, ends.remote_ip, ends.remote_port)
    connection.local_ip, settings.local_name = ends.local_ip, b""  # nothing to be looked up
    names.look_up(settings, connection)
    for name in [name for name in environment if name.startswith(b"TCP6")]:
        del environment[name]
    connection.local_host = environment.get(b"TCPLOCALHOST")  # also unknown it stays
    ucspi.apply(environment, connection.variables())
    allowed = incoming.obey_rules(settings, connection, environment)
    settings.log(b"%s %d %s" % (b"ok" if allowed else b"deny", os.getpid(), connection.log_fields()))
    return allowed
