"""Messages with one recipient: delivered straight out of todo/, and given files only where that fails"""

import os

import pytest

from pymail.engines.rewrite import LOCAL, REMOTE
from pymail.formats import envelope
from pymail.queue import direct, layout
from pymail.queue.direct import AGAIN, LONGEST, PATIENCE
from pymail.queue.todo import BATCH, Intake
from tests.support.sending import Sending
from tests.support.waiting_queue import NOW, WaitingQueue

A = b"a@mail.test"


# --- which messages


def record(*recipients: bytes) -> bytes:
    opening = envelope.opening(7, 45) + envelope.record(b"F", b"s@t")
    return opening + b"".join(envelope.record(b"T", one) for one in recipients)


def test_one_recipient() -> None:
    found = direct.single(9, record(A), 83)
    assert found is not None
    one, recipient = found
    assert (one.number, one.sender, recipient) == (9, b"s@t", A)


@pytest.mark.parametrize(
    "content",
    [
        record(), record(A, A), record(A)[:-1], record(A) + b"X\0", record(A) + b"u7\0",
        b"", b"\0", b"Fs@t\0Ta@b\0", record(b"a" * LONGEST),
    ],
)  # fmt: skip
def test_anything_else(content: bytes) -> None:
    assert direct.single(9, content, 83) is None


def test_what_an_earlier_attempt_left_is_not_overlooked(sending: Sending) -> None:
    """qmail-send died while it wrote files: an info file that stayed would have it delivered again."""
    number = sending.put(b"s@t", [A])
    sending.file("info", number).write_bytes(b"Fs@t\0")
    sending.start()
    sending.request(LOCAL)
    assert sending.kinds(number) == {"mess", "info", "local"}


# --- what becomes of them


def test_slow_deliveries_get_files(sending: Sending) -> None:
    number = sending.put(b"me@there", [b"b@remote.test"])
    sending.start()
    sending.request(REMOTE)
    sending.until(lambda: sending.kinds(number) == {"mess", "info", "remote"})
    assert sending.file("info", number).read_bytes() == b"Fme@there\0"
    assert sending.file("remote", number).read_bytes() == b"Tb@remote.test\0"
    for kind in ("info", "remote"):
        assert sending.file(kind, number).stat().st_mode & 0o7777 == 0o600
    assert sending.log.count(b"new msg %d" % number) == 1
    sending.report(REMOTE, 0, b"Kok")
    sending.logged(b"end msg %d" % number)
    sending.until(lambda: not sending.kinds(number))
    assert sending.log[-1] == b"end msg %d" % number


@pytest.mark.parametrize(("report", "mark"), [(b"Zlater\n", b"T"), (b"Kok\n", b""), (b"oops", b"T")])
def test_reports_while_the_files_are_written(sending: Sending, report: bytes, mark: bytes) -> None:
    """Between the writing of the files and the end of todo/N; the report counts when that is over."""
    number = sending.put(b"s@t", [A])
    sending.answer = lambda command: b""
    sending.start()
    sending.request(LOCAL)
    sending.until(lambda: sending.commands)
    sending.report(LOCAL, 0, report)
    sending.until(lambda: b"delivery 1" in b" ".join(sending.log))
    sending.answer = sending.clean
    sending.raw_answer(sending.clean(sending.commands[0]))
    if mark:
        sending.until(lambda: sending.kinds(number) == {"mess", "info", "local"})
        sending.quiet()
        assert sending.file("local", number).read_bytes() == mark + A + b"\0"
    else:
        sending.until(lambda: not sending.kinds(number))


def test_deferrals_are_tried_again(sending: Sending) -> None:
    number = sending.put(b"s@t", [A])
    sending.start()
    sending.request(LOCAL)
    sending.report(LOCAL, 0, b"Zlater\n")
    sending.until(lambda: sending.kinds(number) == {"mess", "info", "local"})
    assert sending.terminate() == 0
    birth = int(sending.file("info", number).stat().st_mtime)
    # 10^2 seconds, or 11^2 where a second has begun since it was born
    assert birth + 90 <= sending.file("local", number).stat().st_mtime <= birth + 121
    sending.start()
    sending.ready()
    sending.running.signal(14)
    assert sending.request(LOCAL).recipient == A


def test_failures_are_told(sending: Sending) -> None:
    number = sending.put(b"me@remote.test", [A])
    sending.start()
    sending.request(LOCAL)
    sending.report(LOCAL, 0, b"Dno\n")
    assert sending.request(REMOTE).recipient == b"me@remote.test"
    sending.until(lambda: any(line.startswith(b"bounce msg %d qp " % number) for line in sending.log))
    sending.until(lambda: not sending.kinds(number))


@pytest.mark.parametrize("report", [b"Kok\n", b"Zlater\n", b"Dno\n"])
def test_what_is_under_way_at_the_end_is_written_down(sending: Sending, report: bytes) -> None:
    """SIGTERM waits for the report, and for what follows from it; what has not begun stays in todo/."""
    sending.control("concurrencylocal", b"1\n")
    number = sending.put(b"s@t", [A])
    sending.start()
    sending.request(LOCAL)
    later = sending.put(b"s@t", [A])
    sending.pull()
    sending.quiet()
    sending.running.signal(15)
    sending.quiet()
    sending.report(LOCAL, 0, report)
    assert sending.ended() == 0
    assert sending.kinds(later) == {"mess", "intd", "todo"}
    assert sending.log.count(b"new msg %d" % later) == 0
    left = {b"K": set[str](), b"Z": {"mess", "info", "local"}, b"D": {"mess", "info", "bounce"}}
    assert sending.kinds(number) == left[report[:1]]


def test_a_death_during_the_delivery(sending: Sending) -> None:
    """As during any delivery: it is delivered again."""
    number = sending.put(b"s@t", [A])
    sending.start()
    sending.request(LOCAL)
    sending.running.signal(9)
    sending.until(lambda: 0 not in sending.open_fds())
    assert sending.kinds(number) == {"mess", "intd", "todo"}
    sending.close()
    sending.start()
    assert sending.request(LOCAL).recipient == A


def test_it_overtakes_nothing_that_is_due(sending: Sending) -> None:
    sending.control("concurrencylocal", b"1\n")
    first = sending.preprocessed(b"s@t", {"local": b"T1@mail.test\0T2@mail.test\0"})
    due = sending.preprocessed(b"s@t", {"local": b"T3@mail.test\0"})
    os.utime(sending.file("local", first), (1, 1))
    os.utime(sending.file("local", due), (2, 2))
    sending.start()
    recipients = [sending.request(LOCAL).recipient]
    number = sending.put(b"s@t", [A])
    sending.pull()
    sending.until(lambda: sending.kinds(number) == {"mess", "info", "local"})
    for _ in range(3):
        sending.report(LOCAL, 0, b"Kok")
        recipients.append(sending.request(LOCAL).recipient)
    assert recipients == [b"1@mail.test", b"2@mail.test", b"3@mail.test", A]


# --- limits and trouble, by a clock of the test's own


def start(queue: WaitingQueue, numbers: list[int], now: int = NOW) -> Intake:
    """An intake that has taken up new messages; no delivery begins."""
    intake = queue.intake()
    for number in numbers:
        queue.put(number, A)
    intake.step(now, may_begin=True)
    while intake.wanted_at() == 0:
        intake.step(now, may_begin=True)
    return intake


def files(queue: WaitingQueue, number: int) -> set[str]:
    kinds = ("todo", "info", "local")
    return {kind for kind in kinds if (queue.path / layout.path_of(kind, number)).exists()}


def test_nothing_is_written_before_it_has_to(queue: WaitingQueue) -> None:
    intake = start(queue, [100])
    intake.step(NOW + PATIENCE - 1, may_begin=True)
    assert (files(queue, 100), queue.asked()) == ({"todo"}, [])
    assert intake.wanted_at() == NOW + PATIENCE
    intake.step(NOW + PATIENCE, may_begin=True)
    queue.synced()
    assert files(queue, 100) == {"todo", "info", "local"}
    queue.answer(queue.asked())
    assert list(queue.shared.waiting[LOCAL].entries()) == [(NOW + PATIENCE, 100)]
    assert queue.direct.next(LOCAL, NOW + PATIENCE) is None
    assert not queue.shared.taken


def test_many_are_written_in_batches(queue: WaitingQueue) -> None:
    intake = start(queue, list(range(100, 100 + 2 * BATCH)))
    before = len(os.listdir("/proc/self/fd"))
    intake.step(NOW + PATIENCE, may_begin=True)
    queue.synced()
    asked = queue.asked()
    assert len(asked) == BATCH
    intake.step(NOW + PATIENCE, may_begin=True)
    queue.synced()
    assert len({*asked, *queue.asked()}) == 2 * BATCH
    assert len(os.listdir("/proc/self/fd")) == before


def test_not_while_something_is_due(queue: WaitingQueue) -> None:
    queue.shared.waiting[LOCAL].add(NOW, 50)
    start(queue, [100])
    assert "info" in files(queue, 100)


def test_what_is_due_later_does_not_matter(queue: WaitingQueue) -> None:
    queue.shared.waiting[LOCAL].add(NOW + 1, 50)
    start(queue, [100])
    assert "info" not in files(queue, 100)


def test_a_delivered_one_that_cannot_be_removed_is_not_delivered_again(queue: WaitingQueue) -> None:
    intake = start(queue, [100])
    one = queue.direct.next(LOCAL, NOW)
    assert one is not None
    queue.direct.delivered(one, NOW)
    assert queue.asked() == [100]
    queue.refuse(1)
    assert queue.logged()[-1] == b"warning: qmail-clean unable to clean up todo/100"
    intake.step(NOW + 2000, may_begin=True)  # scans todo/, and finds it there
    assert queue.direct.next(LOCAL, NOW + 2000) is None
    assert queue.asked() == [100]  # again, for AGAIN seconds have passed
    queue.answer([100])
    assert (queue.shared.taken, queue.asked()) == (set(), [100])  # foop


def test_a_full_disk(queue: WaitingQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that cannot be written are written later; what waits may be delivered meanwhile."""
    intake = start(queue, [100])

    def full(fd: int) -> None:
        raise OSError(28, "no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        intake.step(NOW + PATIENCE, may_begin=True)
        queue.synced()
    assert queue.asked() == []
    assert queue.direct.next(LOCAL, NOW + PATIENCE) is not None
    intake.step(NOW + PATIENCE + AGAIN - 1, may_begin=True)
    assert not queue.background.running
    intake.step(NOW + PATIENCE + AGAIN, may_begin=True)
    queue.synced()
    assert queue.asked() == [100]


def test_a_clock_set_back(queue: WaitingQueue) -> None:
    intake = start(queue, [100])
    intake.clock_set_back(1000)
    assert intake.wanted_at() == NOW + PATIENCE - 1000
    assert queue.direct.next(LOCAL, NOW - 1000) is not None
