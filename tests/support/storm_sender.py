"""Sends numbered messages by SMTP from several threads; whatever happens to the server, it goes on

Run in a machine: storm_sender.py COUNT SECONDS FQDN KIND ... where a kind is names of recipients with
commas between, for the numbers in turn; `far` is at another host. No new number is begun after SECONDS.
Each is sent until a server has seen the end of DATA, and not again after that. Prints `N accepted` or
`N unknown` for each number.
"""

import os
import socket
import sys
import threading
import time

PAUSE = 0.05
LARGE = 20_000  # lines, more than a pipe holds
THREADS = 8
PATIENCE = 30  # seconds for the last messages


def recipients(kind: str, fqdn: str) -> list[str]:
    words = kind.split(",")
    return [f"{word}@far.test" if word == "far" else f"{word}@{fqdn}" for word in words]


class Broken(Exception):
    """The server did not take the message, and has not seen all of it."""


def converse(number: int, kind: str, fqdn: str) -> bool:
    """Whether the message was accepted. Raises Broken if it certainly was not."""
    ended = False
    try:
        with socket.create_connection(("127.0.0.1", 25), 60) as connection:
            answers = connection.makefile("rb")

            def expect(code: bytes) -> None:
                line = answers.readline()
                if not line.startswith(code):
                    raise Broken(line)

            expect(b"220")
            connection.sendall(f"HELO client.test\r\nMAIL FROM:<joe@{fqdn}>\r\n".encode())
            expect(b"250")
            expect(b"250")
            for recipient in recipients(kind, fqdn):
                connection.sendall(f"RCPT TO:<{recipient}>\r\n".encode())
                expect(b"250")
            connection.sendall(b"DATA\r\n")
            expect(b"354")
            lines = LARGE if number % 50 == 49 else 1
            body = f"Subject: storm\r\nX-Number: <{number}>\r\n\r\n" + f"{number}\r\n" * lines
            connection.sendall(body.encode())
            ended = True
            connection.sendall(b".\r\n")
            answer = answers.readline()
            connection.sendall(b"QUIT\r\n")
            if answer.startswith(b"4"):
                raise Broken(answer)
            return answer.startswith(b"250")
    except (OSError, Broken) as error:
        if ended and not isinstance(error, Broken):
            return False
        raise Broken from error


def main() -> None:
    numbers, kinds = iter(range(int(sys.argv[1]))), sys.argv[4:]
    seconds, fqdn = float(sys.argv[2]), sys.argv[3]
    lock = threading.Lock()
    deadline = time.monotonic() + seconds
    end = deadline + PATIENCE

    def work() -> None:
        while time.monotonic() < deadline:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            while time.monotonic() < end:
                try:
                    accepted = converse(number, kinds[number % len(kinds)], fqdn)
                except Broken:
                    time.sleep(PAUSE)
                    continue
                os.write(1, f"{number} {'accepted' if accepted else 'unknown'}\n".encode())
                break

    workers = [threading.Thread(target=work) for _ in range(THREADS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


if __name__ == "__main__":
    main()
