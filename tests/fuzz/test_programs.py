"""Garbage for the real programs: they go on or end as their manuals say, and never by a fault of their own

`internal bug` is what the launcher says of an exception that nobody expected.
"""

import contextlib
import os
import random
import re
import signal
import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from pymail.formats.controlfiles import BY_NAME, NUMBER
from pymail.protocols import handoff
from pymail.queue.layout import split_path
from pymail.unix import queue_service
from pymail.unix.home import Home
from pysvc.formats import servicefiles
from tests.fuzz.inputs import garbage
from tests.fuzz.parsers import PARSERS
from tests.support.homes import private_home, queued
from tests.support.sending import Sending
from tests.support.tcp import Server, received, serve
from tests.support.world import Place, Running, eventually, takes_connections

FAULT = re.compile(rb"internal bug|Traceback|Exception ignored|Fatal Python")
CLIENT = {"TCPREMOTEIP": "192.0.2.1", "RBLSMTPD": "no"}
# program: its arguments ({} is the home), whose language its input is, and the codes of its manual
READERS = {
    "qmail-smtpd":   ("{}/bin/qmail-smtpd", "smtp", (0, 1)),
    "qmail-popup":   ("{}/bin/qmail-popup h {}/bin/checkpassword {}/bin/qmail-pop3d M", "pop3-log-in", (1,)),
    "qmail-pop3d":   ("{}/bin/qmail-pop3d M", "pop3", (0,)),
    "qmail-qmtpd":   ("{}/bin/qmail-qmtpd", "qmtp", (0, 100, 111)),
    "qmail-qmqpd":   ("{}/bin/qmail-qmqpd", "qmqp", (0, 100, 111)),
    "qmail-queue":   ("{}/bin/qmail-queue", "envelope", (54, 91, 11)),
    "qmail-lspawn":  ("{}/bin/qmail-lspawn ./M/", "spawn-requests", (0,)),
    "qmail-rspawn":  ("{}/bin/qmail-rspawn", "spawn-requests", (0,)),
    "qmail-clean":   ("{}/bin/qmail-clean", "spawn-requests", (0,)),
    "qmail-inject":  ("{}/bin/qmail-inject -n", "inject", (0, 100)),
    "sendmail":      ("{}/bin/sendmail -t -n", "inject", (0, 100)),
    "qmail-pw2u":    ("{}/bin/qmail-pw2u -H", "accounts", (0, 111)),
    "checkpassword": ("sh -c 'exec 3<&0; exec {}/bin/checkpassword true'", "pop3-log-in", (1, 2, 111)),
    "qreceipt":      ("{}/bin/qreceipt joe@here.test", "inject", (0, 100)),
    "tcprules":      ("tcprules r.cdb r.tmp", "rules", (0, 100)),
    "multilog":      ("multilog t -* +*a*b* e =s ./l", "log-lines", (0,)),
    "tai64nlocal":   ("tai64nlocal", "tai64nlocal", (0,)),
    "rblsmtpd":      ("rblsmtpd true", "refused-client", (0,)),
}  # fmt: skip


@pytest.fixture
def home(place: Place) -> Home:
    home = private_home(place)
    Path(home.file("control", "me")).write_text("here.test\n")
    Path(home.file("control", "rcpthosts")).write_text("here.test\n")
    for name in ("M", "M/new", "M/cur", "M/tmp"):
        (place.path / name).mkdir()
    place.own()
    return home


def sound(said: Iterable[bytes]) -> None:
    """No fault of the program's in anything that it said."""
    for text in said:
        assert not FAULT.search(text), text[-2000:]


def command(words: str, home: Home) -> list[str]:
    text = words.replace("{}", home.path)
    head, quote, script = text.partition(" '")
    return [*head.split(" "), script.rstrip("'")] if quote else text.split(" ")


@pytest.mark.parametrize("name", READERS)
def test_garbage_on_descriptor_0(place: Place, home: Home, name: str) -> None:
    words, language, codes = READERS[name]
    rng = random.Random(f"garbage for {name}")
    for _ in range(3):
        data = garbage(PARSERS[language], rng, 3000)
        done = place.run(*command(words, home), stdin=data, env=CLIENT)
        assert done.returncode in codes, (data, done)
        sound((done.stdout, done.stderr))


def test_what_a_fault_looks_like(place: Place, home: Home) -> None:
    """Else the tests here could not fail."""
    place.world.write_launcher(place.path / "broken", "pysvc", "no-such-program")
    done = place.run(place.path / "broken")
    with pytest.raises(AssertionError):
        sound((done.stderr,))


# --- files ---


def scatter(folder: Path, names: Iterable[str], language: str, rng: random.Random) -> None:
    for name in names:
        (folder / name).write_bytes(garbage(PARSERS[language], rng, 400))


@pytest.mark.parametrize("seed", range(3))
def test_garbage_in_control_files(place: Place, home: Home, seed: int) -> None:
    """Also what is no number at all, or far too large a one; the greeting still is one line."""
    rng, control = random.Random(seed), Path(home.path, "control")
    scatter(control, BY_NAME, "control", rng)
    for name in (name for name, file in BY_NAME.items() if file.kind == NUMBER):
        (control / name).write_bytes(rng.choice([b"9" * 25, b"9" * 5000, b"-1", b"\xff\n", b""]))
    scatter(Path(home.path, "users"), ("assign", "cdb"), "users-assign", rng)
    (Path(home.path) / "queue/lock/tcpto").write_bytes(garbage(PARSERS["timeouts"], rng, 1024))
    place.own()
    for program in ("qmail-showctl", "qmail-newmrh", "qmail-newu", "qmail-tcpto"):
        done = place.run(home.file("bin", program))
        assert done.returncode in (0, 111), done
        sound((done.stdout, done.stderr))
    talks = {
        "qmail-smtpd": b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nQUIT\r\n",
        "qmail-qmtpd": b"2:\na,0:,6:3:c@d,,",
    }
    for program, said in talks.items():
        done = place.run(home.file("bin", program), stdin=said)
        assert done.returncode in (0, 1, 100, 111), done
        sound((done.stdout, done.stderr))
    remote = place.run(home.file("bin", "qmail-remote"), "[127.0.0.1]", "a@b", "c@d", stdin=b"x\n")
    assert remote.returncode == 0
    sound((remote.stdout, remote.stderr))
    inject = place.run(home.file("bin", "qmail-inject"), "-n", "joe", stdin=b"Subject: x\n\n")
    assert inject.returncode in (0, 100, 111)
    sound((inject.stdout, inject.stderr))


@pytest.mark.parametrize("seed", range(2))
def test_garbage_in_dot_qmail_files(place: Place, home: Home, seed: int) -> None:
    rng = random.Random(seed)
    for name in (".qmail-x", ".qmail-list", ".qmail-default"):
        (place.path / name).write_bytes(garbage(PARSERS["dot-qmail"], rng, 300))
    for ext in ("x", "list", "other-" * 30):
        done = place.run(
            home.file("bin", "qmail-local"), "-n", "--", "joe", place.path, "joe-" + ext, "-", ext,
            "here.test", "s@there", "./M/",
        )  # fmt: skip
        assert done.returncode in (0, 100, 111), done
        sound((done.stdout, done.stderr))


def test_garbage_in_the_queue(place: Place) -> None:
    """qmail-send goes on, and so do those who look into the queue; sound mail is delivered all the same."""
    sending, rng = Sending(place), random.Random("queue")
    for number in range(12):
        content = garbage(PARSERS["queue-files"], rng, 300)
        if number % 2:
            sending.put_raw(content, message=content)
        else:
            files = {kind: garbage(PARSERS["queue-files"], rng, 300) for kind in ("info", "local", "remote")}
            sending.preprocessed(b"a@b", files)
    for name in ("²", "x", "-1", "9" * 40):
        for folder in ("todo", "info/0", "mess/0", "local/0", "bounce"):
            (sending.queue / folder / name).write_bytes(b"")
    sound_one = sending.put(b"a@b", [b"joe@there.test"])
    place.own()
    for program in ("qmail-qread", "qmail-qstat"):
        done = place.run(sending.home / "bin" / program)
        assert done.returncode in (0, 111)
        sound((done.stdout, done.stderr))
    sending.start(stderr=subprocess.PIPE)
    for channel in (0, 1):
        sending.raw_report(channel, garbage(PARSERS["spawn-reports"], rng, 2000) + b"\0")
    wanted = split_path("mess", sound_one).removeprefix("mess/").encode()
    sending.until(lambda: wanted in [request.messid for request in sending.requests[1]], "the sound message")
    sending.running.signal(signal.SIGTERM)
    sending.hang_up(2)
    sending.hang_up(4)
    assert sending.running.wait() == 0
    assert sending.running.process.stderr is not None
    sound((*sending.log, sending.running.process.stderr.read()))
    sending.close()


def test_garbage_in_a_mailbox(place: Place, home: Home) -> None:
    """Names of any bytes, and what is no file: every command is answered."""
    rng, box = random.Random("mailbox"), place.path / "M"
    for _ in range(20):
        name = b"x" + rng.randbytes(rng.randrange(200)).translate(None, b"/\0")
        file = os.path.join(os.fsencode(box), rng.choice([b"new", b"cur", b"tmp"]), name)
        Path(os.fsdecode(file)).write_bytes(garbage(PARSERS["header"], rng, 200))
    (box / "new/directory").mkdir()
    os.mkfifo(box / "cur/fifo")
    (box / "new/link").symlink_to("/nowhere")
    for path in box.rglob("*"):
        os.utime(path, (0, 0), follow_symlinks=False)
    place.own()
    said = b"".join(b"RETR %d\r\nTOP %d 1\r\nDELE %d\r\n" % (n, n, n) for n in range(30))
    done = place.run("qmail-pop3d", "M", stdin=b"UIDL\r\nLIST\r\n" + said + b"QUIT\r\n")
    assert done.returncode == 0
    assert done.stdout.endswith(b"+OK \r\n")
    assert b": " in done.stderr
    sound((done.stderr,))


@pytest.mark.parametrize("name", ["A", "\udcff\udcfe", "=", "A=B"])
def test_garbage_in_envdir(place: Place, name: str) -> None:
    for number, content in enumerate((b"", b"\0\0a\0", b"\xff" * 300, b"a\0b\nc", b"v" * 200_000)):
        folder = place.path / f"env{number}"
        folder.mkdir()
        (folder / name).write_bytes(content)
        done = place.run("envdir", folder, "true")
        assert done.returncode in (0, 111)
        sound((done.stdout, done.stderr))


def test_garbage_in_supervise(place: Place) -> None:
    """svstat tells something of every state, and supervise obeys what it knows of any letters."""
    rng = random.Random("status")
    for number in range(6):
        folder = place.path / f"s{number}/supervise"
        folder.mkdir(parents=True)
        for name, language in (("status", "status"), ("state", "state"), ("death_tally", "log-names")):
            (folder / name).write_bytes(garbage(PARSERS[language], rng, 200))
        os.mkfifo(folder / "ok")
        os.mkfifo(folder / "control")
    place.own()
    readers = [os.open(place.path / f"s{n}/supervise/ok", os.O_RDONLY | os.O_NONBLOCK) for n in range(6)]
    done = place.run("svstat", *(f"s{number}" for number in range(6)))
    assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (0, b"", 6)
    for fd in readers:
        os.close(fd)


def test_garbage_for_supervise(place: Place) -> None:
    service = place.path / "service"
    (service / "supervise").mkdir(parents=True)
    rng = random.Random("control")
    for name in servicefiles.FILES - {"finish", "flag-timeout-killpg", "timeout-finish"}:
        (service / name).write_bytes(garbage(PARSERS["service-files"], rng, 60))
    for name in ("status", "state", "death_tally"):
        (service / "supervise" / name).write_bytes(garbage(PARSERS["state"], rng, 200))
    (service / "run").write_text("#!/bin/sh\nexec sleep 1000\n")
    (service / "run").chmod(0o755)
    place.own()
    running = place.start("supervise", "service", stderr=subprocess.PIPE)
    eventually(lambda: place.run("svok", "service").returncode == 0, what="supervise")
    control = os.open(service / "supervise/control", os.O_WRONLY | os.O_NONBLOCK)
    for _ in range(3):
        os.write(control, garbage(PARSERS["svc-commands"], rng, 500).replace(b"x", b""))
    os.write(control, b"dx")
    assert running.wait() == 0
    os.close(control)
    assert running.process.stderr is not None
    sound((running.process.stderr.read(),))


def test_garbage_for_multilog(place: Place) -> None:
    """Any actions: it runs, or says what it cannot open."""
    rng = random.Random("script")
    for _ in range(5):
        text = garbage(PARSERS["log-script"], rng, 200).replace(b"\0", b"").replace(b"/", b"")
        actions = [word for word in text.split(b"\n") if word[:1] != b"!"]
        done = place.run("multilog", *actions, "./log", stdin=b"a line\nand another\n" * 50)
        assert done.returncode in (0, 111), done
        sound((done.stderr,))


# --- sockets ---


def dropped(server: Server, said: bytes) -> bool:
    """Whether a client is sent nothing; it may be dropped before it has said all."""
    with server.connect() as client:
        with contextlib.suppress(OSError):
            client.sendall(said)
            client.shutdown(socket.SHUT_WR)
        return received(client) == b""


@pytest.mark.parametrize("database", [b"", b"\xff" * 2048, b"\1" * 3000])
def test_garbage_for_tcpserver(place: Place, database: bytes) -> None:
    """Damaged rules turn each client away, and the next is served by the same server."""
    (place.path / "r.cdb").write_bytes(database)
    server = serve(place, "tcpserver", "-x", "r.cdb", "--", "echo", "hello")
    for _ in range(2):
        assert dropped(server, b"x")
    server.ended(2)
    sound((server.log.read_bytes(),))
    (place.path / "r.cdb").unlink()
    assert place.run("tcprules", "r.cdb", "r.tmp", stdin=b":allow\n").returncode == 0
    assert server.talk() == b"hello\n"


def test_garbage_for_proxy_server(place: Place) -> None:
    """Behind tcpserver: no client gets the program without a sound header, and the next one is served."""
    rng = random.Random("proxy")
    server = serve(
        place,
        "tcpserver",
        "-X",
        "-x",
        "none",
        "--",
        "proxy-server",
        "-f",
        "127.0.0.1/32",
        "-t",
        "5",
        "echo",
        "hello",
    )
    for _ in range(5):
        assert dropped(server, rng.randbytes(3) + garbage(PARSERS["proxy"], rng, 300))
    assert server.talk(b"PROXY UNKNOWN\r\n") == b"hello\n"
    sound((server.log.read_bytes(),))


def test_garbage_for_fdholder(place: Place) -> None:
    running = place.start("fdholder", "socket", "127.0.0.1", "0", stderr=subprocess.PIPE)
    path, rng = str(place.path / "socket"), random.Random("fdholder")
    eventually(lambda: takes_connections(path), what="fdholder")
    for size in range(0, 1000, 100):
        with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(OSError):
            client.connect(path)
            client.sendall(rng.randbytes(size))
    assert place.run("fdretrieve", "socket", "sh", "-c", "echo $LISTEN_FDS").stdout == b"1\n"
    running.signal(signal.SIGTERM)
    assert running.wait() == 0
    assert running.process.stderr is not None
    assert running.process.stderr.read() == b""


def start_service(place: Place, home: Home) -> tuple[Running, str]:
    running = place.start(home.file("bin", "qmail-queued"), stderr=subprocess.PIPE)
    path = home.file("run", "queue")
    eventually(lambda: queue_service.answers(home), what="the queue service")
    return running, path


def test_garbage_for_the_queue_service(place: Place, home: Home) -> None:
    """Bytes, descriptors, too many of either, half of everything; then a message as ever."""
    running, path = start_service(place, home)
    rng = random.Random("service")
    words = (
        b"", *handoff.REQUESTS, b"submission", b"\0" * 200, rng.randbytes(70), b"submission\nx",
        handoff.WHOLE, handoff.whole(b"x", b"F"), handoff.whole(b"x" * 100, b"")[:50], b"x" * 70000,
    )  # fmt: skip
    readers = [os.open(os.devnull, os.O_RDONLY) for _ in range(40)]
    for word in words:
        for count in (0, 1, 2, 3, 40):
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
                client.settimeout(20)
                client.connect(path)
                if word:
                    socket.send_fds(client, [word], readers[:count])
                if rng.random() < 0.5:
                    client.shutdown(socket.SHUT_WR)
    done = place.run(
        "sh", "-c", 'printf "Fa@b\\0Tc@d\\0\\0" | { exec 3<&0; printf "x\\n" | "$0" 1<&3; }',
        home.file("bin", "qmail-queue"),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(queued(home.file("queue"))) == 1
    assert running.process.poll() is None
    running.signal(signal.SIGTERM)
    assert running.wait() == 0
    assert running.process.stderr is not None
    sound((running.process.stderr.read(),))
    for fd in readers:
        os.close(fd)


def test_a_server_that_says_anything(place: Place, home: Home) -> None:
    """qmail-remote ends with 0 and a report that qmail-rspawn can read."""
    rng = random.Random("replies")
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(30)
    Path(home.file("control", "smtproutes")).write_text(f":127.0.0.1:{listener.getsockname()[1]}\n")
    Path(home.file("control", "timeoutremote")).write_text("3\n")
    for _ in range(4):
        running = place.start(
            home.file("bin", "qmail-remote"), "there", "a@b", "c@d", stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        peer, _ = listener.accept()
        peer.sendall(b"220 x\r\n" + garbage(PARSERS["smtp-replies"], rng, 2000))
        peer.shutdown(socket.SHUT_WR)
        out, err = running.process.communicate(timeout=30)
        peer.close()
        assert running.process.returncode == 0
        assert re.search(rb"(?:\A|\0)[KZD][^\0]*\0\Z", out), out
        sound((out, err))
    listener.close()
