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
host is tried. Addresses are IPv4 only. Where the greeting says ESMTP and the server then offers
PIPELINING, the commands for a message are sent at once; otherwise one after the other.
"""

import os

from pymail.delivery.courier import MISUSED, Courier, Delivery, joined
from pymail.unix.home import Home
from pysvc.unix import signals
from pysvc.unix.files import write_all
from pysvc.unix.strerr import Fatal

NO_HOME = b"ZUnable to switch to home directory. (#4.3.0)\n"


def main(argv: list[str]) -> int:
    signals.ignore(signals.SIGPIPE)
    try:
        write_all(1, joined(deliver(argv)))
    except OSError:
        pass  # nobody wants to know
    return 0


def deliver(argv: list[str]) -> list[bytes]:
    """Every report on one delivery."""
    if len(argv) < 4:
        return [MISUSED]
    try:
        home = Home.of(argv[0])
        os.chdir(home.path)
    except (Fatal, OSError):
        return [NO_HOME]
    host, sender, *recipients = map(os.fsencode, argv[1:])
    courier = Courier(home)
    reports = courier.deliver(Delivery(host, sender, recipients))
    courier.leave()
    return reports
