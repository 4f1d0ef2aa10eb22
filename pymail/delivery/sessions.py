"""A connection to an SMTP server, for one message after another

Source: RFC 5321 section 3.8; qmail-remote.c for a message that cannot be read, or not be sent whole.
"""

import os
import select

from pymail.protocols.smtp_client import BODY, PARTIAL_LINE, UNREADABLE, Encoder, Replies, Server
from pymail.unix.connection import Connection
from pysvc.formats import ip
from pysvc.unix.files import BLOCK

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket

    from pymail.protocols.smtp_client import Conversation, Reply

LEAVE = 2  # seconds for each wait once the message has been judged, and nothing but good manners is left


class Session:
    """address: 4 bytes. messages: how many have been sent. server: what has been learnt of it."""

    __slots__ = (
        "_connection", "_peer", "_readable", "_replies", "address", "messages", "orderly", "port", "server",
    )  # fmt: skip

    def __init__(self, peer: "_socket.socket", address: bytes, port: int, timeout: int) -> None:
        """peer: connected, non-blocking; closed by leave(). timeout: seconds for each wait."""
        self._peer, self.address, self.port = peer, address, port
        self._connection = Connection(peer.fileno(), peer.fileno(), timeout)
        self._replies = Replies()
        self._readable = select.poll()
        self._readable.register(peer.fileno(), select.POLLIN)
        self.server = Server(ip.text(address))
        self.messages = 0
        self.orderly = False  # the last conversation came to its end: there is nothing more to be said

    def hold(self, conversation: "Conversation", message: int) -> None:
        """Hold a conversation; its reports tell how it went.

        message: a descriptor to read the message from.
        """
        self.orderly = False
        self.messages += 1
        try:
            self.orderly = self._talk(conversation, message)
        except OSError:
            conversation.died()
        except _Unreadable:
            conversation.reports.append(UNREADABLE)

    def _talk(self, conversation: "Conversation", message: int) -> bool:
        """Everything up to QUIT; whether the conversation came to its end. Raises OSError, _Unreadable."""
        talk = conversation.talk()
        step = next(talk)
        while True:
            if conversation.judged:
                self._connection.hurry(LEAVE)
            if step is not BODY:
                self._connection.send(step)
            elif not self._send_message(conversation, message):
                conversation.reports.append(PARTIAL_LINE)
                return False
            try:
                step = talk.send(self._reply())
            except StopIteration:
                return True

    def _reply(self) -> "Reply":
        data = b""
        while (reply := self._replies.feed(data)) is None:
            data = self._connection.read()
            if not data:
                raise ConnectionError
        return reply

    def _send_message(self, conversation: "Conversation", message: int) -> bool:
        """Whether the message was sent whole; if not, the final dot was not sent either."""
        encoder = Encoder()
        while block := _read(message):
            self._connection.send(encoder.feed(block))
        end = encoder.finish()
        if end is None:
            return False
        conversation.sent = True
        self._connection.send(end)
        return True

    def fileno(self) -> int:
        """To wait for what would make the session useless."""
        return self._peer.fileno()

    @property
    def in_step(self) -> bool:
        """Whether nothing has been read behind the last reply."""
        return self._replies.silent

    def quiet(self) -> bool:
        """Whether the server has neither said anything since its last reply, nor closed the connection."""
        return self.in_step and not self._readable.poll(0)

    def leave(self) -> None:
        """Take leave, without waiting for an answer, and close the connection."""
        try:
            if self.orderly:
                self._connection.hurry(0)
                self._connection.send(b"QUIT\r\n")
                self._connection.flush()
        except OSError:
            pass  # the verdict has been given: nothing that goes wrong here changes it
        self._peer.close()


class _Unreadable(Exception):
    """The message cannot be read."""


def _read(message: int) -> bytes:
    try:
        return os.read(message, BLOCK)
    except OSError as error:
        raise _Unreadable from error
