"""Clients that take every place and do nothing with it: those who come after them are served in the end

tcpserver has PLACES places here, and the limits of time are a second. What each kind of client does is a
thread's work until the server ends the connection.
"""

import contextlib
import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pymail.unix import connection
from pymail.unix.connection import Connection
from pymail.unix.home import Home
from tests.support.homes import private_home
from tests.support.tcp import Server, serve
from tests.support.world import Place, eventually

PLACES = 3

Client = Callable[[socket.socket], None]


def silent(client: socket.socket) -> None:
    """Says nothing."""
    while client.recv(4096):
        pass


def stops_inside(text: bytes) -> Client:
    """Begins something, and never goes on."""

    def behave(client: socket.socket) -> None:
        client.sendall(text)
        silent(client)

    return behave


def deaf(client: socket.socket) -> None:
    """Asks for more and more, and reads no answer."""
    client.settimeout(20)
    while True:
        client.sendall(b"HELP\r\n" * 1000)


IDLE = {
    "silent": silent,
    "half a command": stops_inside(b"HEL"),
    "no message after DATA": stops_inside(b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"),
    "half a header": stops_inside(b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nSubject: x"),
    "reads nothing": deaf,
}  # fmt: skip


@pytest.fixture
def home(place: Place) -> Home:
    home = private_home(place)
    Path(home.file("control", "me")).write_text("here.test\n")
    Path(home.file("control", "timeoutsmtpd")).write_text("1\n")
    return home


@contextlib.contextmanager
def occupied(server: Server, behave: Client, count: int) -> Iterator[None]:
    """So many clients at work, until the server is rid of them."""
    clients = [server.connect() for _ in range(count)]

    def work(client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            behave(client)

    threads = [threading.Thread(target=work, args=[client], daemon=True) for client in clients]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for client in clients:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(20)
        for client in clients:
            client.close()


def greeted(server: Server) -> bytes:
    """The first line that a client gets, who waits for it."""
    with server.connect() as client:
        client.settimeout(30)
        with client.makefile("rb") as lines:
            return lines.readline()


@pytest.mark.parametrize("kind", IDLE)
def test_port_25_with_every_place_taken(place: Place, home: Home, kind: str) -> None:
    """As many idle clients as places: each goes when its time is over, and who waited is served."""
    server = serve(place, "tcpserver", "-c", str(PLACES), "--", home.file("bin", "qmail-smtpd"))
    with occupied(server, IDLE[kind], PLACES):
        eventually(lambda: f"tcpserver: status: {PLACES}/{PLACES}" in server.lines(), what="no place is free")
        assert greeted(server) == b"220 here.test ESMTP\r\n"


# --- clients that are never quite silent ---

# The limits of the programs made short: a day, twenty minutes and an hour are no time for a test.
SHORT = """
import sys
sys.path[:0] = {path!r}
from pymail.unix import connection
from pymail.queue import reception
connection.LONGEST, reception.LONGEST = 2, 2
from pymail.programs import {module} as program
program.TIMEOUT = 1
raise SystemExit(program.main({argv!r}))
"""


def shortened(place: Place, home: Home, program: str, *arguments: str) -> list[str]:
    """The command line of a program whose whole conversation may last two seconds, and each wait one."""
    argv = [home.file("bin", program), *arguments]
    code = SHORT.format(path=place.world.path, module=program.replace("-", "_"), argv=argv)
    return [place.world.python, "-B", "-c", code]


def trickling(text: bytes) -> Client:
    """Says the same for ever, one byte at a time, faster than any single wait may last."""

    def behave(client: socket.socket) -> None:
        while True:
            for at in range(len(text)):
                client.sendall(text[at : at + 1])
                time.sleep(0.1)

    return behave


TRICKLES = {
    "qmail-smtpd": ([], b"NOOP\r\n", b"220 here.test ESMTP\r\n"),
    "qmail-popup": (["here.test", "/bin/false"], b"aaaaaaaaaa", b"+OK <"),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["silent", "half a command", "reads nothing"])
def test_port_110_with_every_place_taken(place: Place, home: Home, kind: str) -> None:
    command = shortened(place, home, "qmail-popup", "here.test", "/bin/false")
    server = serve(place, "tcpserver", "-c", str(PLACES), "--", *command)
    with occupied(server, IDLE[kind], PLACES):
        eventually(lambda: f"tcpserver: status: {PLACES}/{PLACES}" in server.lines(), what="no place is free")
        assert greeted(server).startswith(b"+OK <")


@pytest.mark.parametrize("program", TRICKLES)
def test_a_conversation_has_an_end(place: Place, home: Home, program: str) -> None:
    """However busy the client is; then its place is free for who waits."""
    arguments, text, greeting = TRICKLES[program]
    Path(home.file("control", "timeoutsmtpd")).write_text("60\n")
    server = serve(place, "tcpserver", "-c", "1", "--", *shortened(place, home, program, *arguments))
    with occupied(server, trickling(text), 1):
        eventually(lambda: "tcpserver: status: 1/1" in server.lines(), what="no place is free")
        assert greeted(server).startswith(greeting)
        assert any(line.startswith("tcpserver: end ") for line in server.lines())


@pytest.mark.parametrize(("program", "first"), [("qmail-qmtpd", b"900:\n"), ("qmail-qmqpd", b"990:900:")])
def test_a_transfer_has_an_end(place: Place, home: Home, program: str, first: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        running = place.start(
            *shortened(place, home, program), stdin=theirs, stdout=theirs, stderr=subprocess.PIPE
        )
        theirs.close()
        with contextlib.suppress(OSError):
            ours.sendall(first)
            trickling(b"x")(ours)
    assert running.wait() == 111
    assert running.process.stderr is not None
    assert b": timeout\n" in running.process.stderr.read()


def test_the_limits_as_they_are() -> None:
    """Those of the manuals; the tests above make them shorter."""
    assert connection.LONGEST == 86400
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert 86390 < Connection(ours.fileno(), ours.fileno(), 1200)._end - time.monotonic() <= 86400


# --- clients that send without end ---

ENVELOPE = b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"
MEGABYTE = b"a" * (1 << 20)
# program and arguments; what is said first; what behind the endless line; all the replies
ENDLESS = {
    "a command":     ("qmail-smtpd", b"", b"\r\nNOOP\r\n", rb"220 .*\r\n502 .*\r\n250 ok\r\n"),
    "a header":      ("qmail-smtpd", ENVELOPE, b"\r\n.\r\nNOOP\r\n", rb".*354 .* qp .*\r\n250 ok\r\n"),
    "a log-in":      ("qmail-popup h false", b"", b"\r\nNOOP\r\n", rb"\+OK <.*\r\n-ERR .*\r\n\+OK \r\n"),
    "a POP command": ("qmail-pop3d M", b"", b"\r\nNOOP\r\n", rb"\+OK \r\n-ERR .*\r\n\+OK \r\n"),
    "a netstring":   ("qmail-qmtpd", b"8388609:\n", b",0:,8:5:c@d.x,,", rb"\d+:Kok .*,"),
}  # fmt: skip


@pytest.mark.parametrize("kind", ENDLESS)
def test_memory_for_a_line_without_end(place: Place, home: Home, kind: str) -> None:
    """Eight megabytes of it need no more than a fraction of that."""
    words, first, last, replies = ENDLESS[kind]
    program, *arguments = words.split()
    for name in ("M", "M/new", "M/cur", "M/tmp"):
        (place.path / name).mkdir()
    place.own()
    place.start(home.file("bin", "qmail-queued"))
    running = place.start(
        home.file("bin", program), *arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    stdin, stdout = running.process.stdin, running.process.stdout
    assert stdin is not None
    assert stdout is not None
    stdin.write(first)
    stdin.flush()
    before = 0
    for _ in range(8):
        stdin.write(MEGABYTE)
        stdin.flush()
        before = before or peak(running.pid)
    stdin.write(last)
    stdin.flush()
    said = b""
    while not re.fullmatch(replies, said, re.DOTALL):
        part = os.read(stdout.fileno(), 4096)
        assert part, said
        said += part
    assert peak(running.pid) - before < 1024, kind


def peak(pid: int) -> int:
    """The most memory that a process has had so far, in KiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
