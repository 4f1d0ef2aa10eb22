"""A POP3 client that lists a mailbox and fetches every message, one command at a time

    python tests/bench/pop3.py port user password count

Prints the seconds from the connection to the answer to QUIT, or what went wrong.
"""

import socket
import sys
import time

END = b"\r\n.\r\n"


class Client:
    """One connection; whatever is refused raises ValueError."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self.answer()

    def answer(self, lines: bool = False) -> bytes:
        """The next answer: a line, or with lines all up to the dot, which is left off."""
        end, got = END if lines else b"\r\n", b""
        while not got.endswith(end):
            more = self._socket.recv(1 << 20)
            if not more:
                raise ValueError(f"connection closed after {got[-80:]!r}")
            got += more
            if got[:1] != b"+":
                raise ValueError(f"refused: {got[:80]!r}")
        return got[: -len(END)] if lines else got

    def ask(self, command: str, lines: bool = False) -> bytes:
        self._socket.sendall(command.encode() + b"\r\n")
        return self.answer(lines)


def session(port: int, user: str, password: str, count: int) -> float:
    """Seconds that it took."""
    begin = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), 60) as connection:
        client = Client(connection)
        client.ask(f"USER {user}")
        client.ask(f"PASS {password}")
        found = int(client.ask("STAT").split()[1])
        listed = client.ask("LIST", lines=True).count(b"\r\n")
        if not found == listed == count:
            raise ValueError(f"STAT tells of {found} messages, LIST of {listed}, not {count}")
        for number in range(1, count + 1):
            client.ask(f"RETR {number}", lines=True)
        client.ask("QUIT")
    return time.monotonic() - begin


if __name__ == "__main__":
    try:
        print(session(int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])))
    except (OSError, ValueError) as error:
        print(error)
        sys.exit(1)
