"""qmail-smtpd - receive mail by SMTP

Serves one client, connected to descriptors 0 and 1 by tcpserver or tcp-env.

Synopsis:    qmail-smtpd
Files:       control/smtpgreeting     what to say first, the host's name as its first word; default me
             control/rcpthosts        domains that recipients may have; without the file, any domain
             control/morercpthosts.cdb  more of them, compiled by qmail-newmrh
             control/badmailfrom      senders, or @domain, that are refused
             control/databytes        the most bytes of a message; 0, the default, is no limit
             control/localiphost      the domain that stands for @[address of this host]; default me
             control/timeoutsmtpd     seconds to wait for the client; default 1200
Environment: RELAYCLIENT     accept every recipient domain, and append the value to each recipient
             DATABYTES       in place of control/databytes
             TCPREMOTEIP, TCPREMOTEHOST, TCPREMOTEINFO, TCPLOCALHOST, TCPLOCALIP
                             who is connected to whom; for the Received line and the log
             QMAILQUEUE      another program in place of qmail-queue
Exit codes:  0 the client said QUIT; 1 the conversation ended otherwise; 111 trouble with the home

A message must use CR LF: a LF alone ends the connection, so that no other server can be made to see
two messages where this one sees one. Of a command line 65536 bytes are kept; a longer one is
answered as an unknown command.

Log: one line on descriptor 2 for each decision, one write each; none where that is the client, as
under inetd.

    qmail-smtpd: PID accepted from IP (HOST) helo NAME sender <S> recipients N bytes B qp P
    qmail-smtpd: PID rejected from IP (HOST) helo NAME sender <S> recipient <R>: REPLY
    qmail-smtpd: PID rejected from IP (HOST) helo NAME sender <S> recipients N bytes B: REPLY
    qmail-smtpd: PID trouble from IP (HOST) helo NAME: WHAT

The second form answers RCPT, or MAIL, which has no recipient yet; the third, a whole message. WHAT is
`timeout`, `connection lost` or `stray newline`, then the command that came before, or `unable to
read controls`. No value holds a space or a control byte (`_` stands for it), an unknown one is `-`;
nothing that the client chose stands before its address.
"""

import os
import time

from pymail.formats import logline
from pymail.formats.received import Peer
from pymail.protocols import smtp_server
from pymail.protocols.commands import Commands
from pymail.protocols.smtp_server import Rules, Session, Transfer
from pymail.queue.submission import Submission
from pymail.unix import sessionlog
from pymail.unix.connection import Connection
from pymail.unix.controls import Controls
from pymail.unix.home import Home
from pymail.unix.incoming import peer_of, recipient_hosts, size_limit
from pymail.unix.interfaces import local_addresses
from pymail.unix.queue_service import Line
from pysvc.formats import cdb
from pysvc.unix import signals
from pysvc.unix.strerr import reason

REUSABLE = True
REHEARSAL = b"EHLO a\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<a@a.test>\r\nRSET\r\nQUIT\r\n"  # pysvc.recurring
TIMEOUT = 1200        # seconds
COMMAND_BLOCK = 4096  # bytes read at a time while commands are expected


class Unable(Exception):
    """The conversation cannot begin, or go on: the reply that says so, and the reason for the log."""

    def __init__(self, reply: bytes, why: str) -> None:
        super().__init__(why)
        self.reply, self.why = reply, why


class StrayNewline(Exception):
    """A LF without CR in a message."""


def main(argv: list[str]) -> int:
    signals.ignore(signals.SIGPIPE)
    server = Server(Home.of(argv[0]))
    code = server.serve()
    server.close()
    return code


class Server:
    """The conversation with the client at descriptors 0 and 1."""

    __slots__ = ("_commands", "_connection", "_home", "_last", "_line", "_log", "_session")

    def __init__(self, home: Home) -> None:
        self._home = home
        self._commands = Commands()
        self._last = b""  # the command that came last, for the log
        self._connection = Connection(0, 1, TIMEOUT)
        self._line = Line(home)

    def serve(self) -> int:
        """Talk until the end; the exit code."""
        peer = peer_of(os.environb)
        self._log = Log(peer)
        try:
            rules, timeout = configuration(self._home)
            self._connection = Connection(0, 1, timeout)
            self._session = Session(rules, peer)
            return self._converse()
        except Unable as unable:
            return self._end(os.fsencode(unable.why), unable.reply)
        except StrayNewline:
            return self._end(b"stray newline", smtp_server.STRAY_NEWLINE)
        except TimeoutError:
            return self._end(b"timeout", smtp_server.TIMEOUT)
        except OSError:
            return self._end(b"connection lost")
        except cdb.Malformed:
            return self._end(b"unable to read controls: morercpthosts.cdb", smtp_server.CONTROLS_UNREADABLE)
        except MemoryError:
            return self._end(b"out of memory", smtp_server.NO_MEMORY)

    def close(self) -> None:
        """What the next client's conversation does not need."""
        self._line.close()

    def _end(self, why: bytes, reply: bytes = b"") -> int:
        """Log what went wrong and say a last word, if the client still listens; the exit code."""
        after = b" after " + logline.field(self._last.upper()) if self._last else b""
        self._log.line(b"trouble", b": " + logline.text(why) + after)
        try:
            self._connection.send(reply)
            self._connection.flush()
        except OSError:
            pass
        return 1

    def _converse(self) -> int:
        session = self._session
        self._connection.send(session.greet())
        while block := self._connection.read(COMMAND_BLOCK):
            for verb, argument in self._commands.feed(block):
                self._last = verb
                self._answer(verb, session.command(verb, argument))
                if session.transfer is not None:
                    self._receive(session.transfer)
                    session.transfer = None
                if session.over:
                    self._connection.flush()
                    return 0
        raise ConnectionError

    def _answer(self, verb: bytes, reply: bytes) -> None:
        self._connection.send(reply)
        session = self._session
        self._log.helo = session.helo
        if reply.startswith(b"55") and verb in (b"mail", b"rcpt"):
            address = logline.angled(session.address)
            sender = address if verb == b"mail" else logline.angled(session.sender or b"")
            recipient = b" recipient " + address if verb == b"rcpt" else b""
            self._log.line(b"rejected", b" sender " + sender + recipient + b": " + logline.text(reply))

    def _receive(self, transfer: Transfer) -> None:
        submission = Submission(self._home, self._line)
        try:
            submission.write(self._session.received(int(time.time())))
            self._store(transfer, submission)
        except BaseException:
            submission.abandon()
            raise
        self._commands.rest = transfer.rest
        qp, reply = 0, transfer.refusal
        if reply:
            submission.abandon()
        else:
            receipt = submission.finish(transfer.sender, transfer.recipients)
            qp, reply = receipt.qp, transfer.reply(receipt.text, receipt.qp, int(time.time()))
        about = b" sender %s recipients %d bytes %d" % (
            logline.angled(transfer.sender), len(transfer.recipients), transfer.size,
        )  # fmt: skip
        if reply.startswith(b"250"):
            self._log.line(b"accepted", about + b" qp %d" % qp)
        else:
            self._log.line(b"rejected", about + b": " + logline.text(reply))
        self._connection.send(reply)

    def _store(self, transfer: Transfer, submission: Submission) -> None:
        """Hand on the message until its end, or only read it once it has earned a refusal."""
        rest = self._commands.take_rest()
        while True:
            block = rest or self._connection.read()
            if not block:
                raise ConnectionError
            rest = b""
            stored = transfer.feed(block)
            if transfer.stray:
                raise StrayNewline
            if not transfer.refusal:
                submission.write(stored)
            if not transfer.receiving:
                return


class OwnAddresses:
    """The addresses of this host; the kernel is asked when one of them may have been named."""

    __slots__ = ()

    def __contains__(self, address: object) -> bool:
        """Raises Unable."""
        try:
            return address in local_addresses()
        except OSError as error:
            why = f"unable to figure out my addresses: {reason(error)}"
            raise Unable(smtp_server.ADDRESSES_UNKNOWN, why) from error


class Log:
    """Lines about one client."""

    __slots__ = ("_from", "helo")

    def __init__(self, peer: Peer) -> None:
        self._from = b" from %s (%s) helo " % (logline.field(peer.ip), logline.field(peer.host))
        self.helo: bytes | None = None

    def line(self, what: bytes, rest: bytes) -> None:
        start = b"qmail-smtpd: %d " % os.getpid()
        sessionlog.write(start + what + self._from + logline.field(self.helo or b"") + rest + b"\n")


def configuration(home: Home) -> tuple[Rules, int]:
    """What the control files and the environment say, and the seconds to wait. Raises Unable."""
    controls = Controls(home)
    try:
        os.chdir(home.path)
        greeting = controls.host("smtpgreeting")
        my_host = controls.host("localiphost")
        timeout = controls.number("timeoutsmtpd", TIMEOUT)
        hosts = recipient_hosts(home, controls)
        bad_senders = controls.keys("badmailfrom") or frozenset()
        databytes = size_limit(controls)
    except OSError as error:
        raise Unable(smtp_server.CONTROLS_UNREADABLE, f"unable to read controls: {reason(error)}") from error
    if greeting is None:
        raise Unable(smtp_server.CONTROLS_UNREADABLE, "unable to read controls: no smtpgreeting, no me")
    rules = Rules(
        greeting, hosts, bad_senders=bad_senders, databytes=databytes,
        relay=os.environb.get(b"RELAYCLIENT"), my_host=my_host, my_addresses=OwnAddresses(),
    )  # fmt: skip
    return rules, max(timeout, 1)
