"""tcpclient as a process, each case also with the C program where that is installed"""

import os
import socket
from collections.abc import Iterator

import pytest

from tests.support.tcp import CLIENTS, SERVERS, received, serve
from tests.support.world import Place, free_port

both = pytest.mark.parametrize("client", CLIENTS)
QUICK = "-RHl0"  # no look-ups
USAGE = (
    b"tcpclient: usage: tcpclient [ -hHrRdDqQv ] [ -i localip ] [ -p localport ] [ -T timeoutconn ]"
    b" [ -l localname ] [ -t timeoutinfo ] host port program\n"
)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        yield server


def port_of(server: socket.socket) -> str:
    return str(server.getsockname()[1])


@both
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 100, USAGE),
        (["0"], 100, USAGE),
        (["0", "0"], 100, USAGE),
        (["-"], 100, USAGE),
        (["-q"], 100, b""),
        (["-q", "-v"], 100, USAGE),
        (["-q", "-Z"], 100, b"tcpclient: illegal option -- Z\n" + USAGE),
        (["-qT"], 100, b"tcpclient: option requires an argument -- T\n" + USAGE),
        (["-qi", "1.2.3", "0", "0", "true"], 100, USAGE),
        (["-i", "localhost", "0", "0", "true"], 100, USAGE),
        (["0", "8x"], 111, b"tcpclient: fatal: unable to figure out port number for 8x\n"),
        (["-q", "0", "8x", "true"], 111, b""),
        (["1.2.3", "1", "true"], 111, b"tcpclient: fatal: no IP address for 1.2.3\n"),
        (["127..1", "1", "true"], 111, b"tcpclient: fatal: no IP address for 127..1\n"),
        (
            ["x" * 64 + ".example", "1", "true"], 111,
            b"tcpclient: fatal: temporarily unable to figure out IP address for "
            + b"x" * 64 + b".example: protocol error\n",
        ),
        (
            ["-i", "192.0.2.1", "0", "1", "true"], 111,
            b"tcpclient: fatal: unable to bind socket: address not available\n",
        ),
    ],
)  # fmt: skip
def test_does_not_start(place: Place, client: str, arguments: list[str], code: int, message: bytes) -> None:
    done = place.run(client, *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (code, b"", message)


@both
def test_nobody_there(place: Place, client: str) -> None:
    """One line for the address, and no other."""
    port = free_port()
    done = place.run(client, QUICK, "0", str(port), "true")
    text = b"tcpclient: unable to connect to 127.0.0.1 port %d: connection refused\n" % port
    assert (done.returncode, done.stderr) == (111, text)
    assert place.run(client, QUICK, "-q", "0", str(port), "true").stderr == b""


@both
@pytest.mark.parametrize("host", ["0", "", "127.000.000.001", "[127.0.0.1]", "383.0.0.257"])
def test_hosts(place: Place, client: str, host: str, listener: socket.socket) -> None:
    done = place.run(client, QUICK, "-v", host, port_of(listener), "echo", "hello")
    assert done.stdout == b"hello\n"
    assert done.stderr == b"tcpclient: connected to 127.0.0.1 port %s\n" % port_of(listener).encode()


@both
@pytest.mark.parametrize("limits", ["0", "0+0", "+0", "x", "5", "+5", "9" * 400])
def test_a_connection_that_is_there_at_once_is_in_time(
    place: Place, client: str, limits: str, listener: socket.socket
) -> None:
    assert place.run(client, QUICK, "-T", limits, "0", port_of(listener), "echo", "x").stdout == b"x\n"


@both
def test_the_variables(place: Place, client: str, listener: socket.socket) -> None:
    """Unknown ones are removed; other variables pass, whatever bytes they have."""
    stale = {"TCPREMOTEHOST": "x", "TCPREMOTEINFO": "x", "TCPLOCALHOST": "x", "OTHER": "\udcff"}
    local = free_port()
    options = ["-RHl", "", "-i", "127.0.0.2trailing", "-p", str(65536 + local)]
    show = "env | grep -aE '^(TCP|PROTO|OTHER)' | sort"
    done = place.run(client, *options, "127.0.0.1", port_of(listener), "sh", "-c", show, env=stale)
    assert done.stdout.decode(errors="surrogateescape").splitlines() == [
        "OTHER=\udcff", "PROTO=TCP", "TCPLOCALHOST=", "TCPLOCALIP=127.0.0.2", f"TCPLOCALPORT={local}",
        "TCPREMOTEIP=127.0.0.1", f"TCPREMOTEPORT={port_of(listener)}",
    ]  # fmt: skip
    peer, address = listener.accept()
    peer.close()
    assert address == ("127.0.0.2", local)


@both
def test_descriptors_and_signals(place: Place, client: str, listener: socket.socket) -> None:
    """The connection is 6 and 7, blocking, and nowhere else; 0 and 1 are left alone; SIGPIPE is free."""
    script = (
        "read word; echo $word; grep flags /proc/self/fdinfo/6 /proc/self/fdinfo/7;"
        "ls -l /proc/self/fd | grep -c socket; grep -E 'Sig(Blk|Ign)' /proc/self/status"
    )
    done = place.run(client, QUICK, "0", port_of(listener), "sh", "-c", script, stdin=b"from here\n")
    first, *flags, sockets, blocked, ignored = done.stdout.decode().splitlines()
    assert (first, sockets) == ("from here", "2")
    assert [int(line.split()[-1], 8) & os.O_NONBLOCK for line in flags] == [0, 0]
    sigpipe = 1 << 12
    assert [int(mask.split()[1], 16) & sigpipe for mask in (blocked, ignored)] == [0, 0]


@both
def test_what_was_6_and_7_is_closed_at_once(place: Place, client: str) -> None:
    """Whoever reads from it sees the end while the client still tries to connect."""
    with socket.socket() as server, socket.socket() as first:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        first.connect(server.getsockname())  # takes the only place in the queue
        script = f'exec "$0" {QUICK} -T 90 0 {port_of(server)} true 6>&1 7>&1 >/dev/null'
        running = place.start("sh", "-c", script, place.command([client])[0], stdout=-1)
        assert running.process.stdout is not None
        assert running.process.stdout.read() == b""
        assert running.process.poll() is None


@both
def test_the_connection_may_come_as_6_itself(place: Place, client: str, listener: socket.socket) -> None:
    client_words = f'"$0" {QUICK} 0 {port_of(listener)}'
    script = f'exec 3</dev/null 4<&3 5<&3 8<&3; exec {client_words} sh -c "echo hi >&7; cat <&6"'
    running = place.start("sh", "-c", script, place.command([client])[0], stdout=-1)
    with listener.accept()[0] as peer:
        assert peer.recv(3, socket.MSG_WAITALL) == b"hi\n"
        peer.sendall(b"answer")
    assert running.process.stdout is not None
    assert running.process.stdout.read() == b"answer"
    assert running.wait() == 0


@both
def test_the_exit_code_is_the_programs(place: Place, client: str, listener: socket.socket) -> None:
    arguments = (client, QUICK, "0", port_of(listener))
    assert place.run(*arguments, "sh", "-c", "exit 7").returncode == 7
    assert place.run(*arguments, "sh", "-c", "kill -9 $$").returncode == -9
    done = place.run(*arguments, "./no")
    assert (done.returncode, done.stderr) == (
        111,
        b"tcpclient: fatal: unable to run ./no: file does not exist\n",
    )


@both
def test_the_program_is_searched_with_the_given_path(
    place: Place, client: str, listener: socket.socket
) -> None:
    done = place.run(client, QUICK, "0", port_of(listener), "echo", "x", env={"PATH": "/nowhere"})
    assert done.stderr == b"tcpclient: fatal: unable to run echo: file does not exist\n"


@both
@pytest.mark.parametrize("server", SERVERS)
def test_client_and_server_meet(place: Place, client: str, server: str) -> None:
    """Bytes of any kind, both ways, whichever side is whose."""
    data = bytes(range(256)) * 500
    (place.path / "data").write_bytes(data)
    running = serve(place, server, "--", "sh", "-c", "cat data; exec cat >got")
    script = "cat data >&7; exec 7>&-; head -c 128000 <&6 | cmp - data && exec 6<&-"
    done = place.run(client, QUICK, "127.0.0.1", str(running.port), "sh", "-c", script)
    assert (done.returncode, done.stderr) == (0, b"")
    assert running.ended()[-2] == "tcpserver: end PID status 0"
    assert (place.path / "got").read_bytes() == data


def test_ipv6(place: Place) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        show = ("sh", "-c", "env | grep -aE '^(TCP|PROTO)' | sort")
        for host, *options in ("::1", "-v"), ("[::1]", "-v"), ("0", "-6v"), ("::1", "-vi", "::1"):
            done = place.run("tcpclient", QUICK, *options, host, port_of(server), *show)
            assert done.stderr == b"tcpclient: connected to ::1 port %s\n" % port_of(server).encode()
            found = dict(line.split("=") for line in done.stdout.decode().splitlines())
            assert found["PROTO"] == "TCP6"
            assert found["TCPREMOTEIP"] == found["TCP6REMOTEIP"] == found["TCPLOCALIP"] == "::1"


def test_ipv4_in_ipv6_form(place: Place, listener: socket.socket) -> None:
    done = place.run(
        "tcpclient", QUICK, "-6", "::ffff:127.0.0.1", port_of(listener), "printenv", "TCPREMOTEIP"
    )
    assert done.stdout == b"::ffff:127.0.0.1\n"
    done = place.run(
        "tcpclient", QUICK, "::ffff:127.0.0.1", port_of(listener), "printenv", "PROTO", "TCPREMOTEIP"
    )
    assert done.stdout == b"TCP\n127.0.0.1\n"


def test_an_address_of_the_other_family(place: Place) -> None:
    done = place.run("tcpclient", QUICK, "-i", "::1", "127.0.0.1", "1", "true")
    assert done.stderr == b"tcpclient: fatal: unable to bind socket: address family not supported\n"


def test_a_program_of_ours_runs_in_place(place: Place, listener: socket.socket) -> None:
    running = place.start("tcpclient", QUICK, "0", port_of(listener), "mconnect-io", stdin=-1, stdout=-1)
    process = running.process
    assert process.stdin is not None and process.stdout is not None
    with listener.accept()[0] as peer:
        process.stdin.write(b"hello\n")
        process.stdin.flush()
        assert peer.recv(7, socket.MSG_WAITALL) == b"hello\r\n"
        process.stdin.close()
        peer.sendall(b"220 x\r\n")
        peer.shutdown(socket.SHUT_WR)
        assert process.stdout.read() == b"220 x\r\n"
        assert running.wait() == 0
        assert received(peer) == b""
