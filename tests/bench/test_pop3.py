"""The POP3 client of the benchmark, against a server that answers as it is told"""

import socket
import threading

import pytest

from tests.bench.pop3 import session

GREETING = b"+OK hello\r\n"
MESSAGE = b"+OK\r\nSubject: x\r\n\r\na.\r\n..\r\n.\r\n"


def serve(listener: socket.socket, answers: list[bytes]) -> None:
    """One client: the first answer at once, each other one when a line has come, in two parts."""
    connection, _ = listener.accept()
    with connection, connection.makefile("rb") as lines:
        for at, answer in enumerate(answers):
            if at:
                lines.readline()
            connection.sendall(answer[:-3])
            connection.sendall(answer[-3:])


def run(answers: list[bytes], count: int) -> float:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve, args=(listener, answers))
        server.start()
        try:
            return session(listener.getsockname()[1], "joe", "secret", count)
        finally:
            server.join()


def test_lists_and_fetches() -> None:
    listing = b"+OK\r\n1 20\r\n2 20\r\n.\r\n"
    answers = [GREETING, b"+OK\r\n", b"+OK\r\n", b"+OK 2 40\r\n", listing, MESSAGE, MESSAGE, b"+OK bye\r\n"]
    assert run(answers, 2) > 0


@pytest.mark.parametrize(
    ("answers", "complaint"),
    [
        ([GREETING, b"+OK\r\n", b"-ERR no\r\n"], "refused"),
        ([GREETING, b"+OK\r\n", b"+OK\r\n", b"+OK 2 40\r\n", b"+OK\r\n1 20\r\n.\r\n"], "STAT tells of 2"),
        ([GREETING, b"+OK\r\n", b"+OK\r\n", b"+OK 1 40\r\n", b"+OK\r\n1 20\r\n"], "closed"),
    ],
)
def test_trouble_is_told(answers: list[bytes], complaint: str) -> None:
    with pytest.raises((ValueError, ConnectionError), match=complaint):
        run(answers, 2)
