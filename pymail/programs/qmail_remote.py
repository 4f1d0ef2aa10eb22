"""qmail-remote - deliver one message to another host by SMTP

Sends the message on descriptor 0 to the recipients by the mail exchangers of host, or by the relay that
control/smtproutes names. Its success is only in its reports on descriptor 1, each ended by a zero byte:

    r      a recipient was accepted       K      the message was accepted for the recipients with r
    hTEXT  a recipient was refused        DTEXT  the message was refused
    sTEXT  … was refused for now          ZTEXT  the message was refused for now, or nobody knows

Reports on recipients come first, in the order of the arguments; the one on the message comes last.

Synopsis:    qmail-remote host sender recipient ...
Files:       control/helohost        what to call this host; default me
             control/smtproutes      domain:relay or domain:relay:port, in place of MX records
             control/timeoutconnect  seconds for each attempt to connect; default 60
             control/timeoutremote   seconds to wait for the other host; default 1200
             queue/lock/tcpto        hosts that lately timed out: left alone for an hour or more
Exit codes:  0 always

Whatever in the message is a line end to anybody (CR, LF, CR LF) is sent as CR LF, and a dot behind it is
doubled. An address with a line end in it is refused as wrong usage. Once a connection is made no other
host is tried. Addresses are IPv4 only.
"""

import os
import time

from pymail.delivery import remote
from pymail.formats import smtproutes
from pymail.protocols.smtp_client import Conversation
from pymail.unix.connection import Connection
from pymail.unix.controls import Controls
from pymail.unix.dns import Lookups
from pymail.unix.home import Home
from pymail.unix.interfaces import local_addresses
from pymail.unix.tcpto import Timeouts
from pysvc.formats import ip
from pysvc.unix import signals
from pysvc.unix.files import write_all
from pysvc.unix.strerr import Fatal

TIMEOUT_CONNECT, TIMEOUT_REMOTE = 60, 1200  # seconds
MISUSED = b"DI (qmail-remote) was invoked improperly. (#5.3.5)\n"
NO_HOME = b"ZUnable to switch to home directory. (#4.3.0)\n"
NO_CONTROLS = b"ZUnable to read control files. (#4.3.0)\n"
NO_MEMORY = b"ZOut of memory. (#4.3.0)\n"


def main(argv: list[str]) -> int:
    signals.ignore(signals.SIGPIPE)
    try:
        reports = deliver(argv)
    except remote.Undeliverable as trouble:
        reports = [trouble.report]
    except MemoryError:
        reports = [NO_MEMORY]
    try:
        write_all(1, b"".join(report + b"\0" for report in reports))
    except OSError:
        pass  # nobody wants to know
    return 0


class Configuration:
    """The control files of one home. Raises Undeliverable."""

    __slots__ = ("helo", "routes", "timeout", "timeout_connect")

    def __init__(self, home: Home) -> None:
        controls = Controls(home)
        try:
            helo = controls.host("helohost")
            self.routes = controls.mapping("smtproutes")
            self.timeout = controls.number("timeoutremote", TIMEOUT_REMOTE)
            self.timeout_connect = controls.number("timeoutconnect", TIMEOUT_CONNECT)
        except OSError:
            raise remote.Undeliverable(NO_CONTROLS) from None
        if helo is None:
            raise remote.Undeliverable(NO_CONTROLS)
        self.helo = helo


def deliver(argv: list[str]) -> list[bytes]:
    """Every report on one delivery. Raises Undeliverable."""
    if len(argv) < 4:
        raise remote.Undeliverable(MISUSED)
    host, sender, *recipients = map(os.fsencode, argv[1:])
    if any(b"\r" in address or b"\n" in address for address in (sender, *recipients)):
        raise remote.Undeliverable(MISUSED)  # a line end would begin another command
    home = served(argv[0])
    configuration = Configuration(home)
    addresses, port = places(configuration, host)
    timeouts = Timeouts(home, os.getpid())
    peer, address = remote.connect(addresses, port, configuration.timeout_connect, timeouts, time.time)
    conversation = Conversation(ip.text(address), configuration.helo, sender, recipients)
    remote.converse(Connection(peer.fileno(), peer.fileno(), configuration.timeout), conversation, 0)
    peer.close()
    return conversation.reports


def served(argv0: str) -> Home:
    """The home, as the current directory. Raises Undeliverable."""
    try:
        home = Home.of(argv0)
        os.chdir(home.path)
    except (Fatal, OSError):
        raise remote.Undeliverable(NO_HOME) from None
    return home


def places(configuration: Configuration, host: bytes) -> tuple[list[bytes], int]:
    """(addresses to try, port). Raises Undeliverable."""
    route = smtproutes.find(configuration.routes, host)
    if route is not None:
        relay, port = route
        found = remote.find(Lookups(), relay, routed=True)
    else:
        port = smtproutes.SMTP
        found = remote.find(Lookups(), host, routed=False)
        try:
            found = remote.without_self(found, local_addresses())
        except OSError:
            raise remote.Undeliverable(remote.RESOURCES) from None
    return [address for _, address in found], port
