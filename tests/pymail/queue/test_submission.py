"""Putting messages into the queue from within a program"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pymail.queue.submission import Receipt, Submission
from pymail.unix.home import Home
from tests.support.homes import only_message, private_home, queued
from tests.support.world import Place


@pytest.fixture
def home(place: Place, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.delenv("QMAILQUEUE", raising=False)
    return private_home(place)


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("sizes", [[0], [1, 2, 3], [100000], [7] * 20000, [32768, 1, 65536, 0]])
def test_queued(home: Home, sizes: list[int]) -> None:
    """As the owner, or as root, a child of this process writes the queue."""
    before = open_descriptors()
    submission = Submission(home)
    blocks = [os.urandom(size) for size in sizes]
    for block in blocks:
        submission.write(block)
    receipt = submission.finish(b"a@b", [b"c@d", b"e@f"])
    assert receipt.text == b""
    _, files = only_message(home.file("queue"))
    received, _, message = files["mess"].partition(b"\n")
    assert received.startswith(b"Received: (qmail %d invoked by uid %d); " % (receipt.qp, os.getuid()))
    assert message == b"".join(blocks)
    assert files["todo"] == b"u%d\0p%d\0Fa@b\0Tc@d\0Te@f\0" % (os.getuid(), receipt.qp)
    assert open_descriptors() == before


def test_owner_whoever_queues(home: Home) -> None:
    """Root in a private instance does not leave files of root there."""
    assert Submission(home).finish(b"", [b"x"]).text == b""
    number, _ = only_message(home.file("queue"))
    assert os.stat(home.file("queue", "todo", str(number))).st_uid == home.owner


def test_abandoned(home: Home) -> None:
    before = open_descriptors()
    submission = Submission(home)
    submission.write(b"x" * 100000)
    submission.abandon()
    assert queued(home.file("queue")) == {}
    assert open_descriptors() == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_two_at_a_time(home: Home) -> None:
    """The second one's process must not hold the pipes of the first."""
    first, second = Submission(home), Submission(home)
    first.write(b"one")
    second.write(b"two")
    assert first.finish(b"", [b"1"]).text == b""
    assert second.finish(b"", [b"2"]).text == b""
    assert len(queued(home.file("queue"))) == 2


def test_many_recipients(home: Home) -> None:
    receipt = Submission(home).finish(b"a", (b"user%d@host" % n for n in range(30000)))
    assert receipt.text == b""
    assert only_message(home.file("queue"))[1]["todo"].count(b"T") == 30000


@pytest.mark.parametrize(
    ("sender", "recipient", "text"),
    [
        (b"a" * 1003, b"b", b"Denvelope address too long for qq (#5.1.3)"),
        (b"a", b"b" * 1003, b"Denvelope address too long for qq (#5.1.3)"),
        (b"a\0b", b"c", b"Zqq read error (#4.3.0)"),
        (b"a", b"b\0\0Tc", b"Zqq read error (#4.3.0)"),
    ],
)
def test_refused(home: Home, sender: bytes, recipient: bytes, text: bytes) -> None:
    assert Submission(home).finish(sender, [recipient]).text == text
    assert not any("todo" in files for files in queued(home.file("queue")).values())


@pytest.mark.parametrize("size", [0, 3000, 4096, 4097, 100_000])
def test_sizes_of_a_message_that_is_refused(home: Home, size: int) -> None:
    """However much has been handed over by then."""
    before = open_descriptors()
    submission = Submission(home)
    submission.write(b"x" * size)
    assert submission.finish(b"a\0b", [b"c"]).text == b"Zqq read error (#4.3.0)"
    assert not any("todo" in files for files in queued(home.file("queue")).values())
    assert open_descriptors() == before


@pytest.mark.parametrize("size", [0, 4095, 4096, 4097, 32767, 32768, 70000])
@pytest.mark.parametrize("length", [1, 900])
def test_sizes_of_a_message_that_is_queued(home: Home, size: int, length: int) -> None:
    submission = Submission(home)
    submission.write(b"x" * size)
    recipients = [b"%d" % n + b"r" * length for n in range(10)]
    assert submission.finish(b"s", recipients).text == b""
    _, files = only_message(home.file("queue"))
    assert files["mess"].partition(b"\n")[2] == b"x" * size
    assert files["todo"].endswith(b"\0Fs\0" + b"".join(b"T" + address + b"\0" for address in recipients))


def test_a_slow_client_keeps_no_child_waiting(home: Home) -> None:
    submission = Submission(home)
    submission.write(b"x")
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    submission.abandon()


def test_no_queue(home: Home) -> None:
    os.rename(home.file("queue"), home.file("away"))
    submission = Submission(home)
    for _ in range(100):
        submission.write(b"x" * 10000)
    assert submission.finish(b"", []).text == b"Zqq trouble creating files in queue (#4.3.0)"


@pytest.fixture
def program(home: Home, place: Place, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def write(script: str) -> None:
        path = place.path / "queue program"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("QMAILQUEUE", str(path))

    return write


def finish(home: Home, message: bytes = b"hello\n") -> Receipt:
    submission = Submission(home)
    submission.write(message)
    return submission.finish(b"a@b", [b"c@d"])


def test_program(home: Home, place: Place, program: Callable[[str], None]) -> None:
    out = place.path / "out"
    program(f"exec 3<&1; {{ pwd; echo $#; cat; cat <&3; }} > '{out}'; echo $$ > '{out}.pid'")
    receipt = finish(home)
    assert receipt.text == b""
    assert out.read_bytes() == os.fsencode(home.path) + b"\n0\nhello\nFa@b\0Tc@d\0\0"
    assert int(Path(f"{out}.pid").read_text()) == receipt.qp


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("exit 31", b"Dmail server permanently rejected message (#5.3.0)"),
        ("exit 82", b"Zqq temporary problem (#4.3.0)"),
        ("cat >/dev/null; echo 'Dno thanks' >&6; exit 82", b"Dno thanks"),
        ("printf 'Zone\\r\\ntwo\\000three' >&6; exit 82", b"Zone  two three"),
        ("printf 'Xwhat' >&6; exit 82", b"Zqq temporary problem (#4.3.0)"),
        ("cat >/dev/null; cat <&1 >/dev/null; printf 'Dignored' >&6; exit 0", b""),  # it has read everything
        ("kill -KILL $$", b"Zqq crashed (#4.3.0)"),
        ("exit 15", b"Dqq permanent problem (#5.3.0)"),
        ("exit 1", b"Zqq temporary problem (#4.3.0)"),
    ],
)
def test_codes_of_programs(home: Home, program: Callable[[str], None], script: str, text: bytes) -> None:
    program(script)
    assert finish(home).text == text


def test_long_text_of_a_program(home: Home, program: Callable[[str], None]) -> None:
    program("printf D >&6; head -c 300 /dev/zero | tr '\\0' x >&6; exit 82")
    assert finish(home).text == b"D" + b"x" * 254


def test_program_that_reads_nothing(home: Home, program: Callable[[str], None]) -> None:
    """It ends before everything is written: no SIGPIPE, and not a success even with exit code 0."""
    program("exec <&-; exit 0")
    assert finish(home, b"x" * 1_000_000).text == b"Zqq read error (#4.3.0)"


def test_programs_are_not_searched(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("true", "/nonexistent", ""):
        monkeypatch.setenv("QMAILQUEUE", name)
        assert finish(home).text == b"Zunable to exec qq (#4.3.0)"


def test_our_own_qmail_queue_as_the_program(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QMAILQUEUE", "bin/qmail-queue")
    receipt = finish(home)
    assert receipt.text == b""
    _, files = only_message(home.file("queue"))
    assert files["mess"].startswith(b"Received: (qmail %d invoked by uid " % receipt.qp)
