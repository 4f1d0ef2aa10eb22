"""tcpserver under limits, with sockets that were passed on, and with very many clients"""

import os
import resource
import signal
import socket
import struct
import subprocess
import threading
from pathlib import Path

import pytest

from tests.support.tcp import SERVERS, Server, ipv6, received, serve
from tests.support.world import ROOT, Place, eventually, free_port, takes_connections

both = pytest.mark.parametrize("server", SERVERS)
HOLDING = ("sh", "-c", "echo hello; cat")
SILENT = ("-R", "-H", "-l", "here")


def holding(running: Server, source: str = "127.0.0.1") -> socket.socket:
    """A client that the program has greeted."""
    client = socket.create_connection(("127.0.0.1", running.port), timeout=20, source_address=(source, 0))
    assert client.recv(6) == b"hello\n"
    return client


def refused(running: Server, source: str = "127.0.0.1") -> bytes:
    """What a client hears that is turned away."""
    with socket.create_connection(("127.0.0.1", running.port), 20, (source, 0)) as client:
        return received(client)


def denials(running: Server) -> list[str]:
    """The deny lines, without what Server._mask leaves of ports."""
    lines = running.log.read_text().splitlines()
    return [line.split(" ", 4)[4].split(":", 1)[1] for line in lines if line.startswith("tcpserver: deny ")]


def test_connections_of_one_address(place: Place) -> None:
    running = serve(place, "tcpserver", "-C", "2:421 too many", "--", *HOLDING)
    first, second = holding(running), holding(running)
    assert refused(running) == b"421 too many\r\n"
    other = holding(running, "127.0.0.2")
    line = next(line for line in running.lines() if " deny " in line)
    assert line.startswith("tcpserver: deny PID here:127.0.0.1:LPORT :127.0.0.1::")
    assert line.endswith(" MAXCONNIP: 2")
    assert f"tcpserver: deny {running.pid} " in running.log.read_text()
    assert "tcpserver: status: 3/40" in running.lines()
    assert "tcpserver: status: 4/40" not in running.lines()
    first.close()
    running.ended(1)
    holding(running).close()
    second.close()
    other.close()
    assert running.ended(4)[-1] == "tcpserver: status: 0/40"


def test_connections_of_one_network(place: Place) -> None:
    running = serve(place, "tcpserver", "-N", "2", "--", *HOLDING)
    clients = [holding(running, "127.0.0.1"), holding(running, "127.0.0.2")]
    assert refused(running, "127.0.0.3") == b""
    clients.append(holding(running, "127.0.1.1"))
    assert denials(running)[0].endswith(" MAXCONNC: 2")
    for client in clients:
        client.close()


def test_rates(place: Place) -> None:
    running = serve(place, "tcpserver", "-C", ",3/3600:wait", "-N", ",4/3600", "--", "echo", "hello")
    assert [refused(running) for _ in range(4)] == [b"hello\n"] * 3 + [b"wait\r\n"]
    assert [refused(running, "127.0.0.2") for _ in range(2)] == [b"hello\n", b""]
    assert [line.rpartition(" MAX")[2] for line in denials(running)] == ["RATEIP: 3/3600", "RATEC: 4/3600"]


@pytest.mark.parametrize("options", [("-v", *SILENT), SILENT])
def test_limits_that_rules_set(place: Place, options: tuple[str, ...]) -> None:
    """Those of the rule that matches; the environment's where it sets none."""
    rules = (b'127.0.0.1:allow,MAXCONNIP="1",DIEMSG="421 later"\n127.0.0.2:allow,MAXCONNIP=""\n'
             b'127.0.0.4:allow,MAXCONNC="0"\n:allow')  # fmt: skip
    assert place.run("tcprules", "r.cdb", "tmp", stdin=rules).returncode == 0
    running = serve(
        place, "tcpserver", "-x", "r.cdb", "--", *HOLDING, options=options, env={"MAXCONNIP": "2"}
    )
    clients = [holding(running)]
    assert refused(running) == b"421 later\r\n"
    clients += [holding(running, "127.0.0.2") for _ in range(3)]
    clients += [holding(running, "127.0.0.3") for _ in range(2)]
    assert refused(running, "127.0.0.3") == b""
    assert refused(running, "127.0.0.4") == b""
    reasons = [line.rpartition(" MAX")[2] for line in denials(running)]
    assert reasons == (["CONNIP: 1", "CONNIP: 2", "CONNC: 0"] if "-v" in options else [])
    for client in clients:
        client.close()


@pytest.mark.parametrize("word", ["", "x", "5,", "5,3", "-3"])
def test_limits_that_are_none(place: Place, word: str) -> None:
    done = place.run("tcpserver", "-C", word, "0", "0", "true")
    assert (done.returncode, done.stderr[:23]) == (100, b"tcpserver: usage: tcpse")


def test_a_thousand_refusals_cost_no_process(place: Place) -> None:
    running = serve(place, "tcpserver", "-C", "0", "-b", "100", "--", "echo", "ran", options=SILENT)
    for _ in range(1000):
        assert refused(running) == b""
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text()
    assert children == ""
    usage = Path(f"/proc/{running.pid}/stat").read_text().rpartition(")")[2].split()
    assert usage[13:15] == ["0", "0"]  # CPU of children that have ended


# --- programs that are started without a fork of the server


def _own_signals(line: str) -> str:
    """A line of /proc/self/status without the two signals that the C library keeps for itself."""
    if not line.startswith("Sig"):
        return line
    name, mask = line.split()
    return f"{name} {int(mask, 16) & ~0x180000000:x}"


def test_without_status_lines_the_program_finds_the_same(place: Place) -> None:
    """What a program finds is the same whether the server tells of it, and therefore forks, or not."""
    rules = b'127.:allow,A="\xff",PATH="/nowhere"\n'
    assert place.run("tcprules", "r.cdb", "tmp", stdin=rules).returncode == 0
    script = (
        "PATH=/bin:/usr/bin; env | grep -av '^\\(_\\|PWD\\|TCPREMOTEPORT\\|TCPLOCALPORT\\)=';"
        " cat /proc/self/fdinfo/[01]; ls /proc/$$/fd; grep -h ^Sig[BIC] /proc/self/status"
    )
    found = []
    for options in (("-v", *SILENT), SILENT):
        running = serve(
            place, "tcpserver", "-x", "r.cdb", "-D", "--", "sh", "-c", script,
            options=options, env={"TCPREMOTEHOST": "stale", "B": "1"},
        )  # fmt: skip
        lines = running.talk().decode("latin-1").splitlines()
        found.append([_own_signals(line) for line in lines if not line.startswith(("mnt_id", "ino"))])
    assert found[0] == found[1]
    assert "A=\xff" in found[1] and "B=1" in found[1] and not [one for one in found[1] if "stale" in one]


@both
@pytest.mark.parametrize("program", ["./no", "./directory", "./script"])
def test_what_cannot_be_run_is_said(place: Place, server: str, program: str) -> None:
    (place.path / "directory").mkdir()
    (place.path / "script").write_text("echo no interpreter\n")
    (place.path / "script").chmod(0o755)
    running = serve(place, server, "--", program, options=SILENT)
    assert running.talk() == b""
    why = {"./no": "file does not exist", "./directory": "access denied", "./script": "exec format error"}
    said = f"tcpserver: warning: dropping connection, unable to run {program}: {why[program]}"
    eventually(lambda: running.lines() == [said])


def test_without_status_lines_rules_deny_too(place: Place) -> None:
    assert place.run("tcprules", "r.cdb", "tmp", stdin=b"127.0.0.1:deny\n").returncode == 0
    running = serve(place, "tcpserver", "-x", "r.cdb", "--", "echo", "ran", options=SILENT)
    assert running.talk() == b""
    assert refused(running, "127.0.0.2") == b"ran\n"
    (place.path / "r.cdb").unlink()
    assert running.talk() == b""
    said = "tcpserver: warning: dropping connection, unable to read r.cdb: file does not exist"
    eventually(lambda: running.lines() == [said])


# --- nothing leaks, nobody waits for others


def held(pid: int) -> tuple[list[str], str]:
    """The descriptors and the children of a server."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return sorted(os.listdir(f"/proc/{pid}/fd")), children


def memory(pid: int) -> int:
    """Resident memory in KB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


@pytest.mark.parametrize(("options", "count"), [(("-v", *SILENT), 500), (SILENT, 1500)])
def test_two_thousand_connections_leave_nothing_behind(
    place: Place, options: tuple[str, ...], count: int
) -> None:
    """Of descriptors, processes and memory; with limits, so that there are tables that could grow."""
    limits = ("-b", "100", "-C", "100,100000/1", "-N", "100,100000/1")
    running = serve(place, "tcpserver", *limits, "--", "true", options=options)
    for _ in range(50):
        running.talk()
    before = eventually(lambda: held(running.pid)[1] == "" and held(running.pid))
    size = memory(running.pid)
    for number in range(count):
        source = f"127.0.{number % 250}.{1 + number % 200}"
        with socket.create_connection(("127.0.0.1", running.port), 20, (source, 0)) as client:
            if number % 10:
                received(client)
            else:  # a reset at once: it may be gone before it is accepted
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    running.talk()
    eventually(lambda: held(running.pid) == before, what="descriptors and children as before")
    assert memory(running.pid) <= size + 512


def test_a_thousand_at_once(place: Place) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2500:
        pytest.skip("too few descriptors for the clients")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2500), hard))
    running = serve(
        place, "tcpserver", "-b", "1100", "-c", "1000", "--", "cat", options=SILENT
    )  # fmt: skip
    running.talk(b"x")
    before = eventually(lambda: held(running.pid)[1] == "" and held(running.pid))
    clients = [running.connect() for _ in range(1000)]
    try:
        for number, client in enumerate(clients):
            client.sendall(b"%d\n" % number)
        for number, client in enumerate(clients):  # each is served while all others are there
            assert client.recv(10) == b"%d\n" % number
    finally:
        for client in clients:
            client.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    eventually(lambda: held(running.pid) == before, timeout=60, what="descriptors and children as before")


# --- sockets that were passed on

ACTIVATED = 'exec 3<&{fd} {fd}<&-; LISTEN_PID=$$ LISTEN_FDS={count} exec tcpserver -1 "$@"'


def activated(place: Place, listener: socket.socket, *arguments: str, **popen: object) -> Server:
    """A tcpserver with one socket passed on as systemd does it."""
    log = place.path / "log"
    log.touch()
    place.own()
    script = ACTIVATED.format(fd=listener.fileno(), count=1)
    with log.open("ab") as err:
        running = place.start(
            "/bin/bash", "-c", script, "sh", *arguments, stdout=subprocess.PIPE, stderr=err,
            pass_fds=[listener.fileno()], **popen,
        )  # fmt: skip
    assert running.process.stdout is not None
    return Server(place, running, int(running.process.stdout.readline()), log)


def test_a_socket_that_was_passed_on(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        program = ("sh", "-c", "env | grep LISTEN; echo $TCPLOCALPORT; ls /proc/$$/fd")
        running = activated(place, listener, "-v", "-RHlhere", "0", "0", *program)
        assert running.port == listener.getsockname()[1]
        assert running.talk().decode().split() == [str(running.port), "0", "1", "2"]


def test_sockets_passed_to_another_process_do_not_count(place: Place) -> None:
    running = serve(place, "tcpserver", "--", "echo", "hello", env={"LISTEN_PID": "1", "LISTEN_FDS": "1"})
    assert running.talk() == b"hello\n"


def test_what_was_passed_on_must_be_a_listening_socket(place: Place) -> None:
    with socket.socket() as unbound:
        script = ACTIVATED.format(fd=unbound.fileno(), count=2)
        done = place.run("/bin/bash", "-c", script, "sh", "0", "0", "true", pass_fds=[unbound.fileno()])
    assert done.returncode == 111
    assert done.stderr == b"tcpserver: fatal: descriptor 3 is no socket to accept such connections from\n"


@ipv6
def test_one_server_for_both_families(place: Place) -> None:
    """Each at an address of its own; `::` would serve both as well."""
    ports = free_port(), free_port("::1")
    holder = place.start("fdholder", "socket", "127.0.0.1", str(ports[0]), "::1", str(ports[1]))
    eventually(lambda: takes_connections(place.path / "socket"))
    log = place.path / "log"
    with log.open("ab") as err:
        place.start("fdretrieve", "socket", "tcpserver", "-v", "-RHlhere", "0", "0", "sh", "-c",
                    "echo $PROTO $TCPLOCALPORT", stderr=err)  # fmt: skip
    for host, port, proto in (("127.0.0.1", ports[0], "TCP"), ("::1", ports[1], "TCP6")):
        with socket.create_connection((host, port), 20) as client:
            assert received(client).decode() == f"{proto} {port}\n"
    holder.signal(signal.SIGTERM)
    assert holder.wait() == 0
    assert not (place.path / "socket").exists()


def test_a_restart_drops_no_connection(place: Place) -> None:
    """Clients come without pause while the server is ended and started again, by SIGTERM and by SIGKILL."""
    port = free_port()
    place.start("fdholder", "-b", "200", "socket", "127.0.0.1", str(port))
    eventually(lambda: takes_connections(place.path / "socket"))
    stop = threading.Event()
    heard: list[bytes] = []

    def keep_coming() -> None:
        while not stop.is_set():
            with socket.create_connection(("127.0.0.1", port), 30) as client:
                heard.append(received(client))

    def more_come() -> None:
        before = len(heard)
        eventually(lambda: len(heard) > before + 20)

    clients = [threading.Thread(target=keep_coming) for _ in range(4)]
    command = ("fdretrieve", "socket", "tcpserver", "-RHlhere", "0", "0", "echo", "hello")
    server = place.start(*command)
    for client in clients:
        client.start()
    try:
        for _ in range(5):
            more_come()
            server.signal(signal.SIGTERM)
            assert server.wait() == 0
            server = place.start(*command)
        more_come()
    finally:
        stop.set()
        for client in clients:
            client.join()
    assert set(heard) == {b"hello\n"}


def test_fdretrieve_with_a_holder_that_says_nothing(place: Place) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(place.path / "silent"))
        silent.listen()
        (place.path / "silent").chmod(0o777)
        done = place.run("fdretrieve", "silent", "true")
    text = b"fdretrieve: fatal: unable to get sockets from silent: timed out\n"
    assert (done.returncode, done.stderr) == (111, text)


def test_fdretrieve_without_a_holder(place: Place) -> None:
    done = place.run("fdretrieve", "socket", "true")
    assert done.returncode == 111
    assert done.stderr == b"fdretrieve: fatal: unable to get sockets from socket: file does not exist\n"


@pytest.mark.parametrize("arguments", [["fdholder"], ["fdholder", "s"], ["fdholder", "s", "0"],
                                       ["fdholder", "s", "0", "0", "0"], ["fdretrieve", "s"]])  # fmt: skip
def test_usage(place: Place, arguments: list[str]) -> None:
    done = place.run(*arguments)
    assert done.returncode == 100
    assert done.stderr.startswith(f"{arguments[0]}: usage: {arguments[0]} ".encode())


def test_the_holder_leaves_other_files_alone(place: Place) -> None:
    (place.path / "socket").write_text("precious")
    done = place.run("fdholder", "socket", "127.0.0.1", "0")
    assert done.returncode == 111
    assert done.stderr == b"fdholder: fatal: unable to bind to socket: address already used\n"
    assert (place.path / "socket").read_text() == "precious"


@pytest.mark.root
def test_only_its_user_gets_the_sockets(place: Place) -> None:
    place.start("fdholder", "socket", "127.0.0.1", str(free_port()), as_root=True)
    eventually(lambda: takes_connections(place.path / "socket"))
    done = place.run("fdretrieve", "socket", "true")
    assert done.returncode == 111
    assert done.stderr == b"fdretrieve: fatal: unable to get sockets from socket: access denied\n"


def test_the_example(place: Place) -> None:
    """examples/restarts, with other paths and another port."""
    port = free_port()
    here = ROOT / "examples/restarts"
    script = (here / "smtp-socket.run").read_text()
    socket_path = place.path / "socket"
    for old, new in (("/usr/local/bin/", f"{place.world.bin}/"), ("0 smtp", f"127.0.0.1 {port}"),
                     ("/service/smtp-socket/socket", str(socket_path))):  # fmt: skip
        assert old in script
        script = script.replace(old, new)
    place.start("sh", "-c", script.partition("\n")[2])
    eventually(lambda: takes_connections(socket_path))
    edit = (here / "README.md").read_text().split("sed '")[1].split("'")[0]
    done = place.run("sed", edit, str(ROOT / "service/qmail-smtpd/run"))
    line = next(line for line in done.stdout.decode().splitlines() if line.startswith("exec "))
    command = line.rstrip("\\").split()[1:]
    assert command[:3] == [
        "/usr/local/bin/fdretrieve",
        "/service/smtp-socket/socket",
        "/usr/local/bin/softlimit",
    ]
    holder, softlimit = (str(place.world.bin / Path(word).name) for word in command[:3:2])
    place.start(holder, str(socket_path), softlimit, *command[3:], place.world.bin / "tcpserver", "-RHlhere",
                "-C", "5,100/60", "0", "smtp", "echo", "hello")  # fmt: skip
    with socket.create_connection(("127.0.0.1", port), 20) as client:
        assert received(client) == b"hello\n"


def test_a_child_from_before_is_buried(place: Place) -> None:
    """A run script may leave one to the program that it executes."""
    holder = f"{place.world.bin}/fdholder socket 127.0.0.1 {free_port()}"
    running = place.start("sh", "-c", f"sleep 0.3 & exec {holder}")
    eventually(lambda: takes_connections(place.path / "socket"))
    eventually(lambda: held(running.pid)[1] == "")
    done = place.run("fdretrieve", "socket", "sh", "-c", "echo $LISTEN_FDS; test $LISTEN_PID = $$")
    assert (done.returncode, done.stdout) == (0, b"1\n")
