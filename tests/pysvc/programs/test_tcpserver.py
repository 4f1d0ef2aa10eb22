"""tcpserver starts, listens and ends; each case also with the C program where that is installed"""

import contextlib
import os
import resource
import signal
import socket

import pytest

from tests.support.tcp import DROPPED, VARIABLES, both, ipv6, received, rules, serve
from tests.support.world import Place, eventually, free_port

USAGE = (
    b"tcpserver: usage: tcpserver [ -1UXpPhHrRoOdDqQv ] [ -c limit ] [ -x rules.cdb ] [ -B banner ]"
    b" [ -g gid ] [ -u uid ] [ -b backlog ] [ -l localname ] [ -t timeout ] host port program\n"
)


@both
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 100, USAGE),
        (["0"], 100, USAGE),
        (["0", "0"], 100, USAGE),
        (["--", "0", "0"], 100, USAGE),
        (["-"], 100, USAGE),
        (["-RHl", "x", "0", "0"], 100, USAGE),
        (["-q"], 100, b""),
        (["-q", "-Q"], 100, USAGE),
        (["-Z"], 100, b"tcpserver: illegal option -- Z\n" + USAGE),
        (["-q", "-Z"], 100, b"tcpserver: illegal option -- Z\n" + USAGE),
        (["-c"], 100, b"tcpserver: option requires an argument -- c\n" + USAGE),
        (["0", "bad.name"], 111, b"tcpserver: fatal: unable to figure out port number for bad.name\n"),
        (["0", "8x", "true"], 111, b"tcpserver: fatal: unable to figure out port number for 8x\n"),
        (["-q", "0", "8x", "true"], 111, b""),
        (["1.2.3", "0", "true"], 111, b"tcpserver: fatal: no IP address for 1.2.3\n"),
        (["127..1", "0", "true"], 111, b"tcpserver: fatal: no IP address for 127..1\n"),
        (["192.0.2.1", "0", "true"], 111, b"tcpserver: fatal: unable to bind: address not available\n"),
        (
            ["x" * 64 + ".example", "0", "true"], 111,
            b"tcpserver: fatal: temporarily unable to figure out IP address for "
            + b"x" * 64 + b".example: protocol error\n",
        ),
        (
            ["-g", str(os.getgid() or 65534), "127.0.0.1", "0", "true"], 111,
            b"tcpserver: fatal: unable to set gid: permission denied\n",
        ),
        (
            ["-u", "65533", "127.0.0.1", "0", "true"], 111,
            b"tcpserver: fatal: unable to set uid: permission denied\n",
        ),
    ],
)  # fmt: skip
def test_does_not_start(place: Place, server: str, arguments: list[str], code: int, message: bytes) -> None:
    done = place.run(server, *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (code, b"", message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-u", "nobody"], b"unable to figure out uid for nobody"),
        (["-g", "mail"], b"unable to figure out gid for mail"),
        (["-u", "4294967296"], b"unable to figure out uid for 4294967296"),
        (["-g", "99999999999999999999"], b"unable to figure out gid for 99999999999999999999"),
        (["-U"], b"unable to figure out uid for me"),
    ],
)
def test_ids_that_would_leave_it_root_are_refused(place: Place, arguments: list[str], message: bytes) -> None:
    done = place.run("tcpserver", *arguments, "127.0.0.1", "0", "true", env={"UID": "me"})
    assert (done.returncode, done.stderr) == (111, b"tcpserver: fatal: " + message + b"\n")


@both
def test_a_port_that_is_taken(place: Place, server: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = place.run(server, "127.0.0.1", str(taken.getsockname()[1]), "true")
    assert done.returncode == 111
    assert done.stderr == b"tcpserver: fatal: unable to bind: address already used\n"


@both
@pytest.mark.parametrize("host", ["0", "", "127.000.000.001", "[127.0.0.1]", "383.0.0.257"])
@pytest.mark.parametrize("port", ["", "131072"])
def test_hosts_and_ports(place: Place, server: str, host: str, port: str) -> None:
    running = serve(place, server, "--", "echo", "hello", host=host, port=port)
    assert running.talk() == b"hello\n"


@both
def test_ports_are_taken_modulo_65536(place: Place, server: str) -> None:
    port = free_port()
    assert serve(place, server, "--", "echo", port=f"0{65536 + port}").port == port


@both
@pytest.mark.parametrize("limit", ["0", "abc"])
def test_a_limit_of_nothing(place: Place, server: str, limit: str) -> None:
    running = serve(place, server, "-c", limit, "--", "echo", "ran")
    with running.connect() as client:  # the kernel answers
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(1)
    eventually(lambda: running.lines() == ["tcpserver: status: 0/0"])
    running.running.signal(signal.SIGTERM)
    assert running.running.wait() == 0


@both
def test_the_limit(place: Place, server: str) -> None:
    running = serve(place, server, "-c", "2", "--", "sh", "-c", "echo hello; cat")
    first, second, third = (running.connect() for _ in range(3))
    assert first.recv(6) == second.recv(6) == b"hello\n"
    third.settimeout(0.2)
    with pytest.raises(TimeoutError):
        third.recv(1)
    assert running.lines()[-1].startswith("tcpserver: ok") and "tcpserver: status: 2/2" in running.lines()
    first.close()
    third.settimeout(20)
    assert third.recv(6) == b"hello\n"
    second.close()
    third.close()
    lines = running.ended(3)
    assert lines.count("tcpserver: status: 2/2") == 2 and lines[-1] == "tcpserver: status: 0/2"


@both
def test_sigterm_ends_the_server_and_not_its_children(place: Place, server: str) -> None:
    running = serve(place, server, "--", "sh", "-c", "echo hello; cat")
    with running.connect() as client:
        assert client.recv(6) == b"hello\n"
        running.running.signal(signal.SIGTERM)
        assert running.running.wait() == 0
        assert running.lines()[-1].startswith("tcpserver: ok")
        client.sendall(b"still there")
        client.shutdown(socket.SHUT_WR)
        assert received(client) == b"still there"


@both
def test_sigterm_at_the_limit(place: Place, server: str) -> None:
    running = serve(place, server, "-c", "1", "--", "sh", "-c", "echo hello; cat")
    with running.connect() as client:
        assert client.recv(6) == b"hello\n"
        running.running.signal(signal.SIGTERM)
        assert running.running.wait() == 0


@both
def test_no_process_to_be_had(place: Place, server: str) -> None:
    def narrow() -> None:
        resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))  # the server itself is one already

    running = serve(place, server, "--", "echo", "ran", preexec_fn=narrow)
    assert running.talk() == b""
    eventually(lambda: len(running.lines()) == 4)
    assert running.lines()[1:] == [
        "tcpserver: status: 1/40",
        DROPPED + "unable to fork: temporary failure",
        "tcpserver: status: 0/40",
    ]


@both
def test_silent_clients_cost_nobody_else(place: Place, server: str) -> None:
    running = serve(place, server, "--", "cat")
    silent = [running.connect() for _ in range(10)]
    assert running.talk(b"data") == b"data"
    for client in silent:
        client.close()
    assert running.ended(11)[-1] == "tcpserver: status: 0/40"


@pytest.mark.root
@both
def test_ids_are_taken_after_the_socket_listens(place: Place, server: str) -> None:
    for ids, env in ((("-u", "65534", "-g", "65533"), {}), (("-U",), {"UID": "65534", "GID": "65533"})):
        running = serve(
            place, server, *ids, "--", "sh", "-c", "id -u; id -g; id -G", as_root=True, env=env
        )
        assert running.talk() == b"65534\n65533\n65533\n"


@ipv6
def test_ipv6_clients(place: Place) -> None:
    rules(place, b'::1:allow,A="six"\n:deny')
    script = f"echo $A; {VARIABLES}"
    running = serve(place, "tcpserver", "-x", "rules.cdb", "--", "sh", "-c", script, host="::1")
    lines = running.talk(host="::1").decode().splitlines()
    assert lines[0] == "six"
    variables = dict(line.split("=", 1) for line in lines[1:])
    for prefix in ("TCP", "TCP6"):
        assert variables.pop(prefix + "LOCALIP") == variables.pop(prefix + "REMOTEIP") == "::1"
        assert variables.pop(prefix + "LOCALPORT") == str(running.port)
        assert variables.pop(prefix + "LOCALHOST") == "here"
        assert variables.pop(prefix + "REMOTEPORT")
    assert variables == {"PROTO": "TCP6"}
    assert running.ended()[2:4] == [
        "tcpserver: pid PID from ::1", "tcpserver: ok PID here:::1:LPORT :::1::RPORT",
    ]  # fmt: skip


@ipv6
@pytest.mark.parametrize(
    ("options", "host", "proto", "text"),
    [
        ((), "::", "TCP", "127.0.0.1"),
        (("-6",), "0", "TCP6", "::ffff:127.0.0.1"),
        (("-4",), "0", "TCP", "127.0.0.1"),
    ],
)
def test_ipv4_clients_of_ipv6_sockets(
    place: Place, options: tuple[str, ...], host: str, proto: str, text: str
) -> None:
    rules(place, b"127.0.0.1:allow\n:deny")
    program = ("sh", "-c", "echo $PROTO $TCPREMOTEIP")
    running = serve(place, "tcpserver", *options, "-x", "rules.cdb", "--", *program, host=host)
    assert running.talk().decode() == f"{proto} {text}\n"
    assert running.ended()[2] == f"tcpserver: pid PID from {text}"


@both
@pytest.mark.parametrize(("delay", "shown"), [("-d", b"0\n"), ("-D", b"1\n")])
def test_small_packets(place: Place, server: str, delay: str, shown: bytes) -> None:
    ask = "import socket; s = socket.socket(fileno=0); print(s.getsockopt(6, 1), flush=True); s.detach()"
    running = serve(place, server, delay, "-oO", "-b5", "-t", "1", "--", "/usr/bin/python3", "-c", ask)
    assert running.talk() == shown


@pytest.mark.parametrize(
    ("options", "waiting"), [(("-c", "60"), 60), ((), 40), (("-c", "5"), 20), (("-c", "60", "-b", "1"), 2)]
)
def test_as_many_may_wait_as_can_be_served(place: Place, options: tuple[str, ...], waiting: int) -> None:
    """A server that does not come to accept: the kernel keeps some clients, and lets one more wait."""
    server = serve(place, "tcpserver", *options, "--", "true")
    os.kill(server.pid, signal.SIGSTOP)
    clients = [socket.socket() for _ in range(100)]
    try:
        for client in clients:
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", server.port))
        eventually(lambda: _connected(clients) >= waiting, what=f"{waiting} connections")
        assert _connected(clients) <= waiting + 2
    finally:
        for client in clients:
            client.close()
        os.kill(server.pid, signal.SIGCONT)


def _connected(clients: list[socket.socket]) -> int:
    count = 0
    for client in clients:
        with contextlib.suppress(OSError):
            client.getpeername()
            count += 1
    return count
