"""SMTP servers that follow a script, in threads"""

import contextlib
import socket
import threading
from collections.abc import Iterable, Sequence

CLOSE = None         # in a script: hang up instead of replying
SILENCE = b""        # in a script: say nothing until the client hangs up
Script = Sequence[bytes | None]


class Talk:
    """One connection. replies: the greeting, then the reply to each command, and to a message after a 354.

    Behind a reply without a line end it hangs up.

    When it is done, `commands` holds what the client sent line by line, `messages` the bodies as they came,
    with their final dots, and `rest` what came after the last reply.
    """

    def __init__(self, replies: Script) -> None:
        self._replies = replies
        self.commands: list[bytes] = []
        self.messages: list[bytes] = []
        self.rest = b""

    def serve(self, connection: socket.socket) -> None:
        connection.settimeout(30)
        with connection, connection.makefile("rb") as lines, contextlib.suppress(ConnectionError):
            in_message = False
            for number, reply in enumerate(self._replies):
                if in_message:
                    self.messages.append(self._read_message(lines))
                elif number:
                    self.commands.append(lines.readline())
                if reply is CLOSE:
                    return
                connection.sendall(reply)
                if reply and not reply.endswith(b"\n"):
                    return
                in_message = reply.startswith(b"354")
            self.rest = lines.read()

    def _read_message(self, lines: "Iterable[bytes]") -> bytes:
        message = []
        for line in lines:
            message.append(line)
            if line == b".\r\n":
                break
        return b"".join(message)


class SmtpHost:
    """A server for as many connections as there are scripts, each of which follows the next one."""

    def __init__(self, *scripts: Script) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(30)
        self.port = int(self._listener.getsockname()[1])
        self._scripts = scripts
        self.talks: list[Talk] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def messages(self) -> list[bytes]:
        """Every body that came, over any connection."""
        return [message for talk in self.talks for message in talk.messages]

    def _accept(self) -> None:
        for script in self._scripts:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # closed
            talk = Talk(script)
            thread = threading.Thread(target=talk.serve, args=[connection], daemon=True)
            self.talks.append(talk)
            self._threads.append(thread)
            thread.start()

    def finish(self) -> None:
        """Wait until as many connections as there are scripts are over."""
        for number in range(len(self._scripts) + 1):
            self._threads[number].join(30)
            assert not self._threads[number].is_alive()
        self.close()

    def close(self) -> None:
        """For a host that nobody will connect to any more."""
        with contextlib.suppress(OSError):  # closed already
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes who accepts
        self._listener.close()
        self._threads[0].join(30)


class SmtpPeer(SmtpHost):
    """A server for one connection."""

    def __init__(self, *replies: bytes | None) -> None:
        super().__init__(replies)

    @property
    def commands(self) -> list[bytes]:
        return self.talks[0].commands

    @property
    def message(self) -> bytes:
        return b"".join(self.messages)

    @property
    def rest(self) -> bytes:
        return self.talks[0].rest

    @property
    def connections(self) -> int:
        return len(self.talks)
