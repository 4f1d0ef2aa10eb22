"""Preprocessing in this process: batches, scans, and disks that refuse"""

import os

import pytest

from pymail.formats import envelope
from pymail.queue import layout, preprocess, strays
from pymail.queue.todo import BATCH, CHUNK, MOST_TAKEN, SLEEP_TODO, Intake
from tests.support.waiting_queue import NOW, WaitingQueue

A, B = b"a@mail.test", b"b@mail.test"  # two recipients: such a message is not delivered out of todo/


def run(queue: WaitingQueue, one: Intake) -> list[int]:
    """Go on as long as there is something to do without an answer of qmail-clean; what it was asked for."""
    asked: list[int] = []
    while one.wanted_at() == 0 or queue.background.running:
        one.step(NOW, may_begin=True)
        if queue.background.running:
            queue.synced()
        asked += queue.asked()
    return asked


def test_nothing_is_asked_before_it_is_durable(queue: WaitingQueue) -> None:
    one = queue.intake()
    queue.put(100, b"a@mail.test", b"b@remote.test")
    one.step(NOW, may_begin=True)
    assert queue.asked() == []
    queue.synced()
    assert queue.asked() == [100]
    assert list(queue.shared.waiting[0].entries()) == []
    queue.answer([100])
    assert [list(waiting.entries()) for waiting in queue.shared.waiting] == [[(NOW, 100)], [(NOW, 100)]]


def test_scans_now_and_then(queue: WaitingQueue) -> None:
    one = queue.intake()
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


def test_the_next_batch_grows_while_one_is_synced(queue: WaitingQueue) -> None:
    one = queue.intake()
    for number in range(100, 100 + CHUNK + BATCH + 50):
        queue.put(number, A, B)
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


def test_no_message_is_taken_up_twice(queue: WaitingQueue) -> None:
    """A new scan passes over what the last one took up, until that has left todo/."""
    one = queue.intake()
    queue.put(100, A, B)
    one.step(NOW, may_begin=True)
    queue.synced()
    assert queue.asked() == [100]
    queue.put(101, A, B)
    one.step(NOW + 2 * SLEEP_TODO, may_begin=True)
    queue.synced()
    assert queue.asked() == [101]
    queue.answer([100, 101])
    assert queue.logged().count(b"new msg 100") == 1
    queue.put(100, A, B)  # a later message of that number
    one.step(NOW + 4 * SLEEP_TODO, may_begin=True)
    queue.synced()
    assert queue.asked() == [100]


def test_bounded_while_qmail_clean_is_slow(queue: WaitingQueue) -> None:
    one = queue.intake()
    for number in range(100, 90 + 2 * MOST_TAKEN):
        queue.put(number, A, B)
    asked = run(queue, one)
    assert MOST_TAKEN <= len(asked) < MOST_TAKEN + CHUNK
    queue.answer(asked)
    asked += run(queue, one)
    assert sorted(asked) == list(range(100, 90 + 2 * MOST_TAKEN))


@pytest.mark.parametrize("refused", ["remote/8/100", "remote/8"])
def test_what_is_not_durable_stays_in_todo(
    queue: WaitingQueue, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    one, fsync = queue.intake(), os.fsync

    def failing(fd: int) -> None:
        if os.readlink(f"/proc/self/fd/{fd}").endswith("/queue/" + refused):
            raise OSError(5, "input/output error")
        fsync(fd)

    monkeypatch.setattr(os, "fsync", failing)
    queue.put(100, A, b"b@remote.test")
    queue.put(101, A, b"b@remote.test")
    one.step(NOW, may_begin=True)
    queue.synced()
    assert queue.asked() == [101]
    assert queue.logged()[-1] == b"warning: trouble fsyncing " + refused.encode()
    monkeypatch.setattr(os, "fsync", fsync)
    queue.answer([101])
    one.step(NOW + SLEEP_TODO, may_begin=True)
    queue.synced()
    assert queue.asked() == [100]


def test_open_files_are_closed(queue: WaitingQueue) -> None:
    one = queue.intake()
    before = len(os.listdir("/proc/self/fd"))
    for number in range(100, 130):
        queue.put(number, b"a@mail.test", b"b@remote.test")
    (queue.path / "todo/100").write_bytes(b"Fs@t\0Ta@mail.test\0X\0")
    (queue.path / layout.split_path("mess", 101)).unlink()
    assert len(run(queue, one)) == 28
    assert len(os.listdir("/proc/self/fd")) == before


def test_records_that_lie_across_blocks(queue: WaitingQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preprocess, "blocks", lambda fd: iter(lambda: os.read(fd, 7), b""))
    monkeypatch.setattr(preprocess, "GATHER", 10)
    recipients = [b"r%d@mail.test" % n for n in range(50)]
    queue.put(100, *recipients)
    queue.intake().step(NOW, may_begin=True)
    queue.synced()
    content = (queue.path / layout.split_path("local", 100)).read_bytes()
    assert [address for _, _, address in envelope.recipients(content)] == recipients


@pytest.mark.parametrize(("age", "asked"), [(129600, []), (129601, [100])])
def test_strays_are_older_than_36_hours(queue: WaitingQueue, age: int, asked: list[int]) -> None:
    mess = queue.path / layout.split_path("mess", 100)
    mess.write_bytes(b"")
    os.utime(mess, (NOW - age, NOW))
    looking = strays.Strays(queue.shared, queue.cleaner)
    looking.step(NOW)
    assert looking.wanted_at() == NOW + 76431
    assert queue.asked() == asked
