"""qmail-qmqpd - receive mail by QMQP

Serves one client, connected to descriptors 0 and 1 by tcpserver or tcp-env; port 628. Whoever may connect
may send anything to anybody: tcpserver's rules must let trusted hosts in and nobody else.

Synopsis:    qmail-qmqpd
Environment: TCPREMOTEIP, TCPREMOTEHOST, TCPREMOTEINFO, TCPLOCALHOST, TCPLOCALIP
                          who is connected to whom; for the Received line and the log
             QMAILQUEUE   another program in place of qmail-queue
Exit codes:  0 the message was answered, or the client has gone; 100 it does not speak QMQP; 111 it took
             more than an hour, or sent more than 200000000 bytes or 1000000 recipients

Log: one line on descriptor 2; values as in the log of qmail-smtpd.

    qmail-qmqpd: PID accepted from IP (HOST) sender <S> recipients N bytes B qp P
    qmail-qmqpd: PID rejected from IP (HOST) sender <S> recipients N bytes B: ANSWER
    qmail-qmqpd: PID trouble from IP (HOST): WHAT

WHAT is `connection lost`, before the message was complete, `timeout`, `malformed` or `too much`.
"""

from pymail.protocols.qmqp import Session
from pymail.queue.reception import Reception
from pymail.unix.connection import Connection
from pymail.unix.home import Home
from pysvc.formats import netstring

REUSABLE = True


def main(argv: list[str]) -> int:
    reception = Reception(Home.of(argv[0]), b"qmail-qmqpd", b"QMQP")
    return reception.run(lambda connection: converse(connection, reception))


def converse(connection: Connection, reception: Reception) -> bool:
    """Take one message; whether all of it came."""
    session = Session()
    while not session.done:
        block = connection.read()
        if not block:
            return False
        reception.write(session.feed(block))
    sender = session.sender or b""
    answer = reception.finish(sender, session.recipients, session.size, session.refusal)
    connection.send(netstring.encode(answer))
    return True
