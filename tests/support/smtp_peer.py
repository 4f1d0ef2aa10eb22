"""An SMTP server that follows a script, in a thread, for one connection"""

import socket
import threading
from collections.abc import Iterable

CLOSE = None         # in a script: hang up instead of replying
SILENCE = b""        # in a script: say nothing until the client hangs up


class SmtpPeer:
    """replies: the greeting, then the reply to each command, and to the message after a 354.

    Behind a reply without a line end it hangs up.

    When it is done, `commands` holds what the client sent line by line, `message` the body as it came,
    with its final dot, and `rest` what came after the last reply.
    """

    def __init__(self, *replies: bytes | None) -> None:
        self._replies = replies
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(30)
        self.port = int(self._listener.getsockname()[1])
        self.commands: list[bytes] = []
        self.message = b""
        self.rest = b""
        self.connections = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Wait until the connection is over."""
        self._thread.join(30)
        assert not self._thread.is_alive()
        self._listener.close()

    def close(self) -> None:
        """For a peer that nobody will connect to any more."""
        self._listener.close()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        self.connections += 1
        connection.settimeout(30)
        with connection, connection.makefile("rb") as lines:
            in_message = False
            for number, reply in enumerate(self._replies):
                if in_message:
                    self.message = self._read_message(lines)
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
