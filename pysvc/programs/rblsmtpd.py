"""rblsmtpd - refuse mail from addresses that a DNS list names

Synopsis:    rblsmtpd [ -b ] [ -R ] [ -t timeout ] [ -r base ] [ -a base ] smtpd [ arg ... ]
Options:     -r base     ask the list base: a TXT record for the client's address refuses the client
             -a base     ask the anti-list base: an A record for the client's address lets it in
             -b -B       refuse for good, with 553, what is listed; or for now, with 451 (default)
             -c -C       refuse for now (default: let in) where a list cannot be asked
             -t timeout  seconds that a refused client may take (60); 0 only shows it the message
Environment: TCPREMOTEIP   the client's address
             RBLSMTPD      empty lets the client in; another text refuses it for now with that text; one
                           that begins with `-` refuses it for good with the rest
             DNSCACHEIP    addresses of DNS servers, instead of those in /etc/resolv.conf
Exit codes:  0 the client was refused; 100 wrong usage; 111 smtpd cannot be run; else smtpd's own

Options act from left to right, so -b and -c count for what follows them, and what decides first counts.
Whoever is not refused gets smtpd. Who is refused can speak SMTP, but reads the message in reply to every
RCPT; the message is also written to descriptor 2:

    rblsmtpd: IP pid PID: MESSAGE

Once a list could not be asked, nobody is refused for good. There is no list unless -r names one; in
particular not the rbl.maps.vix.com of the original, which is long gone. -R is shown for the sake of old
times and not accepted.

For an IPv6 address the name asked is its 32 digits, last one first, followed by base. Source: RFC 5782.
"""

import os

from pysvc.engines.refusal import GREETING, UNDECIDED, Decision, Session
from pysvc.formats import dns as packets
from pysvc.formats import ip
from pysvc.unix import chain, files, signals, tcp
from pysvc.unix.options import BadOption, complaint, options
from pysvc.unix.settings import count
from pysvc.unix.strerr import say, unable_to, usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

REUSABLE = True
LONGEST_TIME = 0x7FFFFFFF  # seconds


class Settings:
    """What the options before the one that is looked at ask for."""

    permanent = closed = False
    timeout = 60


FLAGS = {
    "b": ("permanent", True), "B": ("permanent", False), "c": ("closed", True), "C": ("closed", False),
}  # fmt: skip


def main(argv: list[str]) -> int:
    settings = Settings()
    decision = Decision(os.environb.get(b"RBLSMTPD"))
    arguments = argv[1:]
    try:
        for letter, value in options(arguments, "bBcCt:r:a:"):
            _obey(settings, decision, letter, value)
    except BadOption as bad:
        raise complaint(argv[0], bad, usage(__doc__).line("rblsmtpd")) from None
    if not arguments:
        raise usage(__doc__)
    return _refuse(decision.message, settings.timeout) if decision.refused else _run(arguments)


def _run(program: list[str]) -> "NoReturn":
    with unable_to(f"run {program[0]}"):
        chain.run(program)


def _obey(settings: Settings, decision: Decision, letter: str, value: str) -> None:
    if letter in FLAGS:
        setattr(settings, *FLAGS[letter])
    elif letter == "t":
        settings.timeout = min(count(value), LONGEST_TIME)
    elif decision.kind == UNDECIDED:
        ask = _ask_list if letter == "r" else _ask_anti_list
        ask(settings, decision, _name(os.environb.get(b"TCPREMOTEIP", b""), os.fsencode(value)))


def _name(address: bytes, base: bytes) -> bytes:
    """The name under which a list has an address; base alone if there is none."""
    packed = tcp.ipv6_literal(os.fsdecode(address)) if b":" in address else None
    if packed is not None:
        return packets.reversed_address(ip.plain(packed)) + b"." + base
    return b".".join([*reversed(address.split(b".")), base]) if address else base


def _ask_list(settings: Settings, decision: Decision, name: bytes) -> None:
    from pysvc.unix import dns

    try:
        decision.listed(dns.Resolver().text(name), settings.permanent)
    except OSError:
        decision.list_failed(settings.closed)


def _ask_anti_list(settings: Settings, decision: Decision, name: bytes) -> None:
    from pysvc.unix import dns

    try:
        decision.exempt(bool(dns.Resolver().addresses(name)))
    except OSError:
        decision.anti_list_failed(settings.closed)


def _refuse(message: bytes, timeout: int) -> int:
    """Tell the log, then the client."""
    address = os.environ.get("TCPREMOTEIP", "")
    say(f"rblsmtpd: {address} pid {os.getpid()}: {message.decode()}")
    try:
        _talk(message, timeout)
    except OSError:
        pass  # the client has gone
    return 0


def _talk(message: bytes, timeout: int) -> None:
    if not timeout:
        return files.write_all(1, message + b"\r\n")
    signals.catch(signals.SIGALRM, lambda: os._exit(0))  # whatever it waits for
    signals.alarm(timeout)
    session = Session(message)
    files.write_all(1, GREETING)
    for block in files.blocks(0):
        for reply in session.feed(block):
            files.write_all(1, reply)
        if session.done:
            return None
    return None
