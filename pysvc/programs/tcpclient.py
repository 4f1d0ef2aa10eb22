"""tcpclient - make a TCP connection and run a program with it

Synopsis:    tcpclient [ -hHrRdDqQv ] [ -i localip ] [ -p localport ] [ -T timeoutconn ]
             [ -l localname ] [ -t timeoutinfo ] host port program
Options:     -q -Q -v      say nothing; only errors (default); errors, and when the connection is there
             -i localip    the address to come from
             -p localport  the port to come from
             -T x+y        seconds for an attempt to connect (2+58): where host has several addresses,
                           x for each, then y for each that was silent; where it has one, x+y
             -d -D         delay small packets (default), or send them at once
             -h -H         look up the name of the other side (default), or not
             -r -R         ask the IDENT server of the other side who runs it (default), or not
             -t timeoutinfo  seconds for IDENT (26)
             -l localname  the name of this side; without it the local address is looked up
             -4 -6 -I interface   see IPv6
Environment: DNSCACHEIP        addresses of DNS servers, instead of those in /etc/resolv.conf
             DNSREWRITEFILE    rules that qualify host, instead of /etc/dnsrewrite
             LOCALDOMAIN       domains that qualify host, instead of those in /etc/resolv.conf
Exit codes:  100 wrong usage; 111 no connection, or the program cannot be run; else the program's own

host is a name or address, 0 for this machine; port a number or a service. The program can read from the
connection as descriptor 6 and write to it as descriptor 7; descriptors 0, 1 and 2 are left alone. It gets
PROTO, TCPLOCALIP, TCPLOCALPORT, TCPLOCALHOST, TCPREMOTEIP, TCPREMOTEPORT, TCPREMOTEHOST and TCPREMOTEINFO.
A host that DNS knows no name for is set to the empty string; what is not known is not set.

IPv6: host may be an IPv6 address or a name that has only such; -6 prefers IPv6, makes host 0 mean ::1 and
shows IPv4 addresses in IPv6 form; -4 looks host up as an IPv4 name only; -I names the interface of a
link-local host. The program then gets PROTO=TCP6, and every variable also with TCP6 in place of TCP.
"""

import os

from pysvc.formats import ip, number, ucspi
from pysvc.unix import chain, descriptors, outgoing, signals, tcp
from pysvc.unix.options import BadOption, complaint
from pysvc.unix.outgoing import Settings
from pysvc.unix.settings import COMMON, COMMON_VALUES, ULONG, count, heard, take
from pysvc.unix.strerr import unable_to, usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from pysvc.unix.settings import Values


def _local_ip(value: str) -> bytes:
    packed = ip.leading_quad(os.fsencode(value))[0] or tcp.ipv6_literal(value)
    if packed is None:
        raise usage(__doc__)
    return packed


def _limits(value: str) -> tuple[int, int]:
    """x+y as two numbers; what is missing is 0."""
    first, rest = number.scan(os.fsencode(value))
    return first & ULONG, number.scan(rest.removeprefix(b"+"))[0] & ULONG


VALUES: "Values" = {
    **COMMON_VALUES,
    "i": ("local_ip", _local_ip), "p": ("local_port", lambda value: count(value) % 65536),
    "T": ("limits", _limits),
}  # fmt: skip


def main(argv: list[str]) -> int:
    os.closerange(descriptors.READ, descriptors.WRITE + 1)
    signals.ignore(signals.SIGPIPE)
    settings = Settings()
    arguments = argv[1:]
    try:
        take(settings, arguments, COMMON, VALUES, {})
    except BadOption as bad:
        raise complaint(argv[0], bad, usage(__doc__).line("tcpclient")) from None
    with heard(settings.verbosity):
        _start(settings, arguments)


def _start(settings: Settings, arguments: list[str]) -> "NoReturn":
    if len(arguments) < 2:
        raise usage(__doc__)
    host, port, program = arguments[0], tcp.port_number(arguments[1]), arguments[2:]
    if not program:
        raise usage(__doc__)
    connection = outgoing.connect(settings, host, port)
    if not settings.delay:
        tcp.no_delay(connection)
    environment = dict(os.environb)
    ucspi.apply(environment, outgoing.learn(settings, connection).variables())
    descriptors.as_client(connection.detach())
    signals.default(signals.SIGPIPE)
    with unable_to(f"run {program[0]}"):
        chain.run(program, environment)
