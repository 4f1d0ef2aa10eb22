"""qmail-qmtpd as a process"""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from pymail.unix.home import Home
from pysvc.formats import cdb
from pysvc.formats.netstring import encode
from tests.support.homes import control, only_message, queued
from tests.support.tcp import received, serve
from tests.support.world import Place, eventually

PEER = {"TCPREMOTEIP": "192.0.2.9", "TCPREMOTEHOST": "client.example", "TCPREMOTEINFO": "joe",
        "TCPLOCALHOST": "mail.example"}  # fmt: skip
FROM = b"from 192.0.2.9 (client.example)"


def package(message: bytes, sender: bytes, *recipients: bytes) -> bytes:
    return encode(message) + encode(sender) + encode(b"".join(map(encode, recipients)))


def talk(
    place: Place, home: Home, said: bytes, env: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[bytes]":
    return place.run(home.file("bin", "qmail-qmtpd"), stdin=said, env={**PEER, **(env or {})})


def log(done: "subprocess.CompletedProcess[bytes]") -> list[bytes]:
    return [
        re.sub(rb" qp \d+", b" qp N", re.sub(rb"^qmail-qmtpd: \d+ ", b"", line))
        for line in done.stderr.splitlines()
    ]


def answers(text: bytes) -> list[bytes]:
    """The netstrings in a text, numbers taken out."""
    found = []
    while text:
        size, _, text = text.partition(b":")
        found.append(re.sub(rb"\d+", b"N", text[: int(size)]))
        assert text[int(size) :].startswith(b",")
        text = text[int(size) + 1 :]
    return found


def test_a_message_into_the_queue(place: Place, home: Home) -> None:
    done = talk(place, home, package(b"\rSubject: x\r\n\r\nhello\r\n", b"a@b", b"c@d", b"e"))
    assert (done.returncode, answers(done.stdout)) == (0, [b"Kok N qp N"] * 2)
    _, files = only_message(home.file("queue"))
    assert files["todo"].endswith(b"Fa@b\0Tc@d\0Te\0")
    lines = files["mess"].split(b"\n")
    assert lines[1] == b"Received: from client.example (joe@192.0.2.9)"
    assert lines[2].startswith(b"  by mail.example with QMTP; ")
    assert lines[3:] == [b"Subject: x", b"", b"hello", b""]
    assert log(done) == [b"accepted " + FROM + b" sender <a@b> recipients 2 bytes 18 qp N"]


def test_several_messages(place: Place, home: Home) -> None:
    control(home, "rcpthosts", "here.test\n")
    said = package(b"\na", b"", b"x@there.test") + package(b"\nb", b"", b"x@here.test", b"y@there.test")
    done = talk(place, home, said)
    refused = b"Dsorry, that domain isn't in my list of allowed rcpthosts (#N.N.N)"
    assert answers(done.stdout) == [refused, b"Kok N qp N", refused]
    _, files = only_message(home.file("queue"))
    assert files["mess"].endswith(b"\nb")
    text = b": Dsorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"
    assert log(done) == [
        b"rejected " + FROM + b" sender <> recipient <x@there.test>" + text,
        b"rejected " + FROM + b" sender <> recipient <y@there.test>" + text,
        b"accepted " + FROM + b" sender <> recipients 1 bytes 1 qp N",
    ]


def test_controls(place: Place, home: Home) -> None:
    control(home, "rcpthosts", "one.test\n")
    Path(home.file("control", "morercpthosts.cdb")).write_bytes(cdb.build([(b"two.test", b"")]))
    control(home, "databytes", "3\n")
    done = talk(place, home, package(b"\nabc", b"", b"x@two.test") + package(b"\nabcd", b"", b"x@one.test"))
    too_big = b"Dsorry, that message size exceeds my databytes limit (#N.N.N)"
    assert answers(done.stdout) == [b"Kok N qp N", too_big]
    assert len(queued(home.file("queue"))) == 1
    relaying = {"RELAYCLIENT": "@relay", "DATABYTES": "0"}
    done = talk(place, home, package(b"\nabcd", b"", b"x@three.test"), relaying)
    assert answers(done.stdout) == [b"Kok N qp N"]
    assert any(b"Tx@three.test@relay\0" in files["todo"] for files in queued(home.file("queue")).values())


def test_badmailfrom_and_hops_do_not_matter(place: Place, home: Home) -> None:
    control(home, "badmailfrom", "a@b\n")
    done = talk(place, home, package(b"\n" + b"Received: x\n" * 200, b"a@b", b"c"))
    assert answers(done.stdout) == [b"Kok N qp N"]


def test_queue_texts(place: Place, home: Home) -> None:
    for code, text in ((53, b"Zqq write error or disk full (#N.N.N)"), (31, b"Dmail server permanently")):
        script = place.path / f"queue-{code}"
        script.write_text(f"#!/bin/sh\ncat >/dev/null\nexit {code}\n")
        script.chmod(0o755)
        done = talk(place, home, package(b"\nx", b"", b"c"), {"QMAILQUEUE": str(script)})
        (answer,) = answers(done.stdout)
        assert answer.startswith(text)
        assert log(done)[0].startswith(b"rejected " + FROM + b" sender <> recipients 1 bytes 1: ")


@pytest.mark.parametrize(
    ("said", "code", "why"),
    [
        (package(b"\nx", b"a", b"b")[:-1], 0, b"connection lost"),
        (b"5:\nabc", 0, b"connection lost"),
        (b"0:,", 100, b"malformed"),
        (b"HELO x\r\n", 100, b"malformed"),
        (b"5:\nabcd.", 100, b"malformed"),
        (b"200000001:", 111, b"too much"),
    ],
)
def test_ends(place: Place, home: Home, said: bytes, code: int, why: bytes) -> None:
    done = talk(place, home, said)
    assert (done.returncode, done.stdout, log(done)) == (code, b"", [b"trouble " + FROM + b": " + why])
    assert queued(home.file("queue")) == {}


def test_nothing_said_nothing_logged(place: Place, home: Home) -> None:
    done = talk(place, home, b"")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("name", ["rcpthosts", "databytes"])
def test_unreadable_controls(place: Place, home: Home, name: str) -> None:
    Path(home.file("control", name)).mkdir()
    done = talk(place, home, b"")
    assert done.returncode == 111
    assert log(done) == [b"trouble " + FROM + b": unable to read controls: is a directory"]


def test_by_tcpserver_with_answers_between(place: Place, home: Home) -> None:
    """An answer comes although the client sends nothing more."""
    server = serve(place, "tcpserver", "--", home.file("bin", "qmail-qmtpd"))
    with server.connect() as client:
        for number in range(3):
            client.sendall(package(b"\n%d" % number, b"a@b", b"c@d"))
            answer = client.recv(1000)
            assert answers(answer) == [b"Kok N qp N"]
        client.shutdown(socket.SHUT_WR)
        assert received(client) == b""
    assert len(queued(home.file("queue"))) == 3


@pytest.mark.parametrize("said", [b"", b"10:\nab"])
def test_the_time_is_over(place: Place, home: Home, said: bytes) -> None:
    """The alarm, sent by hand, ends the session wherever it stands."""
    reader, writer = os.pipe()
    os.write(writer, said)
    try:
        running = place.start(home.file("bin", "qmail-qmtpd"), env=PEER, stdin=reader, stderr=subprocess.PIPE)
        status = Path(f"/proc/{running.pid}/status")
        caught = 1 << (signal.SIGALRM - 1)
        eventually(lambda: int(status.read_text().split("SigCgt:")[1].split()[0], 16) & caught, what="caught")
        running.signal(signal.SIGALRM)
        _, err = running.process.communicate(timeout=30)
    finally:
        os.close(reader)
        os.close(writer)
    assert running.process.returncode == 111
    assert err.endswith(b" trouble " + FROM + b": timeout\n")
    assert queued(home.file("queue")) == {}
