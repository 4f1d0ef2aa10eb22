"""qmail-send in a queue that a crash has left, or that is damaged"""

import os
import time

import pytest

from pymail.engines.rewrite import LOCAL, REMOTE
from tests.support.sending import IDLE, Sending


def test_preprocessing_starts_over(sending: Sending) -> None:
    """What a qmail-send that died has left is made anew: state S4."""
    number = sending.put(b"s@t", [b"a@mail.test", b"b@remote.test"])
    leftovers = {"info": b"Fold", "local": b"Tx@mail.test\0Dy@mail.test\0", "remote": b"Tz@z\0"}
    for kind, content in leftovers.items():
        sending.file(kind, number).write_bytes(content)
    sending.place.own()
    sending.start()
    assert sending.request(LOCAL).recipient == b"a@mail.test"
    assert sending.request(REMOTE).recipient == b"b@remote.test"
    assert sending.file("info", number).read_bytes() == b"Fs@t\0"
    assert sending.file("local", number).read_bytes() == b"Ta@mail.test\0"
    assert sending.file("remote", number).read_bytes() == b"Tb@remote.test\0"
    sending.quiet()
    assert sending.requests == [[], []]


def test_states_after_a_crash(sending: Sending) -> None:
    """S5 in each of its forms goes on; what is finished ends."""
    all_done = sending.preprocessed(b"s@t", {"local": b"Da@mail.test\0"})
    no_channel = sending.preprocessed(b"s@t", {})
    half_done = sending.preprocessed(b"s@t", {"remote": b"Da@r\0Tb@r\0"})
    only_mess = sending.preprocessed(b"s@t", {})
    sending.file("info", only_mess).unlink()
    gone = sending.preprocessed(b"s@t", {})
    sending.file("mess", gone).unlink()
    sending.start()
    assert sending.request(REMOTE).recipient == b"b@r"
    for number in (all_done, no_channel, gone):
        sending.logged(b"end msg %d" % number)
        sending.until(lambda number=number: not sending.kinds(number))  # type: ignore[misc]
    assert sending.kinds(half_done) == {"mess", "info", "remote"}
    assert sending.kinds(only_mess) == {"mess"}  # young: its writer may be alive


def test_names_that_are_no_messages(sending: Sending) -> None:
    for name in ("todo/x", "todo/1x", "todo/-1", "info/0/y", "mess/0/z"):
        (sending.queue / name).write_bytes(b"Fa\0")
    (sending.queue / "todo/\u0663").write_bytes(b"")
    sending.start()
    sending.ready()
    sending.quiet()
    assert sending.log == [IDLE]
    assert sending.commands == []


def test_strays(sending: Sending) -> None:
    old = time.time() - 129700
    numbers = [sending.preprocessed(b"s@t", {}) for _ in range(4)]
    stray, young, in_info, in_todo = numbers
    for number in (stray, young, in_todo):
        sending.file("info", number).unlink()
    waiting = sending.file("local", in_info)
    waiting.write_bytes(b"Ta@mail.test\0")
    sending.file("todo", in_todo).write_bytes(b"X\0")  # never preprocessed
    misplaced = sending.queue / "mess" / str((4711000 + 1) % 23) / "4711000"
    misplaced.write_bytes(b"")
    sending.place.own()
    for number in (stray, in_info, in_todo):
        os.utime(sending.file("mess", number), (old, time.time()))
    os.utime(misplaced, (old, old))
    sending.start()
    sending.until(lambda: sending.commands)
    sending.quiet()
    assert sending.commands == [b"foop/%d" % stray]
    assert misplaced.exists()


def test_what_is_left_of_messages_that_are_gone(sending: Sending) -> None:
    """A power loss may bring back names that were removed before info was."""
    old = time.time() - 129700
    kinds = ("local", "remote", "bounce")
    gone, young, kept = 4600001, 4600002, sending.preprocessed(b"s@t", {"local": b"", "remote": b""})
    for number in (gone, young, kept):
        for kind in kinds:
            text = b"<a@mail.test>:\nno\n\n" if kind == "bounce" else b"Ta@mail.test\0"
            sending.file(kind, number).write_bytes(text)
    sending.place.own()
    for kind in kinds:
        for number in (gone, kept):
            os.utime(sending.file(kind, number), (old, time.time() + 1000))
    sending.start()
    sending.until(lambda: not sending.kinds(gone))
    sending.quiet()
    assert sending.kinds(young) == set(kinds)
    assert sending.kinds(kept) == {"mess", "info", *kinds}
    assert not sending.commands


@pytest.mark.parametrize(
    ("todo", "warning"),
    [
        (b"u0\0p1\0Fs@t\0Xwhat\0", b"warning: unknown record type in todo/%d"),
        (b"u0\0\0Fs@t\0", b"warning: unknown record type in todo/%d"),
    ],
)
def test_malformed_envelope(sending: Sending, todo: bytes, warning: bytes) -> None:
    number = sending.put_raw(todo)
    sending.start()
    sending.logged(warning % number)
    assert {"mess", "intd", "todo"} <= sending.kinds(number)
    assert sending.commands == []


def test_unterminated_last_record(sending: Sending) -> None:
    number = sending.put_raw(b"u0\0p1\0Fs@t\0Ta@mail.test\0Tb@mail.test")
    sending.start()
    sending.request(LOCAL)
    assert sending.file("local", number).read_bytes() == b"Ta@mail.test\0"


def test_todo_without_mess(sending: Sending) -> None:
    number = sending.put(b"s@t", [b"a@mail.test"])
    sending.file("mess", number).unlink()
    sending.start()
    sending.logged(b"warning: unable to stat mess/%d/%d" % (number % 23, number))
    assert sending.kinds(number) == {"intd", "todo"}


def test_files_that_cannot_be_made(sending: Sending) -> None:
    number = sending.put(b"s@t", [b"a@mail.test"])
    sending.file("local", number).mkdir()
    sending.start()
    sending.logged(b"warning: unable to unlink local/%d/%d" % (number % 23, number))
    assert "todo" in sending.kinds(number)


def test_trouble_in_a_pass(sending: Sending) -> None:
    no_info = sending.preprocessed(b"s@t", {"local": b"Ta@mail.test\0"})
    sending.file("info", no_info).write_bytes(b"Fs@t")
    unknown = sending.preprocessed(b"s@t", {"local": b"Tb@mail.test\0Xc\0"})
    folder = sending.preprocessed(b"s@t", {})
    sending.file("local", folder).mkdir()
    sending.place.own()
    sending.start()
    sending.logged(b"warning: trouble opening info/%d/%d; will try again later" % (no_info % 23, no_info))
    sending.logged(b"warning: unknown record type in local/%d/%d!" % (unknown % 23, unknown))
    sending.logged(b"warning: trouble reading local/%d/%d; will try again later" % (folder % 23, folder))
    assert sending.request(LOCAL).recipient == b"b@mail.test"


def test_trouble_marking(sending: Sending) -> None:
    number = sending.preprocessed(b"s@t", {"local": b"Ta@mail.test\0"})
    sending.start()
    sending.request(LOCAL)
    path = sending.file("local", number)
    path.unlink()
    sending.report(LOCAL, 0, b"Kok")
    name = b"local/%d/%d" % (number % 23, number)
    sending.logged(b"warning: trouble marking %s; message will be delivered twice!" % name)
    sending.logged(b"warning: unable to unlink %s; will try again later" % name)


def test_killed_at_any_time_nothing_is_lost(sending: Sending) -> None:
    """Killed again and again; each recipient is delivered to at least once, and the queue gets empty."""
    wanted = {b"r%d@mail.test" % n for n in range(60)}
    for n in range(0, 60, 3):
        sending.put(b"s@t", [b"r%d@mail.test" % k for k in range(n, n + 3)])
    delivered: set[bytes] = set()

    def deliver() -> None:
        for request in sending.requests[LOCAL]:
            delivered.add(request.recipient)
            sending.report(LOCAL, request.delnum, b"Kok")
        sending.requests[LOCAL].clear()

    for moment in range(10):
        sending.start()
        sending.ready()
        for _ in range(moment):
            sending.pump(0.002)
            deliver()
        sending.running.stop()
        sending.close()
    sending.start()

    def finished() -> bool:
        deliver()
        return not sending.numbers("todo", "info")

    sending.until(finished)
    assert delivered == wanted
