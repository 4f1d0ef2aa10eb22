"""unixserver and unixclient with each other"""

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.support.tcp import received
from tests.support.world import Place, Running, eventually


def serve(place: Place, *arguments: str, **popen: object) -> Running:
    """A unixserver at ./socket; its status lines go to ./log. arguments: options, then the program.

    Its socket has its name when this returns; a moment later it listens.
    """
    log = place.path / "log"
    with log.open("ab") as out:
        running = place.start("unixserver", *arguments, stdout=out, stderr=out, **popen)
    eventually((place.path / "socket").exists)
    return running


def connect(place: Place) -> socket.socket:
    """A connection, as soon as the socket listens."""
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(20)
    eventually(lambda: client.connect_ex(str(place.path / "socket")) == 0)
    return client


def talk(place: Place, data: bytes = b"") -> bytes:
    with connect(place) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        return received(client)


def lines(place: Place) -> list[str]:
    """The log, with pids as PID."""
    found = []
    for line in (place.path / "log").read_text().splitlines():
        words = line.split(" ")
        if words[1] in ("pid", "end"):
            words[2] = "PID"
        found.append(" ".join(words))
    return found


def test_a_connection_and_the_log(place: Place) -> None:
    running = serve(place, "-v", "-c", "5", "socket", "sh", "-c", "cat; exit 3")
    assert talk(place, b"data") == b"data"
    expected = ["status: 0/5", "status: 1/5", "pid PID", "end PID status 768", "status: 0/5"]
    eventually(lambda: lines(place) == [f"unixserver: {line}" for line in expected])
    running.signal(signal.SIGTERM)
    assert running.wait() == 0
    assert not (place.path / "socket").exists()


def test_variables_of_both_sides(place: Place) -> None:
    show = "env | grep -a '^\\(PROTO\\|UNIX\\)' | sort"
    serve(place, "socket", "sh", "-c", f"{show}; echo $$")
    connect(place).close()
    done = place.run("unixclient", "socket", "sh", "-c", f"cat <&6; echo; {show}; echo $$")
    server, client = (part.split() for part in done.stdout.decode().split("\n\n"))
    ids = {"UID": str(os.stat(place.path).st_uid), "GID": str(os.stat(place.path).st_gid)}
    for own, mine, other, path in (
        (server, server[-1], client[-1], "LOCAL"),
        (client, client[-1], "", "REMOTE"),
    ):
        found = dict(word.split("=", 1) for word in own[:-1])
        pid = found.pop("UNIXREMOTEPID")
        assert pid == other or not other  # of a server the kernel names whoever listens
        assert found == {
            "PROTO": "UNIX", f"UNIX{path}PATH": "socket", "UNIXLOCALPID": mine,
            "UNIXLOCALUID": ids["UID"], "UNIXLOCALGID": ids["GID"],
            "UNIXREMOTEEUID": ids["UID"], "UNIXREMOTEEGID": ids["GID"],
        }  # fmt: skip


def test_the_client_can_write(place: Place) -> None:
    serve(place, "-B", "banner\n", "socket", "sh", "-c", "read line; echo got $line")
    connect(place).close()
    done = place.run("unixclient", "socket", "sh", "-c", "echo hello >&7; cat <&6")
    assert done.stdout == b"banner\ngot hello\n"


@pytest.mark.parametrize(
    ("options", "mode"),
    [((), 0o777), (("-m", "077"), 0o700), (("-p", "0620"), 0o620), (("-m", "7", "-p", "600"), 0o600)],
)  # fmt: skip
def test_who_may_connect(place: Place, options: tuple[str, ...], mode: int) -> None:
    serve(place, *options, "socket", "true")
    assert (place.path / "socket").stat().st_mode & 0o777 == mode


def test_at_no_time_may_more_connect(place: Place) -> None:
    """The socket is made with its mode; later its name may have become another file's."""
    trace = ("strace", "-qq", "-o", "trace", "-e", "trace=bind,listen,chmod,fchmod,fchmodat")
    place.start(*trace, place.world.bin / "unixserver", "-p", "600", "socket", "true")
    connect(place).close()
    calls = place.path / "trace"
    eventually(lambda: "listen(" in calls.read_text())
    assert [line.partition("(")[0] for line in calls.read_text().splitlines()] == ["bind", "listen"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
@pytest.mark.parametrize("keep", [True, False])
def test_the_end(place: Place, number: int, keep: bool) -> None:
    running = serve(place, "-d" if keep else "-D", "socket", "cat")
    with connect(place) as client:
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        running.signal(number)
        assert running.wait() == 0
        assert (place.path / "socket").exists() is keep
        client.sendall(b"y")  # what runs goes on
        assert client.recv(1) == b"y"


def test_an_old_socket_makes_way_and_nothing_else_does(place: Place) -> None:
    serve(place, "socket", "echo", "old").stop()
    assert (place.path / "socket").exists()
    serve(place, "socket", "echo", "new")
    assert talk(place) == b"new\n"
    (place.path / "file").write_text("precious")
    done = place.run("unixserver", "file", "true")
    assert (done.returncode, done.stderr) == (
        1,
        b"unixserver: fatal: unable to bind to file: address already used\n",
    )
    assert (place.path / "file").read_text() == "precious"


def test_the_limit(place: Place) -> None:
    serve(place, "-c", "1", "socket", "sh", "-c", "echo hello; cat")
    first, second = connect(place), connect(place)
    assert first.recv(6) == b"hello\n"
    second.settimeout(0.2)
    with pytest.raises(TimeoutError):
        second.recv(6)
    first.close()
    second.settimeout(20)
    assert second.recv(6) == b"hello\n"
    second.close()


def test_programs_that_cannot_be_run(place: Place) -> None:
    serve(place, "-v", "socket", "./no")
    assert talk(place) == b""
    eventually(lambda: "unixserver: end PID status 65280" in lines(place))
    assert "unixserver: warning: unable to run ./no: file does not exist" in lines(place)
    done = place.run("unixclient", "socket", "./no")
    assert (done.returncode, done.stderr) == (
        255,
        b"unixclient: fatal: unable to run ./no: file does not exist\n",
    )


@pytest.mark.parametrize(
    "arguments",
    [["unixserver"], ["unixserver", "socket"], ["unixclient", "socket"],
     *(["unixserver", *options, "s", "true"] for options in (
         ("-c", "x"), ("-u", "root"), ("-p", "9"), ("-p", "17777"), ("-c", ""), ("-U",), ("-Z",)))],
)  # fmt: skip
def test_wrong_usage_exits_1(place: Place, arguments: list[str]) -> None:
    done = place.run(*arguments, env={"UID": "me"})
    assert done.returncode == 1
    assert f"{arguments[0]}: usage: {arguments[0]} ".encode() in done.stderr
    assert not Path(place.path / "s").exists()


def test_no_server(place: Place) -> None:
    done = place.run("unixclient", "socket", "true")
    assert (done.returncode, done.stderr) == (
        1,
        b"unixclient: fatal: unable to connect to socket: file does not exist\n",
    )
    done = place.run("unixserver", "no/socket", "true")
    assert (done.returncode, done.stderr) == (
        1,
        b"unixserver: fatal: unable to bind to no/socket: file does not exist\n",
    )


def test_a_socket_that_was_passed_on(place: Place) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place.path / "socket"))
        listener.listen()
        os.chmod(place.path / "socket", 0o777)
        fd = listener.fileno()
        script = f"exec 3<&{fd} {fd}<&-; LISTEN_PID=$$ LISTEN_FDS=1 exec unixserver ignored echo hello"
        running = place.start("/bin/bash", "-c", script, pass_fds=[fd], stderr=subprocess.DEVNULL)
        assert talk(place) == b"hello\n"
        running.signal(signal.SIGTERM)
        assert running.wait() == 0
        assert (place.path / "socket").exists()  # its maker's


@pytest.mark.root
def test_ids(place: Place) -> None:
    serve(place, "-U", "-O", "-p", "0666", "socket", "sh", "-c", "id -u; id -g; id -G", as_root=True,
          env={"UID": "65534", "GID": "65533", "SOCKET_UID": "65532", "SOCKET_GID": "65531"})  # fmt: skip
    eventually(lambda: (place.path / "socket").stat().st_mode & 0o777 == 0o666)
    assert talk(place) == b"65534\n65533\n65533\n"
    found = (place.path / "socket").stat()
    assert (found.st_uid, found.st_gid) == (65532, 65531)
