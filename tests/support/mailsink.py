"""An SMTP server that takes every message and remembers those that it has answered for"""

import socket
import threading
from typing import BinaryIO


class MailSink:
    """`taken` holds the messages in the order in which the client was about to hear 250 for them.

    `open` is how many connections there are: who has died may have sent more than has been read here.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=50)
        self.port = int(self._listener.getsockname()[1])
        self.taken: list[bytes] = []
        self.open = 0
        self._counting = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.shutdown(socket.SHUT_RDWR)  # ends the accept that waits
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._count(1)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _count(self, change: int) -> None:
        with self._counting:
            self.open += change

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(60)
        try:
            with connection, connection.makefile("rb") as lines:
                connection.sendall(b"220 sink\r\n")
                while line := lines.readline():
                    connection.sendall(self._reply(connection, line, lines))
        except OSError:
            pass  # the client died
        finally:
            self._count(-1)

    def _reply(self, connection: socket.socket, line: bytes, lines: BinaryIO) -> bytes:
        verb = line[:4].upper()
        if verb == b"QUIT":
            return b"221 bye\r\n"
        if verb != b"DATA":
            return b"250 ok\r\n"
        connection.sendall(b"354 go\r\n")
        message = b""
        while not message.endswith(b"\r\n.\r\n"):
            more = lines.readline()
            if not more:
                raise OSError("the message has no end")
            message += more
        self.taken.append(message)
        return b"250 taken\r\n"
