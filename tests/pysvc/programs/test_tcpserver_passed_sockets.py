"""tcpserver with sockets that were passed on, and fdholder that keeps them"""

import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from tests.support.processes import children
from tests.support.tcp import Server, ipv6, received, serve
from tests.support.world import ROOT, Place, eventually, free_port, takes_connections

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
    eventually(lambda: not children(running.pid))
    done = place.run("fdretrieve", "socket", "sh", "-c", "echo $LISTEN_FDS; test $LISTEN_PID = $$")
    assert (done.returncode, done.stdout) == (0, b"1\n")
