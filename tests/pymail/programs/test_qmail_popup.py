"""qmail-popup as a process: with a script for the password checker, with ours, and with real clients"""

import os
import pwd
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pymail.unix import passwords
from pymail.unix.home import Home
from pymail.unix.mailboxes import Mailboxes
from tests.support.homes import USER_IDS, Rooted
from tests.support.processes import children
from tests.support.world import TESTER, Place, eventually, free_port, listening

GREETING = re.compile(rb"\+OK (<(\d+)\.\d+@pop\.test>)\r\n")


class Client:
    """A conversation with a qmail-popup over a socket."""

    def __init__(self, place: Place, *command: str) -> None:
        ours, theirs = socket.socketpair()
        self.process = place.start(
            *command, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, env={"TCPREMOTEIP": "10.0.0.1"}
        )
        theirs.close()
        ours.settimeout(20)
        self.socket, self.stream = ours, ours.makefile("rb")

    def say(self, *lines: bytes) -> bytes:
        """Send lines; the reply to the last."""
        reply = b""
        for line in lines:
            self.socket.sendall(line + b"\r\n")
            reply = self.stream.readline()
        return reply

    def end(self) -> tuple[bytes, int, bytes]:
        """Say nothing more: what else comes, the exit code, the log."""
        self.socket.shutdown(socket.SHUT_WR)
        rest = self.stream.read()
        self.close()
        assert self.process.process.stderr is not None
        log = self.process.process.stderr.read()
        return rest, self.process.wait(), log.replace(b"%d" % self.process.pid, b"PID")

    def close(self) -> None:
        self.stream.close()
        self.socket.close()


@pytest.fixture
def client(place: Place, home: Home) -> Iterator[Callable[..., Client]]:
    clients: list[Client] = []

    def start(script: str = "exit 0") -> Client:
        """script: the subprogram, for sh; it leaves a file `ran`."""
        made = Client(
            place, home.file("bin/qmail-popup"), "pop.test", "sh", "-c", f": >ran; cat <&3 >got; {script}"
        )
        clients.append(made)
        return made

    yield start
    for made in clients:
        made.close()


def test_hand_over(place: Place, client: Callable[..., Client]) -> None:
    talk = client("printf 'from the subprogram'; exit 0")
    greeting = GREETING.fullmatch(talk.stream.readline())
    assert greeting is not None
    assert int(greeting[2]) == talk.process.pid
    assert talk.say(b"user  joe x ") == b"+OK \r\n"
    talk.socket.sendall(b"PASS  pass word \r\n")
    rest, code, log = talk.end()
    assert (rest, code) == (b"from the subprogram", 1)
    assert (place.path / "got").read_bytes() == b"joe x \0pass word \0" + greeting[1] + b"\0"
    assert re.fullmatch(rb"qmail-popup: PID log-in of joe_x_ from 10\.0\.0\.1, \d+ seconds\n", log)


def test_apop(place: Place, client: Callable[..., Client]) -> None:
    talk = client()
    talk.stream.readline()
    talk.socket.sendall(b"apop joe abcdef\r\n")
    assert talk.end()[:2] == (b"", 1)
    assert (place.path / "got").read_bytes().startswith(b"joe\0abcdef\0<")


@pytest.mark.parametrize(
    ("script", "reply", "why"),
    [
        ("exit 1", b"-ERR authorization failed\r\n", b"rejected"),
        ("exit 2", b"-ERR authorization failed\r\n", b"trouble 2"),
        ("exit 111", b"-ERR authorization failed\r\n", b"trouble 111"),
        ("kill -9 $$", b"-ERR aack, child crashed\r\n", b"crashed"),
    ],
)
def test_refused(client: Callable[..., Client], script: str, reply: bytes, why: bytes) -> None:
    talk = client(script)
    talk.stream.readline()
    talk.say(b"user joe")
    talk.socket.sendall(b"pass x\r\n")
    assert talk.end() == (
        reply, 1, b"qmail-popup: PID log-in failed for joe from 10.0.0.1: " + why + b"\n",
    )  # fmt: skip


def test_credentials_that_the_subprogram_has_enough_of(place: Place, home: Home) -> None:
    """More than a pipe holds: nobody guesses passwords without a trace in the log."""
    talk = Client(place, home.file("bin/qmail-popup"), "pop.test", "sh", "-c", "exit 1")
    talk.stream.readline()
    talk.say(b"user " + b"j" * 60000)
    talk.socket.sendall(b"pass " + b"x" * 60000 + b"\r\n")
    rest, code, log = talk.end()
    assert (rest, code) == (b"-ERR unable to write pipe\r\n", 1)
    assert log == b"qmail-popup: PID log-in failed for " + b"j" * 300 + b" from 10.0.0.1: not read\n"


# Takes no more from this project than the interface: descriptor 3, exit codes, the environment.
OTHER_CHECKPASSWORD = """#!/usr/bin/python3 -IS
import os, sys
name, password, stamp, rest = os.read(3, 600).split(b"\\0")
os.close(3)
if (name, password, stamp[:1], rest) != (b"joe", b"secret", b"<", b""):
    os._exit(1)
os.chdir("joe")
os.environ.update(USER="joe", HOME=os.getcwd(), SHELL="/bin/sh")
os.execvp(sys.argv[1], sys.argv[1:])
"""


def test_another_checkpassword(place: Place, home: Home) -> None:
    for part in ("new", "cur", "tmp"):
        (place.path / "joe/Maildir" / part).mkdir(parents=True)
    message = place.path / "joe/Maildir/new/1.1.x"
    message.write_bytes(b"\nto joe\n")
    os.utime(message, (1, 1))  # one of this very second would not be listed
    other = place.path / "other"
    other.write_text(OTHER_CHECKPASSWORD)
    other.chmod(0o755)
    place.own()
    popup = (home.file("bin/qmail-popup"), "x", str(other), home.file("bin/qmail-pop3d"), "Maildir")
    for password, answer in ((b"wrong", b"-ERR authorization failed\r\n"), (b"secret", b"+OK \r\n")):
        talk = Client(place, *popup)
        talk.stream.readline()
        assert talk.say(b"user joe", b"pass " + password) == answer
        if password == b"secret":
            assert talk.say(b"retr 1").startswith(b"+OK")
            assert [talk.stream.readline() for _ in range(3)][1:] == [b"to joe\r\n", b"\r\n"]
        assert (b" log-in of joe " in talk.end()[2]) is (password == b"secret")


def test_errors_of_the_subprogram_go_to_the_log(client: Callable[..., Client]) -> None:
    talk = client("echo secret of the house >&2; exit 1")
    talk.stream.readline()
    talk.say(b"user joe")
    talk.socket.sendall(b"pass x\r\n")
    rest, _, log = talk.end()
    assert rest == b"-ERR authorization failed\r\n"
    assert log.startswith(b"secret of the house\n")


@pytest.mark.parametrize(
    ("lines", "rest", "why"),
    [
        ([], b"", b"connection lost"),
        ([b"quit"], b"+OK \r\n", b"quit"),
        ([b"user joe", b"quit"], b"+OK \r\n+OK \r\n", b"quit"),
        ([b"user joe", b"stat", b"noop", b"pass", b"apop joe"],
         b"+OK \r\n-ERR authorization first\r\n+OK \r\n-ERR syntax error\r\n-ERR syntax error\r\n",
         b"connection lost"),
        ([b"pass x"], b"-ERR USER first\r\n", b"connection lost"),
    ],
)  # fmt: skip
def test_without_log_in_nothing_runs(
    place: Place, client: Callable[..., Client], lines: list[bytes], rest: bytes, why: bytes
) -> None:
    talk = client()
    talk.stream.readline()
    talk.socket.sendall(b"".join(line + b"\r\n" for line in lines))
    assert talk.end() == (rest, 1, b"qmail-popup: PID no log-in from 10.0.0.1: " + why + b"\n")
    assert not (place.path / "ran").exists()


def test_child_is_gone_when_nobody_logs_in(place: Place, client: Callable[..., Client]) -> None:
    talk = client()
    talk.stream.readline()
    (child,) = children(talk.process.pid)
    talk.end()
    assert not Path(f"/proc/{child}").exists()


def test_subprogram_that_is_not_there(place: Place, home: Home) -> None:
    talk = Client(place, home.file("bin/qmail-popup"), "pop.test", "/nonexistent")
    talk.stream.readline()
    talk.say(b"user joe")
    talk.socket.sendall(b"pass x\r\n")
    assert talk.end()[0] == b"-ERR authorization failed\r\n"


@pytest.mark.parametrize("arguments", [[], ["pop.test"]])
def test_usage(place: Place, home: Home, arguments: list[str]) -> None:
    done = place.run(home.file("bin/qmail-popup"), *arguments)
    assert (done.returncode, done.stdout) == (1, b"-ERR usage: popup hostname subprogram\r\n")


MESSAGE = b"From: a@b\nTo: joe@x.test\nSubject: %d\nDate: 1 Jan 2001 00:00:00 -0000\n\n.dot %d\n"
SIZE = len(MESSAGE % (1, 1))


@pytest.fixture
def server(place: Place, home: Home) -> int:
    """tcpserver, qmail-popup, checkpassword, qmail-pop3d with two messages for joe@x.test; the port."""
    for name, content in (("me", "x.test\n"), ("rcpthosts", "x.test\n")):
        Path(home.file("control", name)).write_text(content)
    place.own()
    pid = os.fork()
    if not pid:
        code = 70
        try:
            if os.geteuid() == 0:
                os.setgid(home.gid("qmail"))
                os.setuid(TESTER)
            folder = Mailboxes(home).add(b"joe@x.test", b"secret word")
            for number in (1, 2):
                path = f"{folder}/new/{number}.host"
                Path(path).write_bytes(MESSAGE % (number, number))
                os.utime(path, (1e9 + number, 1e9 + number))
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    port = free_port()
    log = (place.path / "log").open("wb")
    with log:
        place.start(
            home.file("bin/tcpserver"), "-v", "-R", "-H", "-l", "0", "127.0.0.1", str(port),
            home.file("bin/qmail-popup"), "pop.test", home.file("bin/checkpassword"),
            home.file("bin/qmail-pop3d"), "Maildir", stdout=log, stderr=log,
        )  # fmt: skip
    eventually(lambda: listening(port), what="the server")
    return port


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 20)


def mailbox(home: Home) -> list[str]:
    folder = Path(home.file("mailboxes/x.test/joe/Maildir"))
    return sorted(f"{part}/{path.name}" for part in ("new", "cur") for path in (folder / part).iterdir())


@pytest.mark.parametrize("user", [b"joe", b"joe@x.test", b"JOE@X.TEST"])
def test_whole_chain(home: Home, place: Place, server: int, user: bytes) -> None:
    with connect(server) as connection, connection.makefile("rb") as stream:
        assert GREETING.fullmatch(stream.readline())
        for command, reply in (
            (b"user " + user, b"+OK \r\n"),
            (b"pass secret word", b"+OK \r\n"),
            (b"stat", b"+OK 2 %d\r\n" % (2 * SIZE)),
            (b"dele 1", b"+OK \r\n"),
            (b"quit", b"+OK \r\n"),
        ):
            connection.sendall(command + b"\r\n")
            assert stream.readline() == reply
        assert stream.read() == b""
    assert mailbox(home) == ["cur/2.host:2,"]
    wait_log(place, b"log-in of " + user + b" from 127.0.0.1, ")
    wait_log(place, b"user joe@x.test messages 2 bytes %d retrieved 0 deleted 1\n" % (2 * SIZE))


def wait_log(place: Place, text: bytes) -> None:
    eventually(lambda: text in (place.path / "log").read_bytes(), what=f"{text!r} in the log")


def test_whole_chain_with_a_wrong_password(home: Home, place: Place, server: int) -> None:
    with connect(server) as connection, connection.makefile("rb") as stream:
        stream.readline()
        connection.sendall(b"user joe\r\npass wrong\r\n")
        assert stream.read() == b"+OK \r\n-ERR authorization failed\r\n"
    wait_log(place, b"log-in failed for joe from 127.0.0.1: rejected\n")


@pytest.mark.skipif(not shutil.which("mpop"), reason="no mpop here")
def test_mpop(home: Home, place: Place, server: int) -> None:
    for name in ("in", "in/new", "in/cur", "in/tmp"):
        (place.path / name).mkdir()
    place.own()
    done = place.run(
        "mpop", "--file=/dev/null", "--host=127.0.0.1", f"--port={server}", "--auth=user",
        "--user=joe@x.test", "--passwordeval=echo secret word", "--tls=off",
        f"--delivery=maildir,{place.path}/in", "--keep=off", f"--uidls-file={place.path}/uidls",
        env={"HOME": str(place.path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert mailbox(home) == []
    got = sorted(path.read_bytes() for path in (place.path / "in/new").iterdir())
    assert len(got) == 2
    assert all(content.endswith(b"\n.dot %d\n\n" % number) for number, content in enumerate(got, 1))


def _known() -> bool:
    """Whether TESTER has an account: fetchmail does not run for anybody else."""
    try:
        pwd.getpwuid(TESTER)
    except KeyError:
        return False
    return True


@pytest.mark.skipif(not shutil.which("fetchmail") or not _known(), reason="no fetchmail here")
def test_fetchmail(home: Home, place: Place, server: int) -> None:
    rc = place.path / "fetchmailrc"
    rc.write_text(
        f"poll 127.0.0.1 protocol pop3 port {server} auth password\n"
        f"user 'joe@x.test' password 'secret word' sslproto '' mda 'cat >>{place.path}/got'\n"
    )
    place.own()
    rc.chmod(0o600)
    done = place.run(
        "fetchmail", "--fetchmailrc", rc, "--idfile", place.path / "ids", "--nosyslog",
        "--pidfile", place.path / "pid", env={"HOME": str(place.path), "FETCHMAILHOME": str(place.path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert mailbox(home) == []
    lines = (place.path / "got").read_bytes().split(b"\n")
    assert [line for line in lines if line.startswith((b"Subject: ", b"."))] == [
        b"Subject: 1", b".dot 1", b"Subject: 2", b".dot 2",
    ]  # fmt: skip


def uids(pid: int) -> set[str]:
    """Real, effective, saved and file system uid of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return set(status.partition("\nUid:\t")[2].partition("\n")[0].split("\t"))


@pytest.mark.root
def test_root_does_not_read_from_the_network(rooted: Rooted) -> None:
    """The one that talks is qmaild; its child waits as root, and runs the subprogram so."""
    ours, theirs = socket.socketpair()
    process = rooted.start(
        "/var/qmail/bin/qmail-popup", "pop.test", "sh", "-c", "id -u; cat <&3", stdin=theirs, stdout=theirs
    )
    theirs.close()
    with ours, ours.makefile("rb") as stream:
        ours.settimeout(20)
        assert GREETING.fullmatch(stream.readline())
        assert uids(process.pid) == {str(USER_IDS["qmaild"])}
        (child,) = children(process.pid)
        assert uids(child) == {"0"}
        ours.sendall(b"user joe\r\npass x\r\n")
        assert stream.read().startswith(b"+OK \r\n0\njoe\0x\0<")
    assert process.wait(20) == 1


@pytest.mark.root
def test_document_run_script(rooted: Rooted, place: Place) -> None:
    """softlimit, tcpserver and the chain as in the document, for an account with a costly hash."""
    hashed = passwords._crypt(b"secret", "$y$j9T$abcdefghijklmnop$")
    shadow = rooted.root / "etc/shadow"
    shadow.write_text(shadow.read_text().replace("joe:!:", f"joe:{hashed}:"))
    rooted.run("/var/qmail/bin/maildirmake", "/var/homes/joe/Maildir", user="joe")
    message = rooted.root / "var/homes/joe/Maildir/new/1.host"
    message.write_bytes(MESSAGE % (1, 1))
    os.utime(message, (1e9, 1e9))
    os.chown(message, USER_IDS["joe"], -1)
    port = free_port()
    with (place.path / "log").open("wb") as log:
        rooted.start(
            *"/var/qmail/bin/softlimit -m 9000000".split(),
            *f"/var/qmail/bin/tcpserver -v -R -H -l 0 0 {port}".split(),
            *"/var/qmail/bin/qmail-popup pop.test /var/qmail/bin/checkpassword".split(),
            *"/var/qmail/bin/qmail-pop3d Maildir".split(), stdout=log, stderr=log,
        )  # fmt: skip
    eventually(lambda: listening(port), what="the server")
    for password, replies in (
        (b"secret", b"+OK \r\n+OK \r\n+OK 1 %d\r\n" % SIZE),
        (b"wrong", b"+OK \r\n-ERR authorization failed\r\n"),
    ):
        with connect(port) as connection, connection.makefile("rb") as stream:
            stream.readline()
            connection.sendall(b"user joe\r\npass " + password + b"\r\n")
            said = stream.readline() + stream.readline()
            if said.endswith(b"+OK \r\n"):
                connection.sendall(b"stat\r\n")
                said += stream.readline()
            assert said == replies
    wait_log(place, b"log-in failed for joe from 127.0.0.1: rejected\n")
