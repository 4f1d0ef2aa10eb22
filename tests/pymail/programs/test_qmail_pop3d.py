"""qmail-pop3d as a process"""

import os
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.world import Place, Running

OLD = 1_000_000_000


def put(place: Place, name: str, content: bytes = b"a: b\n\nhello\n", mtime: float = OLD) -> Path:
    path = place.path / "Maildir" / name
    path.write_bytes(content)
    os.utime(path, (mtime, mtime))
    return path


@pytest.fixture
def box(place: Place) -> Path:
    for name in ("Maildir", "Maildir/tmp", "Maildir/new", "Maildir/cur"):
        (place.path / name).mkdir()
    return place.path / "Maildir"


class Client:
    """A conversation over a socket."""

    def __init__(self, place: Place, *arguments: str) -> None:
        place.own()
        ours, theirs = socket.socketpair()
        self.running: Running = place.start(
            "qmail-pop3d", *arguments, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE,
            env={"TCPREMOTEIP": "10.0.0.1", "USER": "joe x"},
        )  # fmt: skip
        theirs.close()
        ours.settimeout(20)
        self.socket = ours
        self.stream = ours.makefile("rb")

    def line(self, command: bytes | None = None) -> bytes:
        """One reply line, after a command if there is one."""
        if command is not None:
            self.socket.sendall(command + b"\r\n")
        return self.stream.readline()

    def lines(self, command: bytes) -> list[bytes]:
        """A reply of many lines, without the last one."""
        found = [self.line(command)]
        while (line := self.stream.readline()) not in (b".\r\n", b""):
            found.append(line)
        return found

    def close(self) -> None:
        self.stream.close()
        self.socket.close()

    def end(self) -> tuple[bytes, int, bytes]:
        """Everything else that is said, the exit code, the log."""
        rest = self.stream.read()
        self.close()
        assert self.running.process.stderr is not None
        log = self.running.process.stderr.read()
        return rest, self.running.wait(), log


@pytest.fixture
def client(place: Place, box: Path) -> Iterator[Callable[[], Client]]:
    clients: list[Client] = []

    def start() -> Client:
        clients.append(Client(place, "Maildir"))
        assert clients[-1].line() == b"+OK \r\n"
        return clients[-1]

    yield start
    for made in clients:
        made.close()


def test_session(place: Place, box: Path, client: Callable[[], Client]) -> None:
    put(place, "new/2.b.host", b"new: 1\n\n.dot\n", OLD + 2)
    put(place, "cur/1.a.host:2,S", b"cur: 1\n\nlast", OLD + 1)
    put(place, "new/3.c.host", b"three", OLD + 3)
    put(place, "new/.hidden")
    talk = client()
    assert talk.lines(b"uidl") == [b"+OK \r\n", b"1 1.a.host\r\n", b"2 2.b.host\r\n", b"3 3.c.host\r\n"]
    assert talk.lines(b"LIST") == [b"+OK \r\n", b"1 12\r\n", b"2 13\r\n", b"3 5\r\n"]
    assert talk.lines(b"retr 1") == [b"+OK \r\n", b"cur: 1\r\n", b"\r\n", b"last\r\n", b"\r\n"]
    assert talk.lines(b"TOP 2 0") == [b"+OK \r\n", b"new: 1\r\n", b"\r\n", b"\r\n"]
    assert talk.lines(b"retr 2 1") == [b"+OK \r\n", b"new: 1\r\n", b"\r\n", b"..dot\r\n", b"\r\n"]
    assert talk.line(b"dele 3") == b"+OK \r\n"
    assert talk.line(b"quit") == b"+OK \r\n"
    rest, code, log = talk.end()
    assert (rest, code) == (b"", 0)
    assert log == (
        b"qmail-pop3d: %d quit from 10.0.0.1 user joe_x messages 3 bytes 30 retrieved 3 deleted 1\n"
        % talk.running.pid
    )
    assert sorted(path.name for path in (box / "cur").iterdir()) == ["1.a.host:2,S", "2.b.host:2,"]
    assert [path.name for path in (box / "new").iterdir()] == [".hidden"]


def test_dropped_connection_changes_nothing(place: Place, box: Path, client: Callable[[], Client]) -> None:
    kept = put(place, "new/1"), put(place, "new/2")
    talk = client()
    assert talk.line(b"dele 1") == b"+OK \r\n"
    talk.socket.shutdown(socket.SHUT_WR)
    rest, code, log = talk.end()
    assert (rest, code) == (b"", 0)
    assert b" connection lost from " in log
    assert all(path.exists() for path in kept)


def test_this_second_and_the_future_are_not_seen(place: Place, client: Callable[[], Client]) -> None:
    put(place, "new/now", mtime=time.time() + 60)
    put(place, "new/old", mtime=time.time() - 5)
    assert client().lines(b"uidl")[1:] == [b"1 old\r\n"]


def test_pipelining(place: Place, client: Callable[[], Client]) -> None:
    put(place, "new/1", b"\n")
    talk = client()
    talk.socket.sendall(b"stat\r\nretr 1\nnoop\r\r\nNOOP x\r\nquit\r\nstat\r\n")
    assert talk.end()[0] == b"+OK 1 1\r\n+OK \r\n\r\n\r\n.\r\n-ERR unimplemented\r\n+OK \r\n+OK \r\n"


def test_large_message(place: Place, client: Callable[[], Client]) -> None:
    line = b"x" * 97 + b"\n"
    put(place, "new/1", line * 50000)
    talk = client()
    found = talk.lines(b"retr 1")
    assert len(found) == 50002
    assert set(found[1:-1]) == {line[:-1] + b"\r\n"}
    assert talk.line(b"quit") == b"+OK \r\n"


def test_many_messages(place: Place, box: Path, client: Callable[[], Client]) -> None:
    for number in range(500):
        put(place, f"new/{number:04}", b"x", OLD + number)
    talk = client()
    assert talk.line(b"stat") == b"+OK 500 500\r\n"
    assert talk.lines(b"uidl")[1:] == [b"%d %04d\r\n" % (number + 1, number) for number in range(500)]
    assert talk.line(b"quit") == b"+OK \r\n"
    talk.end()
    assert len(list((box / "cur").iterdir())) == 500


def test_messages_that_vanish(place: Place, client: Callable[[], Client]) -> None:
    first, second = put(place, "new/1"), put(place, "cur/2")
    (place.path / "Maildir/new/directory").mkdir()
    os.utime(place.path / "Maildir/new/directory", (OLD, OLD + 5))
    talk = client()
    first.unlink()
    second.unlink()
    assert talk.line(b"retr 1") == b"-ERR unable to open that message\r\n"
    assert talk.line(b"retr 3") == b"-ERR unable to open that message\r\n"
    for number in (1, 2, 3):
        assert talk.line(b"dele %d" % number) == b"+OK \r\n"
    talk.socket.sendall(b"quit\r\n")
    assert talk.end()[0] == b"-ERR unable to unlink all deleted messages\r\n" * 3 + b"+OK \r\n"


def test_old_files_in_tmp(place: Place, box: Path, client: Callable[[], Client]) -> None:
    """Access time counts, 36 hours, and names with a dot stay."""
    now = time.time()
    put(place, "tmp/read lately", mtime=OLD)
    os.utime(box / "tmp/read lately", (now - 129000, OLD))
    put(place, "tmp/old")
    os.utime(box / "tmp/old", (now - 129700, now))
    put(place, "tmp/.old")
    client()
    assert sorted(path.name for path in (box / "tmp").iterdir()) == [".old", "read lately"]


@pytest.mark.parametrize("arguments", [[], ["nowhere"]])
def test_no_maildir(place: Place, arguments: list[str]) -> None:
    rest, code, log = Client(place, *arguments).end()
    assert (rest, code) == (b"-ERR this user has no $HOME/Maildir\r\n", 0)
    assert b" no maildir from 10.0.0.1 " in log


def test_no_cur(place: Place, box: Path) -> None:
    (box / "cur").rmdir()
    assert Client(place, "Maildir").end()[:2] == (b"-ERR unable to scan $HOME/Maildir\r\n", 0)


def test_fifo_in_the_mailbox(place: Place, box: Path, client: Callable[[], Client]) -> None:
    os.mkfifo(box / "new/fifo")
    os.utime(box / "new/fifo", (OLD, OLD))
    assert client().lines(b"retr 1") == [b"+OK \r\n", b"\r\n"]


def test_pipes_instead_of_a_socket(place: Place, box: Path) -> None:
    put(place, "new/1")
    place.own()
    done = place.run("qmail-pop3d", "Maildir", stdin=b"list\nquit\n")
    assert (done.returncode, done.stdout) == (0, b"+OK \r\n+OK \r\n1 12\r\n.\r\n+OK \r\n")
    assert re.fullmatch(rb"qmail-pop3d: \d+ quit from unknown user unknown .*\n", done.stderr)


@pytest.mark.root
def test_root_is_refused(place: Place, box: Path) -> None:
    done = place.run("qmail-pop3d", "Maildir", stdin=b"quit\n", as_root=True)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"qmail-pop3d invoked as uid 0, terminating\n"
