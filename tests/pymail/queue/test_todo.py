"""Preprocessing in this process: batches, scans, and disks that refuse"""

import os
import select
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pymail.formats import envelope
from pymail.queue import layout, strays, todo
from pymail.queue.cleaner import Cleaner
from pymail.queue.settings import Settings
from pymail.queue.shared import Shared
from pymail.queue.todo import BATCH, CHUNK, MOST_LEFT, SLEEP_TODO, Intake
from pymail.unix.background import Background
from pymail.unix.controls import Controls
from pymail.unix.home import Home
from pymail.unix.record import Record

NOW = 2_000_000_000


class Queue:
    """A queue in the current directory, and everything that preprocessing talks to."""

    def __init__(self, path: Path) -> None:
        self.path = path / "queue"
        for name in (*layout.DIRECTORIES, *(f"{k}/{n}" for k in layout.SPLIT_DIRECTORIES for n in range(23))):
            (self.path / name).mkdir(exist_ok=True)
        os.mkfifo(self.path / layout.TRIGGER)
        (path / "control").mkdir()
        (path / "control/me").write_text("mail.test\n")
        self.log, theirs = tempfile.TemporaryFile(), os.pipe()
        self.commands, self.answers = os.pipe(), theirs
        self.background = Background()
        self.cleaner = Cleaner(self.commands[1], self.answers[0])
        self.shared = Shared(Record(self.log.fileno()), Settings(Controls(Home(str(path)))), [10, 20])

    def put(self, number: int, *recipients: bytes) -> None:
        (self.path / layout.split_path("mess", number)).write_bytes(b"x")
        content = envelope.record(b"F", b"s@t") + b"".join(envelope.record(b"T", r) for r in recipients)
        (self.path / layout.flat_path("todo", number)).write_bytes(content)

    def synced(self) -> None:
        """Wait for the batch that is being synced."""
        poll = select.poll()
        poll.register(self.background.fd, select.POLLIN)
        assert poll.poll(20000)
        self.background.collect()

    def asked(self) -> list[int]:
        """The messages that qmail-clean has newly been asked for."""
        self.cleaner.flush()
        os.set_blocking(self.commands[0], False)
        try:
            return [int(word[5:]) for word in os.read(self.commands[0], 65536).split(b"\0") if word]
        except BlockingIOError:
            return []

    def answer(self, numbers: list[int]) -> None:
        for number in numbers:
            (self.path / layout.flat_path("todo", number)).unlink()
        os.write(self.answers[1], b"+" * len(numbers))
        self.cleaner.read()

    def logged(self) -> list[bytes]:
        self.shared.record.flush()
        self.log.seek(0)
        return self.log.read().splitlines()

    def close(self) -> None:
        self.log.close()
        for fd in (*self.commands, *self.answers):
            os.close(fd)


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    here = Queue(tmp_path)
    monkeypatch.chdir(here.path)
    yield here
    here.close()


def intake(queue: Queue) -> Intake:
    return Intake(queue.shared, queue.background, queue.cleaner)


def run(queue: Queue, one: Intake) -> list[int]:
    """Go on as long as there is something to do without an answer of qmail-clean; what it was asked for."""
    asked: list[int] = []
    while one.wanted_at() == 0 or queue.background.running:
        one.step(NOW, may_begin=True)
        if queue.background.running:
            queue.synced()
        asked += queue.asked()
    return asked


def test_nothing_is_asked_before_it_is_durable(queue: Queue) -> None:
    one = intake(queue)
    queue.put(100, b"a@mail.test", b"b@remote.test")
    one.step(NOW, may_begin=True)
    assert queue.asked() == []
    queue.synced()
    assert queue.asked() == [100]
    assert list(queue.shared.waiting[0].entries()) == []
    queue.answer([100])
    assert [list(waiting.entries()) for waiting in queue.shared.waiting] == [[(NOW, 100)], [(NOW, 100)]]


def test_scans_now_and_then(queue: Queue) -> None:
    one = intake(queue)
    assert one.wanted_at() == 0
    one.step(NOW, may_begin=True)
    assert one.wanted_at() == NOW + SLEEP_TODO
    queue.put(100)
    one.step(NOW + SLEEP_TODO - 1, may_begin=True)
    assert one.wanted_at() == NOW + SLEEP_TODO
    one.step(NOW + SLEEP_TODO, may_begin=False)
    assert queue.background.running == 0
    one.step(NOW + SLEEP_TODO, may_begin=True)
    queue.synced()
    assert queue.asked() == [100]


def test_the_next_batch_grows_while_one_is_synced(queue: Queue) -> None:
    one = intake(queue)
    for number in range(100, 100 + CHUNK + BATCH + 50):
        queue.put(number, b"a@mail.test")
    for _ in range(20):
        one.step(NOW, may_begin=True)
    assert one.wanted_at() is None  # a full batch waits for the one that is synced
    queue.synced()
    first = queue.asked()
    assert len(first) == CHUNK
    one.step(NOW, may_begin=True)
    queue.synced()
    second = queue.asked()
    assert len(second) == BATCH
    assert len({*first, *second, *run(queue, one)}) == CHUNK + BATCH + 50


def test_no_message_is_taken_up_twice(queue: Queue) -> None:
    """A new scan waits for the answers to what the last one took up."""
    one = intake(queue)
    queue.put(100, b"a@mail.test")
    one.step(NOW, may_begin=True)
    queue.synced()
    assert queue.asked() == [100]
    one.step(NOW + 2 * SLEEP_TODO, may_begin=True)
    assert (one.wanted_at(), one.trigger_fd, queue.background.running) == (None, None, 0)
    queue.answer([100])
    assert one.trigger_fd is not None
    assert queue.logged().count(b"new msg 100") == 1


def test_bounded_while_qmail_clean_is_slow(queue: Queue) -> None:
    one = intake(queue)
    for number in range(100, 90 + 2 * MOST_LEFT):
        queue.put(number, b"a@mail.test")
    asked = run(queue, one)
    assert MOST_LEFT <= len(asked) < MOST_LEFT + CHUNK
    queue.answer(asked)
    asked += run(queue, one)
    assert sorted(asked) == list(range(100, 90 + 2 * MOST_LEFT))


@pytest.mark.parametrize("refused", ["remote/8/100", "remote/8"])
def test_what_is_not_durable_stays_in_todo(
    queue: Queue, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    one, fsync = intake(queue), os.fsync

    def failing(fd: int) -> None:
        if os.readlink(f"/proc/self/fd/{fd}").endswith("/queue/" + refused):
            raise OSError(5, "input/output error")
        fsync(fd)

    monkeypatch.setattr(os, "fsync", failing)
    queue.put(100, b"b@remote.test")
    queue.put(101, b"b@remote.test")
    one.step(NOW, may_begin=True)
    queue.synced()
    assert queue.asked() == [101]
    assert queue.logged()[-1] == b"warning: trouble fsyncing " + refused.encode()
    monkeypatch.setattr(os, "fsync", fsync)
    queue.answer([101])
    one.step(NOW + SLEEP_TODO, may_begin=True)
    queue.synced()
    assert queue.asked() == [100]


def test_open_files_are_closed(queue: Queue) -> None:
    one = intake(queue)
    before = len(os.listdir("/proc/self/fd"))
    for number in range(100, 130):
        queue.put(number, b"a@mail.test", b"b@remote.test")
    (queue.path / "todo/100").write_bytes(b"Fs@t\0Ta@mail.test\0X\0")
    (queue.path / layout.split_path("mess", 101)).unlink()
    assert len(run(queue, one)) == 28
    assert len(os.listdir("/proc/self/fd")) == before


def test_records_that_lie_across_blocks(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(todo, "blocks", lambda fd: iter(lambda: os.read(fd, 7), b""))
    monkeypatch.setattr(todo, "GATHER", 10)
    recipients = [b"r%d@mail.test" % n for n in range(50)]
    queue.put(100, *recipients)
    intake(queue).step(NOW, may_begin=True)
    queue.synced()
    content = (queue.path / layout.split_path("local", 100)).read_bytes()
    assert [address for _, _, address in envelope.recipients(content)] == recipients


@pytest.mark.parametrize(("age", "asked"), [(129600, []), (129601, [100])])
def test_strays_are_older_than_36_hours(queue: Queue, age: int, asked: list[int]) -> None:
    mess = queue.path / layout.split_path("mess", 100)
    mess.write_bytes(b"")
    os.utime(mess, (NOW - age, NOW))
    looking = strays.Strays(queue.shared, queue.cleaner)
    looking.step(NOW)
    assert looking.wanted_at() == NOW + 76431
    assert queue.asked() == asked
