"""qmail-qmqpd and qmail-qmqpc as processes, alone and with each other"""

import os
import re
import subprocess
from pathlib import Path

import pytest

from pymail.unix.home import Home
from pysvc.formats.netstring import encode
from tests.support.homes import only_message, queued
from tests.support.world import ROOT, Place, Running, eventually

PEER = {"TCPREMOTEIP": "192.0.2.9", "TCPLOCALIP": "192.0.2.1"}
FROM = b"from 192.0.2.9 (unknown)"


def wrapped(*contents: bytes) -> bytes:
    return encode(b"".join(map(encode, contents)))


def talk(place: Place, home: Home, said: bytes, **env: str) -> "subprocess.CompletedProcess[bytes]":
    return place.run(home.file("bin", "qmail-qmqpd"), stdin=said, env={**PEER, **env})


def log(done: "subprocess.CompletedProcess[bytes]") -> list[bytes]:
    return [
        re.sub(rb" qp \d+", b" qp N", re.sub(rb"^qmail-qmqpd: \d+ ", b"", line))
        for line in done.stderr.splitlines()
    ]


# The server


def test_a_message_into_the_queue(place: Place, home: Home) -> None:
    Path(home.file("control", "rcpthosts")).write_text("nowhere\n")  # which does not matter here
    Path(home.file("control", "databytes")).write_text("1\n")
    done = talk(place, home, wrapped(b"Subject: x\n\nhello", b"a@b", b"c@d", b"e@f"))
    assert done.returncode == 0
    assert re.fullmatch(rb"\d+:Kok \d+ qp \d+,", done.stdout)
    _, files = only_message(home.file("queue"))
    assert files["todo"].endswith(b"Fa@b\0Tc@d\0Te@f\0")
    lines = files["mess"].split(b"\n")
    assert lines[1] == b"Received: from unknown (192.0.2.9)"
    assert lines[2].startswith(b"  by 192.0.2.1 with QMQP; ")
    assert lines[3:] == [b"Subject: x", b"", b"hello"]
    assert log(done) == [b"accepted " + FROM + b" sender <a@b> recipients 2 bytes 17 qp N"]


def test_no_recipients(place: Place, home: Home) -> None:
    done = talk(place, home, wrapped(b"", b""))
    assert re.fullmatch(rb"\d+:Kok \d+ qp \d+,", done.stdout)
    only_message(home.file("queue"))


def test_bad_address(place: Place, home: Home) -> None:
    done = talk(place, home, wrapped(b"x", b"a@b", b"c" * 1000, b"e@f"))
    text = b"Dsorry, I can't accept addresses like that (#5.1.3)"
    assert (done.returncode, done.stdout) == (0, encode(text))
    assert queued(home.file("queue")) == {}
    assert log(done) == [b"rejected " + FROM + b" sender <a@b> recipients 2 bytes 1: " + text]


@pytest.mark.parametrize(
    ("said", "code", "why"),
    [
        (b"", 0, b"connection lost"),
        (wrapped(b"x", b"y", b"z")[:-1], 0, b"connection lost"),
        (encode(encode(b"only a message")), 100, b"malformed"),
        (b"0" * 101, 100, b"malformed"),
        (b"200000001:", 111, b"too much"),
    ],
)
def test_ends(place: Place, home: Home, said: bytes, code: int, why: bytes) -> None:
    done = talk(place, home, said)
    assert (done.returncode, done.stdout, log(done)) == (code, b"", [b"trouble " + FROM + b": " + why])
    assert queued(home.file("queue")) == {}


# The client


def submit(
    place: Place, command: "list[str]", message: bytes, envelope: bytes, **options: object
) -> int:
    """The exit code of a queue program."""
    for name, content in (("message", message), ("envelope", envelope)):
        (place.path / name).write_bytes(content)
    place.own()
    words = ["sh", "-c", '"$@" <message 1<envelope', "sh", *command]
    return place.run(*words, **options).returncode  # type: ignore[arg-type]


def client(home: Home) -> list[str]:
    return [home.file("bin", "qmail-qmqpc")]


def servers(home: Home, content: str) -> None:
    Path(home.file("control", "qmqpservers")).write_text(content)


def test_no_servers(place: Place, home: Home) -> None:
    assert submit(place, client(home), b"x", b"Fa\0Tb\0\0") == 55
    servers(home, "# none\nnot an address\n")
    assert submit(place, client(home), b"x", b"Fa\0Tb\0\0") == 55


@pytest.mark.parametrize(
    ("envelope", "code"),
    [
        (b"", 54), (b"Fa\0Tb\0", 54), (b"Fa\0T", 54), (b"Ta\0\0", 91), (b"Fa\0Fb\0\0", 91), (b"\0", 91),
        (b"F" + b"x" * 1003 + b"\0\0", 11),
    ],
)  # fmt: skip
def test_bad_envelopes(place: Place, home: Home, envelope: bytes, code: int) -> None:
    servers(home, "127.0.0.1\n")
    assert submit(place, client(home), b"x", envelope) == code


def test_unreadable_message(place: Place, home: Home) -> None:
    servers(home, "127.0.0.1\n")
    done = place.run("sh", "-c", '"$1" 0>/dev/null 1</dev/null', "sh", *client(home))
    assert (done.returncode, done.stderr) == (54, b"")


class Network:
    """A network of its own, in which a server of QMQP may listen at its port."""

    def __init__(self, place: Place, keeper: Running) -> None:
        self.place, self.keeper = place, keeper

    def command(self, *words: str) -> list[str]:
        user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        return ["nsenter", f"--target={self.keeper.pid}", "--net", *user, *words]

    def serve(self, *program: str, address: str = "127.0.0.2") -> None:
        launcher = str(self.place.world.bin / "tcpserver")
        enter = ["nsenter", f"--target={self.keeper.pid}", "--net"]
        words = [*enter, launcher, "-1", "-RH", "-llocal", "-u65534", "-g65534", address, "628", *program]
        running = self.place.start(*words, as_root=True, stdout=subprocess.PIPE)
        assert running.process.stdout is not None
        assert running.process.stdout.readline() == b"628\n"


@pytest.fixture
def network(place: Place) -> Network:
    script = 'ip link set lo up && touch "$1/up" && exec sleep 1000'
    keeper = place.start("unshare", "--net", "sh", "-c", script, "sh", str(place.path), as_root=True)
    eventually((place.path / "up").exists, what="the network")
    return Network(place, keeper)


@pytest.mark.root
@pytest.mark.parametrize("size", [0, 3_000_000])
def test_end_to_end(place: Place, home: Home, network: Network, size: int) -> None:
    """The first server that can be reached gets the message, also one that does not fit into memory."""
    network.serve(home.file("bin", "qmail-qmqpd"))
    servers(home, "127.0.0.1\nnonsense\n127.0.0.2\n127.0.0.3\n")
    message = b"Subject: x\n\n" + os.urandom(size)
    envelope, folder = b"Fa@b\0Tc@d\0Te@f\0\0", {"TMPDIR": str(place.path)}
    assert submit(place, network.command(*client(home)), message, envelope, as_root=True, env=folder) == 0
    _, files = only_message(home.file("queue"))
    assert files["mess"].endswith(b"\n" + message)
    assert files["todo"].endswith(b"Fa@b\0Tc@d\0Te@f\0")
    assert list(place.path.glob("qmail.*")) == []


@pytest.mark.root
def test_as_the_queue_of_another_program(place: Place, home: Home, network: Network) -> None:
    network.serve(home.file("bin", "qmail-qmqpd"))
    servers(home, "127.0.0.2\n")
    env = {"QMAILQUEUE": client(home)[0]}
    words = network.command(home.file("bin", "qmail-inject"), "-f", "a@b.test", "c@d.test")
    done = place.run(*words, stdin=b"Subject: x\n\nhello\n", env=env, as_root=True)
    assert (done.returncode, done.stderr) == (0, b"")
    _, files = only_message(home.file("queue"))
    assert files["todo"].endswith(b"Fa@b.test\0Tc@d.test\0")
    servers(home, "127.0.0.1\n")
    done = place.run(*words, stdin=b"Subject: x\n\nhello\n", env=env, as_root=True)
    text = b"qmail-inject: fatal: connection to mail server rejected (#4.4.1)\n"
    assert (done.returncode, done.stderr) == (111, text)


@pytest.mark.root
def test_a_host_without_a_queue(place: Place, home: Home, network: Network) -> None:
    """examples/null-client: bin/qmail-queue is a link to qmail-qmqpc, which all programs obey."""
    network.serve(home.file("bin", "qmail-qmqpd"))
    client_home = place.path / "client"
    place.world.home_bin(client_home)
    (client_home / "control").mkdir()
    script = ROOT / "examples/null-client/setup.sh"
    made = place.run("sh", script, client_home, "127.0.0.1", "127.0.0.2", as_root=True)
    assert (made.returncode, made.stderr) == (0, b"")
    place.own()
    queue = client_home / "bin/qmail-queue"
    assert queue.is_symlink()
    words = network.command(str(client_home / "bin/qmail-inject"), "-f", "a@b.test", "c@d.test")
    done = place.run(*words, stdin=b"Subject: x\n\nhello\n", as_root=True)
    assert (done.returncode, done.stderr) == (0, b"")
    _, files = only_message(home.file("queue"))
    assert files["todo"].endswith(b"Fa@b.test\0Tc@d.test\0")
    assert b"with QMQP" in files["mess"]
    assert submit(place, network.command(str(queue)), b"x", b"Fa\0\0", as_root=True) == 0
    assert len(queued(home.file("queue"))) == 2


@pytest.mark.root
@pytest.mark.parametrize(
    ("reply", "code"),
    [("3:Kok,", 0), ("4:Dbad,", 31), ("5:Zbusy,", 71), ("", 74), ("12:", 74), ("9:no verdict", 74)],
)
def test_answers(place: Place, home: Home, network: Network, reply: str, code: int) -> None:
    """Only a server that cannot be reached is passed over."""
    network.serve("sh", "-c", f"head -c 19 >/dev/null; printf %s '{reply}'")
    network.serve(home.file("bin", "qmail-qmqpd"), address="127.0.0.3")
    servers(home, "127.0.0.2\n127.0.0.3\n")
    assert submit(place, network.command(*client(home)), b"x" * 4, b"Fa\0Tb\0\0", as_root=True) == code
    assert queued(home.file("queue")) == {}


@pytest.mark.root
def test_nobody_there(place: Place, home: Home, network: Network) -> None:
    servers(home, "127.0.0.1\n")
    assert submit(place, network.command(*client(home)), b"x", b"Fa\0Tb\0\0", as_root=True) == 73
