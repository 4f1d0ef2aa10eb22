"""tcpserver as a process, each case also with the C program where that is installed"""

import contextlib
import os
import resource
import signal
import socket
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.tcp import SERVERS, ipv6, received, serve
from tests.support.world import Place, eventually, free_port

both = pytest.mark.parametrize("server", SERVERS)
USAGE = (
    b"tcpserver: usage: tcpserver [ -1UXpPhHrRoOdDqQv ] [ -c limit ] [ -x rules.cdb ] [ -B banner ]"
    b" [ -g gid ] [ -u uid ] [ -b backlog ] [ -l localname ] [ -t timeout ] host port program\n"
)
VARIABLES = "env | grep -aE '^(PROTO|TCP)' | sort"


def rules(place: Place, text: bytes, name: str = "rules.cdb") -> str:
    done = place.run("tcprules", name, "rules.tmp", stdin=text)
    assert done.stderr == b""
    return name


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
def test_the_log(place: Place, server: str) -> None:
    running = serve(place, server, "--", "sh", "-c", "cat; exit 3")
    assert running.talk(b"data") == b"data"
    assert running.ended() == [
        "tcpserver: status: 0/40",
        "tcpserver: status: 1/40",
        "tcpserver: pid PID from 127.0.0.1",
        "tcpserver: ok PID here:127.0.0.1:LPORT :127.0.0.1::RPORT",
        "tcpserver: end PID status 768",
        "tcpserver: status: 0/40",
    ]


@both
@pytest.mark.parametrize(
    ("options", "expected"),
    [(("-RHl", "here"), []), (("-vRHl", "here", "-q"), []), (("-qvRHl", "x"), ["tcpserver: status: 0/40"])],
)
def test_how_much_is_said(place: Place, server: str, options: tuple[str, ...], expected: list[str]) -> None:
    running = serve(place, server, "--", "./no", options=options)
    assert running.talk() == b""
    if expected:
        assert running.ended()[:1] == expected
        return
    said = [] if "-q" in options else [DROPPED + "unable to run ./no: file does not exist"]
    eventually(lambda: running.lines() == said)


DROPPED = "tcpserver: warning: dropping connection, "


@both
def test_wait_statuses(place: Place, server: str) -> None:
    running = serve(place, server, "--", "sh", "-c", "read n; kill -$n $$")
    for number in (9, 15):
        running.talk(b"%d\n" % number)
    lines = running.ended(2)
    assert "tcpserver: end PID status 9" in lines and "tcpserver: end PID status 15" in lines


@both
def test_a_denied_client_sees_the_banner_and_the_end(place: Place, server: str) -> None:
    rules(place, b':deny,A="b"')
    running = serve(place, server, "-B", b"hello \xe9", "-x", "rules.cdb", "--", "echo", "ran")
    assert running.talk() == b"hello \xe9"
    assert running.ended()[3:5] == [
        "tcpserver: deny PID here:127.0.0.1:LPORT :127.0.0.1::RPORT",
        "tcpserver: end PID status 25600",
    ]


@both
def test_a_program_that_cannot_be_run(place: Place, server: str) -> None:
    running = serve(place, server, "--", "./no")
    assert running.talk() == b""
    assert running.ended()[3:5] == [
        "tcpserver: ok PID here:127.0.0.1:LPORT :127.0.0.1::RPORT",
        DROPPED + "unable to run ./no: file does not exist",
    ] and "tcpserver: end PID status 28416" in running.lines()


@both
def test_the_environment(place: Place, server: str) -> None:
    names = "TCPREMOTEHOST TCPREMOTEINFO TCPLOCALHOST TCPREMOTEIP PROTO"
    stale = dict.fromkeys(names.split(), "stale")
    running = serve(place, server, "--", "sh", "-c", VARIABLES, env=stale)
    with running.connect() as client:
        expected = {
            "PROTO": "TCP", "TCPLOCALHOST": "here", "TCPLOCALIP": "127.0.0.1",
            "TCPLOCALPORT": str(running.port), "TCPREMOTEIP": "127.0.0.1",
            "TCPREMOTEPORT": str(client.getsockname()[1]),
        }  # fmt: skip
        text = received(client).decode()
    assert dict(line.split("=", 1) for line in text.splitlines()) == expected


@both
@pytest.mark.parametrize(("name", "shown"), [("", "TCPLOCALHOST="), (b"\xe9 :%", "TCPLOCALHOST=\xe9 :%")])
def test_the_local_name(place: Place, server: str, name: str | bytes, shown: str) -> None:
    running = serve(place, server, "--", "sh", "-c", VARIABLES, options=("-vRHl", name))
    assert shown in running.talk().decode("latin-1").splitlines()
    field = ":" if not name else "????:"
    assert running.ended()[3] == f"tcpserver: ok PID {field}127.0.0.1:LPORT :127.0.0.1::RPORT"


@both
@pytest.mark.parametrize(("length", "ending"), [(99, ""), (100, "..."), (101, "...")])
def test_long_names_are_cut_in_the_log(place: Place, server: str, length: int, ending: str) -> None:
    running = serve(place, server, "--", "true", options=("-vRHl", "x" * length))
    running.talk()
    assert running.ended()[3].split()[3].split(":")[0] == "x" * min(length, 100) + ending


@both
def test_rules_set_variables(place: Place, server: str) -> None:
    """The first matching rule alone; of a repeated variable the last; they override tcpserver's own."""
    text = b'127.:allow,A="1",A="2",TCPREMOTEIP="\xff",E=""\n127.:deny\n:allow,B="3"\n'
    running = serve(place, server, "-x", rules(place, text), "--", "sh", "-c", "env | sort")
    lines = running.talk().splitlines()
    assert {b"A=2", b"E=", b"TCPREMOTEIP=\xff"} <= set(lines)
    assert not [line for line in lines if line.startswith(b"B=")]
    assert running.ended()[3] == "tcpserver: ok PID here:127.0.0.1:LPORT :127.0.0.1::RPORT"


@both
def test_a_path_from_the_rules_is_for_the_program_only(place: Place, server: str) -> None:
    running = serve(
        place, server, "-x", rules(place, b':allow,PATH="/nowhere"'), "--", "sh", "-c", "echo $PATH"
    )
    assert running.talk() == b"/nowhere\n"


@both
def test_rules_are_read_for_each_connection(place: Place, server: str) -> None:
    rules(place, b":allow")
    running = serve(place, server, "-x", "rules.cdb", "--", "echo", "ran")
    assert running.talk() == b"ran\n"
    rules(place, b":deny")
    assert running.talk() == b""
    rules(place, b":allow")
    assert running.talk() == b"ran\n"


@both
def test_missing_rules(place: Place, server: str) -> None:
    running = serve(place, server, "-x", "no.cdb", "--", "echo", "ran")
    assert running.talk() == b""
    assert running.ended()[3:5] == [
        DROPPED + "unable to read no.cdb: file does not exist", "tcpserver: end PID status 28416",
    ]  # fmt: skip
    assert serve(place, server, "-X", "-x", "no.cdb", "--", "echo", "ran").talk() == b"ran\n"
    running = serve(place, server, "-X", "-x", "/etc/passwd/x", "--", "echo", "ran")
    assert running.talk() == b""
    assert running.ended()[3] == DROPPED + "unable to read /etc/passwd/x: not a directory"


@pytest.mark.parametrize(("content", "why"), [(b"", "protocol error"), (b"\xff" * 2048, "protocol error"),
                                              (None, "is a directory")])  # fmt: skip
def test_broken_rules_drop_the_connection(place: Place, content: bytes | None, why: str) -> None:
    if content is None:
        (place.path / "r").mkdir()
    else:
        (place.path / "r").write_bytes(content)
    running = serve(place, "tcpserver", "-X", "-x", "r", "--", "echo", "ran")
    assert running.talk() == b""
    assert running.ended()[3:5] == [DROPPED + "unable to read r: " + why, "tcpserver: end PID status 28416"]


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
def test_signals_and_modes_that_the_program_finds(place: Place, server: str) -> None:
    """No signal blocked or ignored, and the connection in blocking mode."""
    files = ("/proc/self/status", "/proc/self/fdinfo/0", "/proc/self/fdinfo/1")
    words = [line.split() for line in serve(place, server, "--", "cat", *files).talk().decode().splitlines()]
    masks = {line[0]: int(line[1], 16) for line in words if line[0].startswith("Sig") and "/" not in line[1]}
    assert (masks["SigBlk:"], masks["SigIgn:"], masks["SigCgt:"]) == (0, 0, 0)
    flags = [int(line[1], 8) for line in words if line[0] == "flags:"]
    assert [flag & os.O_NONBLOCK for flag in flags] == [0, 0]


@both
def test_descriptors_that_the_program_finds(place: Place, server: str) -> None:
    """The connection as 0 and 1, and what the server itself inherited."""
    kept, other = os.pipe()
    try:
        running = serve(place, server, "--", "ls", "-l", "/proc/self/fd", pass_fds=[kept])
        lines = running.talk().decode().splitlines()
    finally:
        os.close(kept)
        os.close(other)
    links = {line.split()[8]: line.split()[10] for line in lines if " -> " in line}
    assert links["0"] == links["1"] and links["0"].startswith("socket:")
    own = {fd for fd, link in links.items() if link.endswith("/fd")}  # with which ls reads the directory
    assert set(links) - own == {"0", "1", "2", str(kept)}


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


def test_a_thousand_connections_leave_nothing_behind(place: Place) -> None:
    running = serve(place, "tcpserver", "-b", "100", "--", "true", options=("-RHl", "here"))
    seen: Callable[[], tuple[list[str], str]] = lambda: (  # noqa: E731
        sorted(os.listdir(f"/proc/{running.pid}/fd")),
        Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text(),
    )
    running.talk()
    before = eventually(lambda: seen()[1] == "" and seen())
    for number in range(1000):
        with running.connect() as client:
            if number % 10:
                received(client)
            else:  # a reset at once: it may be gone before it is accepted
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    running.talk()
    eventually(lambda: seen() == before, what="descriptors and children as before")


def test_programs_of_ours_run_in_the_same_process(place: Place) -> None:
    running = serve(place, "tcpserver", "--", "recordio", "sh", "-c", "echo $PPID; cat")
    parent = running.talk().split()[0]
    assert int(parent) == running.pid  # no process of its own for recordio
    assert "tcpserver: end PID status 0" in running.ended()
    eventually(lambda: running.log.read_bytes().count(b" > [EOF]\n") == 1)


def test_a_program_of_ours_sees_what_any_program_would(place: Place) -> None:
    rules(place, b'127.:allow,A="1"')
    check = place.world.bin / "tcprulescheck"
    running = serve(place, "tcpserver", "-x", "rules.cdb", "--", check, "rules.cdb")
    assert running.talk() == b"rule 127.:\nset environment variable A=1\nallow connection\n"
    running = serve(place, "tcpserver", "--", check)
    running.talk()
    assert "tcprulescheck: usage: tcprulescheck rules.cdb" in running.ended()
    assert "tcpserver: end PID status 25600" in running.lines()


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


def test_a_closed_log_is_no_reason_to_stop(place: Place) -> None:
    command = f"exec {place.world.bin}/tcpserver -1vRHlx 127.0.0.1 0 echo ran 2>&-"
    running = place.start("sh", "-c", command, stdout=subprocess.PIPE)
    assert running.process.stdout is not None
    port = int(running.process.stdout.readline())
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        assert received(client) == b"ran\n"


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
