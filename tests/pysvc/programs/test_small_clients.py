"""who@, date@, finger@, http@, tcpcat and mconnect, each case also with the classic scripts"""

import contextlib
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import privatenet
from tests.support.tcp import received
from tests.support.world import Place, free_port

CLASSIC = Path("/usr/bin/who@")  # Debian's ucspi-tcp
both = pytest.mark.parametrize("source", ["", *(["/usr/bin/"] if CLASSIC.exists() else [])])
ANSWER = "one\r\n\r\ntwo\x01\xe9\r\r\nend"
SHOWN = "one\n\ntwo^AM-i^M\nend"
PIPELINES = [("who@", "11", ""), ("date@", "13", ""), ("finger@", "79", "\r\n")]


@pytest.mark.root
@both
@pytest.mark.parametrize(("program", "port", "request_"), PIPELINES)
@pytest.mark.parametrize("arguments", [(), ("",), ("0",), ("server",)])
def test_text_services(
    place: Place, source: str, program: str, port: str, request_: str, arguments: tuple[str, ...]
) -> None:
    zone: dict[str, object] = {"server A": [["A", "127.0.0.1"]]}
    found = privatenet.run(
        place, source + program, *arguments, dns=[zone], services={f"127.0.0.1 {port}": ANSWER},
        env={"DNSREWRITEFILE": "/dev/null"},
    )  # fmt: skip
    assert (found.code, found.output, found.lines) == (0, SHOWN, [])
    assert found.queries == ["server A"] * (arguments == ("server",))


class Speaker:
    """Takes one connection: what it sends, `said`, is kept in `heard` up to `until`."""

    def __init__(self, said: bytes, until: bytes) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = str(self.server.getsockname()[1])
        self.heard = b""
        self.thread = threading.Thread(target=self._serve, args=(said, until), daemon=True)
        self.thread.start()

    def _serve(self, said: bytes, until: bytes) -> None:
        peer, _ = self.server.accept()
        with peer:
            while not self.heard.endswith(until) and (part := peer.recv(4096)):
                self.heard += part
            with contextlib.suppress(OSError):  # the client may go away
                peer.sendall(said)
                peer.shutdown(socket.SHUT_WR)
                received(peer)

    def finish(self) -> bytes:
        self.thread.join(20)
        self.server.close()
        return self.heard


@pytest.mark.root
@both
def test_finger_sends_the_user(place: Place, source: str) -> None:
    found = privatenet.run(place, f"{source}finger@", "0", "a b", services={"127.0.0.1 79": "x"}, hear=1)
    assert (found.output, found.heard) == ("x", ["a b\r\n"])


@both
def test_http(place: Place, source: str) -> None:
    """The head is left out, and so is CR at the ends of lines; the last line gets an LF."""
    reply = b"HTTP/1.0 200 OK\r\nServer: x\r\n\r\nfirst\r\n\0\xff\n\rlast"
    server = Speaker(reply, b"\r\n\r\n")
    done = place.run(f"{source}http@", "127.0.0.1", "a page", server.port)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"first\n\0\xff\n\rlast\n", b"")
    assert server.finish() == b"GET /a page HTTP/1.0\r\nHost: 127.0.0.1:%s\r\n\r\n" % server.port.encode()


def test_http_keeps_empty_lines_of_the_page(place: Place) -> None:
    server = Speaker(b"HTTP/1.0 200 OK\r\n\r\na\r\n\r\n\r\nb\r\n", b"\r\n\r\n")
    assert place.run("http@", "", "", server.port).stdout == b"a\n\n\nb\n"
    assert server.finish() == b"GET / HTTP/1.0\r\nHost: :%s\r\n\r\n" % server.port.encode()


@pytest.mark.root
@both
def test_defaults(place: Place, source: str) -> None:
    services = {"127.0.0.1 80": "H\r\n\r\npage\r\n", "127.0.0.1 17": ANSWER, "127.0.0.1 25": "220 x\r\n"}
    found = privatenet.run(place, f"{source}http@", services=services, hear=1)
    assert (found.output, found.heard) == ("page\n", ["GET / HTTP/1.0\r\nHost: 0:80\r\n\r\n"])
    assert privatenet.run(place, f"{source}tcpcat", services=services).output == ANSWER
    found = privatenet.run(place, f"{source}mconnect", services=services)
    assert (found.code, found.output) == (0, "220 x\r\n")


@both
@pytest.mark.parametrize(
    ("program", "code"),
    [("who@", 0), ("date@", 0), ("finger@", 0), ("http@", 0), ("tcpcat", 111), ("mconnect", 111)],
)
def test_no_connection(place: Place, source: str, program: str, code: int) -> None:
    """tcpclient's words; the exit code of a pipeline is that of its end."""
    done = place.run(source + program, "1.2.3")
    assert (done.returncode, done.stdout) == (code, b"")
    assert done.stderr == b"tcpclient: fatal: no IP address for 1.2.3\n"
    if program in ("http@", "tcpcat", "mconnect"):
        port = free_port()
        done = place.run(source + program, *["0", *(["x"] if program == "http@" else []), str(port)])
        text = f"tcpclient: unable to connect to 127.0.0.1 port {port}: connection refused\n"
        assert (done.returncode, done.stderr.decode()) == (code, text)
        done = place.run(source + program, *["0", *(["x"] if program == "http@" else []), "no.service"])
        text = "tcpclient: fatal: unable to figure out port number for no.service\n"
        assert (done.returncode, done.stderr.decode()) == (code, text)


@both
def test_tcpcat(place: Place, source: str) -> None:
    """As it is; standard input is not sent."""
    data = bytes(range(256)) * 1000
    server = Speaker(data, b"")
    done = place.run(f"{source}tcpcat", "127.0.0.1", server.port, stdin=b"nothing")
    assert (done.returncode, done.stdout) == (0, data)
    assert server.finish() == b""


def test_tcpcat_tells_of_a_connection_that_broke(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        running = place.start(
            "tcpcat",
            "127.0.0.1",
            str(server.getsockname()[1]),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        peer, _ = server.accept()
        peer.sendall(b"x")
        assert running.process.stdout is not None and running.process.stdout.read(1) == b"x"
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        peer.close()
        assert running.process.stderr is not None
        assert running.process.stderr.read() == b"tcpcat: fatal: unable to copy: connection reset\n"
        assert running.wait() == 111


class Talk:
    """mconnect and the server that it talks to."""

    def __init__(self, place: Place, source: str, server: socket.socket) -> None:
        self.running = place.start(
            f"{source}mconnect", "127.0.0.1", str(server.getsockname()[1]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
        )  # fmt: skip
        self.peer, _ = server.accept()
        assert self.running.process.stdin is not None and self.running.process.stdout is not None
        self.stdin, self.stdout = self.running.process.stdin, self.running.process.stdout


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        yield listener


@both
def test_mconnect(place: Place, source: str, server: socket.socket) -> None:
    """CR before every LF on the way out, nothing changed on the way in; both at once, and at once."""
    talk = Talk(place, source, server)
    with talk.peer as peer:
        for typed, sent, reply in (
            (b"helo\n", b"helo\r\n", b"250 x\r\n"),
            (b"a\r\n", b"a\r\r\n", b"\n\r\0\xff"),
            (b"no end", b"no end", b"y"),
        ):
            talk.stdin.write(typed)
            assert peer.recv(len(sent), socket.MSG_WAITALL) == sent
            peer.sendall(reply)
            assert talk.stdout.read(len(reply)) == reply
        talk.stdin.close()  # the end of the input does not end the connection
        peer.sendall(b"late")
        assert talk.stdout.read(4) == b"late"
        peer.shutdown(socket.SHUT_WR)
        assert talk.running.wait() == 0


@both
def test_mconnect_ends_when_the_other_side_does(place: Place, source: str, server: socket.socket) -> None:
    """Although there may be more to come from the terminal; no process is left."""
    talk = Talk(place, source, server)
    talk.peer.close()
    assert talk.running.wait() == 0
    assert talk.stdout.read() == b""


@both
def test_mconnect_where_nobody_reads(place: Place, source: str, server: socket.socket) -> None:
    """The other side still gets everything; SIGPIPE is ignored."""
    talk = Talk(place, source, server)
    with talk.peer as peer:
        talk.stdout.close()
        for _ in range(3):
            peer.sendall(b"x")
            talk.stdin.write(b"y\n")
            assert peer.recv(3, socket.MSG_WAITALL) == b"y\r\n"
    assert talk.running.wait() == 0


@both
def test_mconnect_io_needs_no_tcpclient(place: Place, source: str) -> None:
    path = place.command([f"{source}mconnect-io"])[0]
    script = 'printf "hello\\n" >in; "$0" <typed 6<in 7>out'
    (place.path / "typed").write_bytes(b"")
    done = place.run("sh", "-c", script, path)
    assert (done.returncode, done.stdout) == (0, b"hello\n")


def test_mconnect_io_where_sigchld_is_ignored(place: Place) -> None:
    path = place.command(["mconnect-io"])[0]
    done = place.run("sh", "-c", """trap "" CHLD; exec "$0" </dev/null 6<"$0" 7>/dev/null""", path)
    assert (done.returncode, done.stderr) == (0, b"")


@both
def test_a_reader_that_goes_away(place: Place, source: str) -> None:
    """ends a filter by SIGPIPE, as in any pipeline."""
    server = Speaker(b"H\r\n\r\n" + b"x\n" * 500_000, b"\r\n\r\n")
    running = place.start(
        f"{source}http@", "127.0.0.1", "x", server.port, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert running.process.stdout is not None
    running.process.stdout.close()
    assert running.wait() in (-signal.SIGPIPE, 128 + signal.SIGPIPE)
    server.finish()
