"""The queue service as a process: what is queued, for whom, and with which rights"""

import os
from pathlib import Path

import pytest

from pymail.protocols import handoff
from pymail.unix.home import Home
from tests.support.homes import GROUP_IDS, USER_IDS, Rooted, only_message, queued
from tests.support.queue_clients import ENVELOPE, Client
from tests.support.world import Place, Running, eventually


def test_submission(home: Home, service: Running) -> None:
    client = Client(home)
    assert client.finish() == 0
    _, files = only_message(home.file("queue"))
    assert files["mess"].startswith(b"Received: (qmail %d invoked by uid %d); " % (client.pid, os.getuid()))
    assert files["todo"] == b"u%d\0p%d\0" % (os.getuid(), client.pid) + ENVELOPE[:-1]


def test_process(home: Home, service: Running) -> None:
    """A qmail-queue process is named by its own pid: that is what its caller sees."""
    client = Client(home, handoff.PROCESS)
    assert client.finish() == 0
    _, files = only_message(home.file("queue"))
    assert files["mess"].startswith(b"Received: (qmail %d invoked by uid %d); " % (os.getpid(), os.getuid()))


@pytest.mark.parametrize(
    ("envelope", "code"), [(b"", 54), (b"X", 91), (b"F" + b"a" * 1003 + b"\0\0", 11), (ENVELOPE[:-1], 54)]
)
def test_codes(home: Home, service: Running, envelope: bytes, code: int) -> None:
    assert Client(home).finish(envelope=envelope) == code


def test_many_at_a_time(home: Home, service: Running) -> None:
    clients = [Client(home) for _ in range(15)]
    assert [client.finish() for client in reversed(clients)] == [0] * 15
    assert len(queued(home.file("queue"))) == 15


@pytest.mark.parametrize("arguments", [["-x"], ["y"], ["-b", "z"]])
def test_usage(place: Place, home: Home, arguments: list[str]) -> None:
    done = place.run(home.file("bin", "qmail-queued"), *arguments)
    assert (done.returncode, done.stderr) == (100, b"qmail-queued: usage: qmail-queued [ -b ]\n")


def rooted_service(rooted: Rooted) -> int:
    """The service in there, started by root; its pid."""
    process = rooted.start("/var/qmail/bin/qmail-queued")
    lock = rooted.queue / "lock/queued"
    eventually(lambda: lock.exists() and lock.read_bytes(), what="the service")
    assert lock.read_bytes() == b"supervised %d\n" % process.pid
    return process.pid


SUBMIT = """
from pymail.queue.submission import Submission
from pymail.unix.home import Home
submission = Submission(Home("/var/qmail"))
submission.write(b"hello\\n")
receipt = submission.finish(b"a@b", [b"joe@host"])
print(receipt.text.decode(), receipt.qp)
"""


@pytest.mark.root
@pytest.mark.parametrize(
    ("user", "words"),
    [("alias", b"by alias"), ("qmaild", b"from network"), ("qmails", b"for bounce"), (None, b"by uid 0"),
     ("joe", b"by uid %d" % USER_IDS["joe"]), ("qmailq", b"by uid %d" % USER_IDS["qmailq"])],
)  # fmt: skip
def test_received_line_tells_who_asks(rooted: Rooted, user: str | None, words: bytes) -> None:
    rooted_service(rooted)
    text, qp = rooted.python(SUBMIT, user=user).decode().rsplit(" ", 1)
    assert text == ""
    _, files = only_message(rooted.queue)
    assert files["mess"].startswith(b"Received: (qmail %d invoked %s); " % (int(qp), words))
    assert files["mess"].endswith(b"\nhello\n")


@pytest.mark.root
def test_owners_in_a_home_of_root(rooted: Rooted) -> None:
    pid = rooted_service(rooted)
    status = Path(f"/proc/{pid}/status").read_text()
    for name, number in (("Uid", USER_IDS["qmailq"]), ("Gid", GROUP_IDS["qmail"])):
        assert f"{name}:" + f"\t{number}" * 4 + "\n" in status
    assert f"Groups:\t{GROUP_IDS['qmail']} \n" in status
    script = "printf 'hello\\n' | { printf 'Fa@b\\0Tc\\0\\0' | { exec 5<&0; exec 0<&3; exec 1<&5; \
        exec /var/qmail/bin/qmail-queue; } ; } 3<&0"
    done = rooted.run("sh", "-c", script, user="joe", stdin=b"hi\n")
    assert done.returncode == 0, done.stderr
    number, files = only_message(rooted.queue)
    assert files["todo"].startswith(b"u%d\0" % USER_IDS["joe"])
    for kind, name in (("mess", f"{number % 23}/{number}"), ("todo", f"{number}")):
        found = os.stat(rooted.queue / kind / name)
        assert (found.st_uid, found.st_mode & 0o777) == (USER_IDS["qmailq"], 0o644)


@pytest.mark.root
def test_root_and_qmailq_need_no_service(rooted: Rooted) -> None:
    for user in ("qmailq", None):
        assert rooted.python(SUBMIT, user=user).startswith(b" ")
    assert len(queued(rooted.queue)) == 2


@pytest.mark.root
def test_joe_without_service(rooted: Rooted) -> None:
    quick = "from pymail.unix import queue_service; queue_service.PATIENCE = 0.1\n"
    out = rooted.python(quick + SUBMIT, user="joe")
    assert out.startswith(b"Zqq trouble making network connection (#4.3.0)")


def test_no_descriptors(place: Place, home: Home) -> None:
    """Whatever it lacks, it says so in the usual way."""
    for limit in (4, 5, 6):
        done = place.run("/bin/sh", "-c", f"ulimit -n {limit}; exec {home.file('bin', 'qmail-queued')}")
        assert done.returncode == 111
        assert done.stderr.startswith(b"qmail-queued: fatal: unable to ")
