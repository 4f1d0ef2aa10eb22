"""qmail-start: which processes it makes, and what each of them finds"""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from pymail.unix import queue_service
from pymail.unix.home import Home
from tests.support.homes import GROUP_IDS, USER_IDS, private_home, rooted_home
from tests.support.world import Place, Running, eventually

# A stand-in for each daemon: notes what it finds, says what qmail-send waits for, and stays.
PROBE = """#!{python} -ISB
import json, os, sys, time
fds = {{}}
for fd in os.listdir("/proc/self/fd"):
    try:
        flags = open("/proc/self/fdinfo/" + fd).read().split()[3]
        fds[fd] = [os.readlink("/proc/self/fd/" + fd), flags]
    except OSError:
        pass
found = dict(argv=sys.argv, fds=fds, uid=os.getresuid(), gid=os.getresgid(), groups=os.getgroups(),
             pid=os.getpid(), cwd=os.getcwd(), umask=os.umask(0), env=dict(os.environ))
name = os.path.basename(sys.argv[0])
with open("{out}/" + name + ".new", "w") as file:
    json.dump(found, file)
os.rename("{out}/" + name + ".new", "{out}/" + name)
if name == "logger":
    while os.read(0, 4096): pass
    sys.exit()
if name == "qmail-send":
    os.write(0, b"from send\\n")
while os.read(2 if name == "qmail-send" else 0, 1): pass
"""
DAEMONS = ("qmail-lspawn", "qmail-rspawn", "qmail-clean", "qmail-send")


def probes(bin_: Path, out: Path, python: str, names: tuple[str, ...]) -> None:
    """Put probes in the place of programs; `out` is where they write."""
    for name in names:
        (bin_ / name).unlink(missing_ok=True)
        (bin_ / name).write_text(PROBE.format(python=python, out=out))
        (bin_ / name).chmod(0o755)


class Started:
    """qmail-start with probes for daemons in a private home."""

    def __init__(self, place: Place, *arguments: str, names: tuple[str, ...] = DAEMONS) -> None:
        self.place, self.out = place, place.path / "out"
        home = private_home(place)
        self.home = Path(home.path)
        (self.home / "control/me").write_text("mail.test\n")
        self.out.mkdir()
        place.own()
        probes(self.home / "bin", self.out, place.world.python, names)
        self.log = place.path / "log"
        self.start(*arguments)

    def start(self, *arguments: str) -> None:
        with self.log.open("wb") as log, Path("/dev/null").open() as null:
            self.running: Running = self.place.start(
                self.home / "bin/qmail-start", *arguments,
                env={"PATH": f"{self.home}/bin:/usr/bin:/bin", "MARK": "kept"}, stdin=null, stdout=log,
            )  # fmt: skip

    def found(self, name: str) -> dict:  # type: ignore[type-arg]
        path = self.out / name
        eventually(path.exists, what=name)
        return json.loads(path.read_text())  # type: ignore[no-any-return]

    def daemon(self, name: str) -> int:
        """The pid of one of qmail-send's partners, once it bears its name."""

        def found() -> list[int]:
            return [pid for pid, its in _children(self.running.pid).items() if its == name]

        (pid,) = eventually(found, what=name)  # type: ignore[misc]
        return int(pid)


def test_descriptors(place: Place) -> None:
    started = Started(place, "./Maildir/")
    send, lspawn, rspawn, clean = (started.found(n) for n in ("qmail-send", *DAEMONS[:3]))
    assert send["pid"] == started.running.pid
    assert send["fds"]["0"][0] == str(started.log)
    for fd, daemon in {1: lspawn, 3: rspawn, 5: clean}.items():
        for ours, theirs, access in ((fd, "0", "1"), (fd + 1, "1", "0")):
            pipe, flags = send["fds"][str(ours)]
            assert pipe.startswith("pipe:")
            assert daemon["fds"][theirs][0] == pipe
            assert flags[-1] == access
    for daemon in (lspawn, rspawn, clean):
        assert not set(daemon["fds"]) & {"2", "4", "5", "6", "7", "8"}
    assert not {fd for fd in send["fds"] if int(fd) > 7}
    assert lspawn["argv"][1:] == ["./Maildir/"]
    assert rspawn["argv"][1:] == clean["argv"][1:] == send["argv"][1:] == []
    for daemon in (send, lspawn, rspawn, clean):
        assert daemon["env"]["MARK"] == "kept"
        assert (daemon["cwd"], daemon["umask"]) == ("/", 0o077)


def test_default_delivery(place: Place) -> None:
    assert Started(place).found("qmail-lspawn")["argv"][1:] == ["./Mailbox"]


def test_logger(place: Place) -> None:
    started = Started(place, "x", "logger", "-a", "b", names=(*DAEMONS, "logger"))
    logger, send = started.found("logger"), started.found("qmail-send")
    assert logger["argv"][1:] == ["-a", "b"]
    assert logger["fds"]["0"][0] == send["fds"]["0"][0]
    assert logger["fds"]["1"][0] == str(started.log)
    assert not set(logger["fds"]) & {"2", "4", "5", "6", "7", "8"}


def test_the_end_of_qmail_send_ends_the_others(place: Place) -> None:
    """But not the queue service, which others need too."""
    started = Started(place, "x", names=())
    eventually(lambda: started.log.read_bytes() == b"status: local 0/10 remote 0/20\n", what="qmail-send")
    children = {started.daemon(name): name for name in DAEMONS[:3]}
    assert _children(started.running.pid) == children
    started.running.signal(signal.SIGKILL)
    started.running.wait()
    eventually(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in children), what="the end of all")
    assert queue_service.answers(Home(str(started.home)))


def test_a_qmail_clean_left_alone_comes_to_its_end_first(place: Place) -> None:
    """Were it to remove todo/N when the next qmail-send had seen it already, N would wait for ever."""
    started = Started(place, "x", names=())
    up = b"status: local 0/10 remote 0/20\n"
    eventually(lambda: started.log.read_bytes() == up, what="qmail-send")
    clean = started.daemon("qmail-clean")
    os.kill(clean, signal.SIGSTOP)
    try:
        started.running.signal(signal.SIGKILL)
        started.running.wait()
        started.start("x")
        time.sleep(0.5)  # nothing announces that nothing happens
        assert _children(started.running.pid) == {}
        assert started.log.read_bytes() == b""
    finally:
        os.kill(clean, signal.SIGCONT)
    eventually(lambda: started.log.read_bytes() == up, what="the next qmail-send")


@pytest.mark.parametrize("victim", ["qmail-lspawn", "qmail-rspawn", "qmail-clean"])
def test_qmail_send_notices_who_is_lost(place: Place, victim: str) -> None:
    started = Started(place, "x", names=())
    eventually(lambda: started.log.read_bytes().startswith(b"status:"), what="qmail-send")
    os.kill(started.daemon(victim), signal.SIGKILL)
    assert started.running.wait() == 0
    partner = b"qmail-clean" if victim == "qmail-clean" else b"spawn"
    assert started.log.read_bytes().splitlines()[1:] == [
        b"alert: oh no! lost " + partner + b" connection! dying...", b"status: exiting",
    ]  # fmt: skip


def _children(parent: int) -> dict[int, str]:
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            status = Path(f"/proc/{pid}/status").read_text().splitlines()
        except OSError:
            continue
        fields = dict(line.split(":\t", 1) for line in status if ":\t" in line)
        if int(fields["PPid"]) == parent and not fields["State"].startswith("Z"):
            found[int(pid)] = fields["Name"]
    return found


@pytest.mark.root
def test_identities(place: Place) -> None:
    with rooted_home(place) as rooted:
        out = rooted.root / "var/out"
        out.mkdir(mode=0o777)
        out.chmod(0o777)
        probes(rooted.home / "bin", Path("/var/out"), place.world.python, (*DAEMONS, "logger"))
        process = rooted.start(
            "/usr/bin/env", "PATH=/var/qmail/bin:/usr/bin:/bin", "/var/qmail/bin/qmail-start", "x", "logger"
        )
        expected = {
            "qmail-lspawn": (0, "qmail"), "qmail-rspawn": (USER_IDS["qmailr"], "qmail"),
            "qmail-clean": (USER_IDS["qmailq"], "qmail"), "qmail-send": (USER_IDS["qmails"], "qmail"),
            "logger": (USER_IDS["qmaill"], "nofiles"),
        }  # fmt: skip
        for name, (uid, group) in expected.items():
            eventually((out / name).exists, what=name)
            found = json.loads((out / name).read_text())
            gid = GROUP_IDS[group]
            assert (found["uid"], found["gid"], found["groups"]) == ([uid] * 3, [gid] * 3, [gid]), name
        service = rooted.home / "run/queue"
        assert service.stat().st_uid == USER_IDS["qmailq"]
        process.kill()


@pytest.mark.root
def test_a_bounce_between_accounts(place: Place) -> None:
    """Each daemon under its own account: what fails comes back, by way of the queue service."""
    with rooted_home(place) as rooted:
        joe = rooted.root / "var/homes/joe"
        (rooted.home / "control/me").write_text("mail.test\n")
        (joe / ".qmail-fail").write_text("|echo Not today.; exit 100\n")
        rooted.run("/var/qmail/bin/maildirmake", "/var/homes/joe/Maildir", user="joe")
        log = place.path / "log"
        with log.open("wb") as out:
            process = rooted.start(
                "/usr/bin/env", "PATH=/var/qmail/bin:/usr/bin:/bin",
                "/var/qmail/bin/qmail-start", "./Maildir/", stdout=out,
            )  # fmt: skip
        inject = ("/var/qmail/bin/qmail-inject", "-fjoe@mail.test", "joe-fail@mail.test")
        done = rooted.run(*inject, stdin=b"Subject: hi\n\nhello\n", user="joe")
        assert done.returncode == 0, done.stderr
        eventually(lambda: log.read_bytes().count(b"end msg") == 2, what="the end of both messages")
        lines = [line.split() for line in log.read_bytes().splitlines()]
        (bounce,) = (line for line in lines if line[:2] == [b"bounce", b"msg"])
        ((path),) = (joe / "Maildir/new").iterdir()
        text = path.read_bytes()
        assert b"\nReceived: (qmail %s invoked for bounce); " % bounce[4] in text
        assert b"\n\n<joe-fail@mail.test>:\nNot today.\n\n--- Below this line is a copy" in text
        uid = str(USER_IDS["qmails"]).encode()
        assert [line[-1] for line in lines if line[0] == b"info"] == [str(USER_IDS["joe"]).encode(), uid]
        process.terminate()
        assert process.wait(20) == 0
