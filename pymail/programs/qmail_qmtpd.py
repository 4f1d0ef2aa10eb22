"""qmail-qmtpd - receive mail by QMTP

Serves one client, connected to descriptors 0 and 1 by tcpserver or tcp-env; port 209.

Synopsis:    qmail-qmtpd
Files:       control/rcpthosts          domains that recipients may have; without the file, any domain
             control/morercpthosts.cdb  more of them, compiled by qmail-newmrh
             control/databytes          the most bytes of a message; 0, the default, is no limit
Environment: RELAYCLIENT     accept every recipient domain, and append the value to each recipient
             DATABYTES       in place of control/databytes
             TCPREMOTEIP, TCPREMOTEHOST, TCPREMOTEINFO, TCPLOCALHOST, TCPLOCALIP
                             who is connected to whom; for the Received line and the log
             QMAILQUEUE      another program in place of qmail-queue
Exit codes:  0 the client has gone; 100 it does not speak QMTP; 111 it took more than an hour, or sent more
             than 200000000 bytes or 100000 recipients in a message, or the control files cannot be read

Log: one line on descriptor 2 for each decision; values as in the log of qmail-smtpd.

    qmail-qmtpd: PID accepted from IP (HOST) sender <S> recipients N bytes B qp P
    qmail-qmtpd: PID rejected from IP (HOST) sender <S> recipient <R>: ANSWER
    qmail-qmtpd: PID rejected from IP (HOST) sender <S> recipients N bytes B: ANSWER
    qmail-qmtpd: PID trouble from IP (HOST): WHAT

WHAT is `connection lost`, in the middle of a message, `timeout`, `malformed`, `too much`, or `unable to read
controls`.
"""

import os

from pymail.protocols.qmtp import Envelope, Rules, Session
from pymail.queue.reception import TROUBLE, Reception
from pymail.unix.connection import Connection
from pymail.unix.controls import Controls
from pymail.unix.home import Home
from pymail.unix.incoming import recipient_hosts, size_limit
from pysvc.unix.strerr import reason

REUSABLE = True


def main(argv: list[str]) -> int:
    home = Home.of(argv[0])
    reception = Reception(home, b"qmail-qmtpd", b"QMTP")
    try:
        rules = read_rules(home)
    except OSError as error:
        reception.log(b"trouble", b": unable to read controls: " + os.fsencode(reason(error)))
        return TROUBLE
    return reception.run(lambda connection: converse(connection, reception, rules))


def read_rules(home: Home) -> Rules:
    """What the control files and the environment say. Raises OSError."""
    controls = Controls(home)
    hosts = recipient_hosts(home, controls)
    return Rules(hosts, size_limit(controls), os.environb.get(b"RELAYCLIENT"))


def converse(connection: Connection, reception: Reception, rules: Rules) -> bool:
    """Take messages until the client ends; whether it does so between two of them."""
    session = Session(rules)
    while block := connection.read():
        for event in session.feed(block):
            if isinstance(event, Envelope):
                connection.send(event.reply(conclude(reception, event)))
            else:
                reception.write(b"" if session.current.refusal else event)
    return session.idle


def conclude(reception: Reception, envelope: Envelope) -> bytes:
    """Queue a message for the recipients that are accepted; their answer."""
    for address, answer in envelope.refused:
        reception.refused(envelope.sender, address, answer)
    if not envelope.recipients:
        reception.abandon()
        return b""
    return reception.finish(envelope.sender, envelope.recipients, envelope.size, envelope.refusal)
