"""tcp-env as a process"""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import nameserver
from tests.support.world import Place

SHOW = ("sh", "-c", "env | grep -a TCP | sort")
NO_DNS = {"DNSCACHEIP": "0.0.0.0"}  # no server to ask, which the resolver tells at once
STALE = {"TCPREMOTEHOST": "stale", "TCPREMOTEINFO": "stale", "TCPLOCALIP": "stale"}


def connected(
    place: Place, *words: str, env: dict[str, str], host: str = "127.0.0.1"
) -> tuple[int, list[str]]:
    """(exit code, output) of a command whose descriptor 0 is a TCP connection; ports as LPORT and RPORT."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with (
        socket.create_server((host, 0), family=family) as server,
        socket.create_connection(server.getsockname()[:2]) as client,
    ):
        accepted, _ = server.accept()
        ports = str(server.getsockname()[1]), str(client.getsockname()[1])
        with accepted:
            process = place.start(*words, env=env, stdin=accepted, stdout=subprocess.PIPE).process
            out, _ = process.communicate(timeout=60)
    text = out.decode().replace(ports[0], "LPORT").replace(ports[1], "RPORT")
    return process.returncode, text.splitlines()


def test_proto_is_trusted(place: Place) -> None:
    """Descriptor 0 is not looked at then."""
    for proto in ("TCP", "TCP6"):
        env = {"PROTO": proto, "TCPREMOTEIP": "anything"}
        done = place.run("tcp-env", "-t", "5", *SHOW, env=env)
        assert (done.returncode, done.stdout) == (0, f"PROTO={proto}\nTCPREMOTEIP=anything\n".encode())


@pytest.mark.parametrize("words", [(), ("-R",), ("-t",), SHOW])
def test_silent_failures(place: Place, words: tuple[str, ...]) -> None:
    done = place.run("tcp-env", *words)
    assert (done.returncode, done.stdout, done.stderr) == (111, b"", b"")


def test_program_that_is_not_there(place: Place) -> None:
    done = place.run("tcp-env", "no-such-program", env={"PROTO": "TCP"})
    assert (done.returncode, done.stderr) == (111, b"")


def test_unix_sockets_are_no_tcp_connections(place: Place) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = place.start("tcp-env", *SHOW, stdin=theirs, stdout=subprocess.PIPE).process
        assert process.communicate(timeout=60)[0] == b""
    assert process.returncode == 111


def test_variables_of_a_connection(place: Place) -> None:
    """DNS cannot tell now."""
    code, lines = connected(place, "tcp-env", "-R", *SHOW, env={**NO_DNS, **STALE})
    assert code == 0
    assert lines == [
        "PROTO=TCP", "TCPLOCALHOST=softdnserror", "TCPLOCALIP=127.0.0.1", "TCPLOCALPORT=LPORT",
        "TCPREMOTEHOST=softdnserror", "TCPREMOTEIP=127.0.0.1", "TCPREMOTEPORT=RPORT",
    ]  # fmt: skip


def test_unknown_options_are_ignored(place: Place) -> None:
    code, lines = connected(place, "tcp-env", "-xRq", "-t9", "-z", "--", *SHOW, env=NO_DNS)
    assert code == 0
    assert "PROTO=TCP" in lines


def test_ipv6(place: Place) -> None:
    try:
        code, lines = connected(place, "tcp-env", "-R", *SHOW, env=NO_DNS, host="::1")
    except OSError:
        pytest.skip("no IPv6 here")
    assert code == 0
    assert {"PROTO=TCP6", "TCP6REMOTEIP=::1", "TCPREMOTEIP=::1"} <= set(lines)


# Look-ups, in a network of their own


def looked_up(place: Place, *options: str, answer: object, ident: str | None = None) -> dict[str, str]:
    """The names that tcp-env finds for a connection from 127.0.0.1 to itself."""
    bin_ = place.world.bin
    program = ["env", "-u", "PROTO", str(bin_ / "tcp-env"), *options, *SHOW]
    work = {
        "dns": [{"1.0.0.127.in-addr.arpa PTR": answer}],
        "command": [str(bin_ / "tcpserver"), "-1vRH", "-lx", "127.0.0.1", "0", *program],
        "env": {"PATH": f"{bin_}:/usr/bin:/bin", "DNSCACHEIP": "127.0.0.10", **STALE},
    }
    if ident is not None:
        work["ident"] = ident
    words = ["unshare", "-n", sys.executable, str(Path(nameserver.__file__))]
    stdin = json.dumps(work).encode()
    done = subprocess.run(words, input=stdin, capture_output=True, timeout=100, cwd=place.path)
    assert done.returncode == 0, done.stderr.decode()
    lines = json.loads(done.stdout)["output"].splitlines()
    found = dict(line.split("=", 1) for line in lines)
    return {name: found[name] for name in found if "HOST" in name or "INFO" in name}


@pytest.mark.root
def test_names_and_user(place: Place) -> None:
    name = b"\4Mail\7EXAMPLE\0".hex()
    ident = "1 , 2 : USERID : UNIX : jo e\r\n"
    found = looked_up(place, answer=[["PTR", name]], ident=ident)
    assert found == {"TCPLOCALHOST": "mail.example", "TCPREMOTEHOST": "mail.example", "TCPREMOTEINFO": "joe"}
    found = looked_up(place, "-R", answer=[["PTR", name]], ident=ident)
    assert found == {"TCPLOCALHOST": "mail.example", "TCPREMOTEHOST": "mail.example"}


@pytest.mark.root
@pytest.mark.parametrize("answer", ["nxdomain", [], "malformed"])
def test_no_names(place: Place, answer: object) -> None:
    assert looked_up(place, "-R", answer=answer) == {}
