"""A client that hands over messages by QMTP or QMQP: its connection, its messages, the log, the end

The conversation itself is in protocols/qmtp.py and protocols/qmqp.py.
"""

import os
import time

from pymail.formats import logline
from pymail.formats.received import network_received
from pymail.queue.submission import Submission
from pymail.unix import sessionlog
from pymail.unix.connection import Connection
from pymail.unix.home import Home
from pymail.unix.incoming import peer_of
from pymail.unix.queue_service import Line
from pysvc.formats import cdb
from pysvc.formats.netstring import Malformed, TooLong
from pysvc.unix import signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST = 3600  # seconds for the whole session
OVER, MALFORMED, TROUBLE = 0, 100, 111  # exit codes


class Expired(Exception):
    """The session took too long."""


class Reception:
    """The client at descriptors 0 and 1; program, protocol: as they stand in the log and in Received."""

    __slots__ = ("_home", "_line", "_peer", "_program", "_protocol", "_submission", "connection")

    def __init__(self, home: Home, program: bytes, protocol: bytes) -> None:
        self._home, self._program, self._protocol = home, program, protocol
        self._peer = peer_of(os.environb)
        self._line = Line(home)
        self._submission: Submission | None = None
        self.connection = Connection(0, 1, LONGEST)

    def run(self, converse: "Callable[[Connection], bool]") -> int:
        """Let converse() talk with the client, who may go at any time; the exit code.

        converse: returns whether the client went where it may go.
        """
        signals.ignore(signals.SIGPIPE)
        signals.catch(signals.SIGALRM, _expire)
        signals.alarm(LONGEST)
        why, code = b"connection lost", OVER
        try:
            if converse(self.connection):
                why = b""
            self.connection.flush()
        except (TimeoutError, Expired):
            why, code = b"timeout", TROUBLE
        except OSError:
            pass
        except Malformed:
            why, code = b"malformed", MALFORMED
        except TooLong:
            why, code = b"too much", TROUBLE
        except cdb.Malformed:
            why, code = b"unable to read controls: morercpthosts.cdb", TROUBLE
        signals.alarm(0)
        self.abandon()
        self._line.close()
        if why:
            self.log(b"trouble", b": " + why)
        return code

    def write(self, block: bytes) -> None:
        """Add to the message; the first block, which may be empty, begins it."""
        if self._submission is None:
            self._submission = Submission(self._home, self._line)
            peer = self._peer
            self._submission.write(
                network_received(
                    self._protocol, peer.local, remote_host=peer.host, remote_ip=peer.ip, info=peer.info,
                    now=int(time.time()),
                )
            )  # fmt: skip
        self._submission.write(block)

    def abandon(self) -> None:
        """Queue nothing of the message that has begun, if one has."""
        if self._submission is not None:
            self._submission.abandon()
            self._submission = None

    def finish(self, sender: bytes, recipients: list[bytes], size: int, refusal: bytes) -> bytes:
        """Queue the message unless it is refused; the answer, class letter first. size: in bytes."""
        about = b" sender %s recipients %d bytes %d" % (logline.angled(sender), len(recipients), size)
        if not refusal and self._submission is not None:
            receipt = self._submission.finish(sender, recipients)
            self._submission = None
            if not receipt.text:
                self.log(b"accepted", about + b" qp %d" % receipt.qp)
                return b"Kok %d qp %d" % (int(time.time()), receipt.qp)
            refusal = receipt.text
        self.abandon()
        self.log(b"rejected", about + b": " + logline.text(refusal))
        return refusal

    def refused(self, sender: bytes, recipient: bytes, answer: bytes) -> None:
        """Log that a recipient is not accepted."""
        addresses = logline.angled(sender), logline.angled(recipient)
        self.log(b"rejected", b" sender %s recipient %s: " % addresses + logline.text(answer))

    def log(self, what: bytes, rest: bytes) -> None:
        who = self._program, os.getpid(), what, logline.field(self._peer.ip), logline.field(self._peer.host)
        sessionlog.write(b"%s: %d %s from %s (%s)" % who + rest + b"\n")


def _expire() -> None:
    raise Expired
