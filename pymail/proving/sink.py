"""The host elsewhere: a mail server that takes every message that is whole, and tells of it"""

import socket
import threading
from collections.abc import Callable
from typing import BinaryIO, cast

from pymail.proving.letters import Letter, whole


class Sink:
    """Listens on 127.0.0.1 at `port` until close()."""

    def __init__(self, all_letters: list[Letter], accepted: Callable[[str], None]) -> None:
        """accepted: called with the token of each message before its sender hears of it."""
        self._known = {letter.token: letter for letter in all_letters}
        self._accepted = accepted
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        with connection, cast(BinaryIO, connection.makefile("rwb")) as lines:
            self._say(lines, b"220 elsewhere")
            for line in lines:
                verb = line[:4].upper()
                if verb == b"DATA":
                    self._say(lines, b"354 go on")
                    self._say(lines, self._take(lines))
                elif verb == b"QUIT":
                    self._say(lines, b"221 bye")
                    return
                else:
                    self._say(lines, b"250 ok")

    @staticmethod
    def _say(lines: BinaryIO, reply: bytes) -> None:
        lines.write(reply + b"\r\n")
        lines.flush()

    def _take(self, lines: BinaryIO) -> bytes:
        message = []
        for line in lines:
            if line == b".\r\n":
                break
            message.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        token = whole(self._known, b"".join(message).replace(b"\r\n", b"\n"))
        if token is None:
            return b"554 this is not a whole message"
        self._accepted(token)
        return b"250 ok"
