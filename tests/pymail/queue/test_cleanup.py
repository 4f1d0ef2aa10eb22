"""qmail-clean: commands, answers, and old files in pid/"""

import fcntl
import os
import subprocess
import time
from pathlib import Path

import pytest

from pymail.queue import cleanup
from pymail.queue.cleanup import OSSIFIED
from pymail.queue.layout import CLEANING, split_path
from pymail.unix.home import Home
from tests.support.homes import queued
from tests.support.world import Place, Running, eventually


def put(home: Home, number: int, *kinds: str) -> None:
    for kind in kinds:
        name = split_path(kind, number) if kind in ("mess", "info") else f"{kind}/{number}"
        path = Path(home.file("queue", name))
        path.write_bytes(b"")
        os.chown(path, home.owner, home.gid("qmail"))


def clean(place: Place, home: Home, commands: bytes) -> bytes:
    done = place.run(home.file("bin", "qmail-clean"), stdin=commands)
    assert (done.returncode, done.stderr) == (0, b"")
    return bytes(done.stdout)


def test_foop(place: Place, home: Home) -> None:
    put(home, 30, "mess", "intd", "info")
    put(home, 7, "mess")
    assert clean(place, home, b"foop/30\0") == b"+"
    assert queued(home.file("queue")) == {30: {"info": b""}, 7: {"mess": b""}}


def test_todo(place: Place, home: Home) -> None:
    put(home, 30, "mess", "intd", "todo", "info")
    assert clean(place, home, b"todo/30\0") == b"+"
    assert queued(home.file("queue")) == {30: {"mess": b"", "info": b""}}


def test_missing_files_are_fine(place: Place, home: Home) -> None:
    assert clean(place, home, b"foop/1\0todo/1\0") == b"++"


@pytest.mark.parametrize(
    "command",
    [b"", b"foop/", b"foop", b"foop/x", b"foop/12a4", b"foop/-1", b"foop/1 ", b"mess/12", b"todoX12",
     b"foop/" + b"1" * 95, b"x" * 5000, b"foop/\xb2", b"foop/../1"],
)  # fmt: skip
def test_one_answer_to_what_is_no_command(place: Place, home: Home, command: bytes) -> None:
    put(home, 12, "mess", "todo")
    assert clean(place, home, command + b"\0" + b"foop/3\0") == b"x+"
    assert len(queued(home.file("queue"))[12]) == 2


def test_longest_command(place: Place, home: Home) -> None:
    assert clean(place, home, b"foop/" + b"0" * 93 + b"7\0") == b"+"


def test_what_cannot_be_removed(place: Place, home: Home) -> None:
    os.makedirs(home.file("queue/todo/5/x"))
    os.makedirs(home.file("queue/intd/6/x"))
    put(home, 6, "todo")
    assert clean(place, home, b"todo/5\0todo/6\0todo/7\0") == b"!!+"
    assert os.path.exists(home.file("queue/todo/6"))


def test_end_inside_a_command(place: Place, home: Home) -> None:
    put(home, 30, "mess")
    assert clean(place, home, b"foop/30") == b""
    assert queued(home.file("queue")) == {30: {"mess": b""}}


def test_nobody_takes_the_answer(place: Place, home: Home) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    running = place.start(home.file("bin", "qmail-clean"), stdin=subprocess.PIPE, stdout=writer)
    os.close(writer)
    running.process.communicate(b"foop/1\0")
    assert running.wait() == 100


def test_no_queue(place: Place, home: Home) -> None:
    os.rename(home.file("queue"), home.file("away"))
    assert place.run(home.file("bin", "qmail-clean")).returncode == 111


def old_pid(home: Home, name: str, age: int) -> Path:
    path = Path(home.file("queue/pid", name))
    path.touch()
    os.utime(path, (time.time() - age, time.time()))
    return path


class Conversation:
    def __init__(self, place: Place, home: Home) -> None:
        self.running: Running = place.start(
            home.file("bin", "qmail-clean"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def ask(self, command: bytes) -> bytes:
        stdin, stdout = self.running.process.stdin, self.running.process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(command)
        stdin.flush()
        return stdout.read(1)


def test_old_pid_files(place: Place, home: Home) -> None:
    """At the start, and before the 32nd command; atime decides."""
    young, old = old_pid(home, "1.1.1", OSSIFIED - 60), old_pid(home, "2.2.2", OSSIFIED)
    conversation = Conversation(place, home)
    eventually(lambda: not old.exists(), what="the first look")
    assert conversation.ask(b"foop/1\0") == b"+"
    assert young.exists()
    os.utime(young, (time.time() - OSSIFIED, time.time()))
    for _ in range(29):
        assert conversation.ask(b"foop/1\0") == b"+"
    assert young.exists()
    assert conversation.ask(b"foop/1\0") == b"+"
    eventually(lambda: not young.exists(), what="the second look")


def test_removal_is_durable_before_the_answer(place: Place, home: Home) -> None:
    put(home, 30, "mess", "intd", "todo")
    trace = place.path / "trace"
    done = place.run(
        "strace", "-o", trace, "-e", "trace=unlink,unlinkat,fsync,write", home.file("bin/qmail-clean"),
        stdin=b"todo/30\0",
    )  # fmt: skip
    assert done.stdout == b"+"
    calls = [line.split("(")[0] for line in trace.read_text().splitlines() if "(" in line]
    relevant = calls[calls.index("unlink") :]
    assert relevant == ["unlink", "unlink", "fsync", "fsync", "write"]


def test_its_end_can_be_awaited(place: Place, home: Home) -> None:
    queue = home.file("queue")
    put(home, 30, "mess", "todo")
    running = place.start(home.file("bin", "qmail-clean"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    running.process.stdin.write(b"todo/30\0")
    running.process.stdin.flush()
    assert os.read(running.process.stdout.fileno(), 1) == b"+"
    started = time.monotonic()
    cleanup.await_end(queue, 0.2)
    assert time.monotonic() - started >= 0.2
    running.process.stdin.close()
    cleanup.await_end(queue, 60)
    assert running.wait() == 0


def test_a_second_one_works_as_well(place: Place, home: Home) -> None:
    """Where the first does not come to its end, and with qmail-clean of another make."""
    put(home, 7, "mess")
    fd = os.open(home.file("queue", CLEANING), os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    assert clean(place, home, b"foop/7\0") == b"+"
    os.close(fd)


def test_garbage_in_place_of_envelopes(place: Place, home: Home) -> None:
    """Names that are numbers to Python, too, or no text at all."""
    for name in ("²", "٣", b"\xff", "9" * 200, "-1", "x"):
        path = os.path.join(os.fsencode(home.file("queue", "intd")), os.fsencode(name))
        os.close(os.open(path, os.O_CREAT, 0o600))
        os.utime(path, (0, 0))
    place.own()
    done = place.run(home.file("bin/qmail-clean"), stdin=b"foop/1\0")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"+", b"")


def test_envelopes_of_messages_that_are_gone(place: Place, home: Home) -> None:
    """A power loss may take mess and leave intd, where names reach the disk in any order."""
    put(home, 30, "intd")
    put(home, 31, "intd", "mess")
    put(home, 32, "intd", "todo")
    put(home, 33, "intd")
    for number, age in ((30, OSSIFIED), (31, OSSIFIED), (32, OSSIFIED), (33, OSSIFIED - 60)):
        path = home.file("queue", "intd", str(number))
        os.utime(path, (time.time() - age, time.time()))
    assert clean(place, home, b"") == b""
    assert set(queued(home.file("queue"))) == {31, 32, 33}
