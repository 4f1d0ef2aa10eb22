"""qmail-popup - ask for a POP3 user's name and password

Serves one client, connected to descriptors 0 and 1 by tcpserver.

Synopsis:    qmail-popup hostname subprogram [ arg ... ]
Environment: TCPREMOTEIP   who is connected; for the log
Exit codes:  1 always

The subprogram, checkpassword, reads name NUL password NUL <pid.time@hostname> NUL on descriptor 3, is
connected to the client, and says by its exit code whether it took the log-in; the rest of the
conversation runs inside it. It runs once, and only if a password came. Of a command line 65536 bytes
are kept.

Started by root, a child that has not read a byte of the client's keeps root's rights for the
subprogram, and this process becomes qmaild before it reads any. Log: one line on descriptor 2,

    qmail-popup: PID log-in of NAME from IP
    qmail-popup: PID log-in failed for NAME from IP: rejected | crashed | trouble N | not read
    qmail-popup: PID no log-in from IP: quit | connection lost | timeout
"""

import os
import select
import time

from pymail.formats import logline
from pymail.protocols.commands import Commands
from pymail.protocols.pop3 import LogIn
from pymail.unix.connection import Connection
from pymail.unix.home import Home
from pysvc import launch
from pysvc.unix import chain, signals
from pysvc.unix.files import write_all

TIMEOUT = 1200   # seconds
CREDENTIALS = 3  # the descriptor on which the subprogram reads
BLOCK = 4096     # bytes read at a time
CODE = 1         # of this program, whatever happened
REJECTED = 1     # of the subprogram: the password is wrong


def main(argv: list[str]) -> int:
    signals.ignore(signals.SIGPIPE)
    connection = Connection(0, 1, TIMEOUT)
    if len(argv) < 3:
        return _last_word(connection, b"-ERR usage: popup hostname subprogram\r\n")
    home = Home.of(argv[0])
    try:
        reader, writer = _pipe()
    except OSError:
        return _last_word(connection, b"-ERR unable to open pipe\r\n")
    try:
        child = launch.fork("qmail-popup", lambda: _subprogram(argv[2:], reader, writer))
    except OSError:
        return _last_word(connection, b"-ERR unable to fork\r\n")
    os.close(reader)
    if not os.geteuid():
        home.become("qmaild")
    name = os.fsencode(argv[1])
    login = LogIn(b"<%d.%d@%s>" % (os.getpid(), time.time(), name))
    why = _ask(connection, login)
    if why:
        _log(b"no log-in from %s: %s" % (_client(), why))
        os.close(writer)
        os.waitpid(child, 0)
        return CODE
    return _hand_over(connection, login, child, writer)


def _pipe() -> tuple[int, int]:
    """A pipe for the credentials, above the descriptors that the subprogram gets."""
    low: list[int] = []
    while min(pair := os.pipe()) <= CREDENTIALS:
        low += pair
    for fd in low:
        os.close(fd)
    return pair


def _subprogram(argv: list[str], reader: int, writer: int) -> int:
    """The child: wait for the credentials, then become the subprogram."""
    os.close(writer)
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    if not any(events & select.POLLIN for _, events in poll.poll()):
        return CODE  # the client went without a log-in
    os.dup2(reader, CREDENTIALS)
    os.close(reader)
    signals.default(signals.SIGPIPE)
    try:
        chain.run(argv)
    except OSError:
        return CODE


def _ask(connection: Connection, login: LogIn) -> bytes:
    """Talk until a secret has come; otherwise why none came."""
    commands = Commands()
    try:
        connection.send(login.greeting())
        while block := connection.read(BLOCK):
            for verb, argument in commands.feed(block):
                connection.send(login.command(verb, argument))
                if login.secret is not None:
                    connection.flush()
                    return b""
                if login.over:
                    connection.flush()
                    return b"quit"
    except TimeoutError:
        return b"timeout"
    except OSError:
        pass
    return b"connection lost"


def _hand_over(connection: Connection, login: LogIn, child: int, writer: int) -> int:
    """Let the subprogram decide and do the rest; then a word about what it decided."""
    name = logline.field(login.name)
    try:
        write_all(writer, login.handover())
        os.close(writer)
    except OSError:
        _log(b"log-in failed for %s from %s: not read" % (name, _client()))
        return _last_word(connection, b"-ERR unable to write pipe\r\n")
    started = time.monotonic()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if not code:
        _log(b"log-in of %s from %s, %d seconds" % (name, _client(), time.monotonic() - started))
        return CODE
    why = b"crashed" if code < 0 else b"rejected" if code == REJECTED else b"trouble %d" % code
    _log(b"log-in failed for %s from %s: %s" % (name, _client(), why))
    reply = b"-ERR aack, child crashed\r\n" if code < 0 else b"-ERR authorization failed\r\n"
    return _last_word(connection, reply)


def _last_word(connection: Connection, reply: bytes) -> int:
    """Say something to a client that may have gone; this program's exit code."""
    try:
        connection.send(reply)
        connection.flush()
    except OSError:
        pass
    return CODE


def _client() -> bytes:
    return logline.field(os.environb.get(b"TCPREMOTEIP", b"unknown"))


def _log(text: bytes) -> None:
    try:
        os.write(2, b"qmail-popup: %d %s\n" % (os.getpid(), text))
    except OSError:
        pass  # a log that is gone is no reason to refuse anybody
