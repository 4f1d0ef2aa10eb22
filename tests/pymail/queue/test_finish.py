"""The end of messages and of qmail-send, and what comes after it"""

import time
from pathlib import Path

from pymail.engines.rewrite import LOCAL, REMOTE
from tests.support.processes import cpu_ticks
from tests.support.sending import Sending, give


def test_the_end_is_recorded_before_info_goes(sending: Sending) -> None:
    """So it is recorded again where info did not go."""
    number = sending.preprocessed(b"s@t", {})
    path = sending.file("info", number)
    path.parent.chmod(0o500)
    for _ in range(2):
        sending.start()
        sending.logged(b"warning: unable to unlink %s; will try again later" % name(path))
        assert sending.log[1] == b"end msg %d" % number
        assert sending.kinds(number) == {"mess", "info"}
        assert sending.terminate() == 0
        sending.close()
    path.parent.chmod(0o700)
    sending.start()
    sending.until(lambda: not sending.kinds(number))


def name(path: Path) -> bytes:
    return "/".join(path.parts[-3:]).encode()


def test_a_number_comes_again(sending: Sending) -> None:
    """At once, as file systems do it: each message of that name is a message of its own."""
    number = 4711
    sending.start()
    sending.ready()
    for turn in range(6):
        for kind, content in (("mess", b"hello\n"), ("todo", b"u0\0p1\0F%d@s\0Ta@mail.test\0" % turn)):
            path = sending.file(kind, number)
            path.write_bytes(content)
            give(path)
        sending.pull()
        request = sending.request(LOCAL)
        assert request.sender == b"%d@s" % turn
        sending.report(LOCAL, request.delnum, b"Kok")
        sending.until(lambda: not sending.kinds(number))
    sending.logged(b"end msg %d" % number, times=6)
    sending.quiet()
    assert sending.requests == [[], []]
    assert not [line for line in sending.log if line.startswith((b"warning", b"alert"))]


def test_delivery_numbers_begin_anew(sending: Sending) -> None:
    for _ in range(2):
        number = sending.put(b"s@t", [b"a@mail.test", b"b@remote.test"])
        sending.start()
        for channel in (LOCAL, REMOTE):
            sending.report(channel, sending.request(channel).delnum, b"Kok")
        sending.until(lambda number=number: not sending.kinds(number))  # type: ignore[misc]
        assert sending.terminate() == 0
        started = [line.split(b":")[0] for line in sending.log if line.startswith(b"starting ")]
        assert started == [b"starting delivery 1", b"starting delivery 2"]
        sending.close()


def test_a_file_in_the_place_of_the_trigger(sending: Sending) -> None:
    """Mail waits for the next scan, and nothing spins: what there is at the start is taken up."""
    (sending.queue / "lock/trigger").unlink()
    (sending.queue / "lock/trigger").touch()
    first = sending.put(b"s@t", [b"a@mail.test"])
    sending.start()
    assert sending.request(LOCAL).messid.endswith(b"/%d" % first)
    second = sending.put(b"s@t", [b"b@mail.test"])
    (sending.queue / "lock/trigger").write_bytes(b"\0")
    sending.quiet()
    assert sending.kinds(second) == {"mess", "intd", "todo"}
    sending.until(lambda: rests(sending.running.pid), what="a rest")


def rests(pid: int) -> bool:
    """Whether a process uses no processor time for a fifth of a second."""
    before = cpu_ticks(pid)
    time.sleep(0.2)
    return cpu_ticks(pid) == before


def test_a_report_of_success_is_marked_before_it_counts(sending: Sending) -> None:
    """The line after which a slot counts as free comes when the recipient is marked."""
    number = sending.put(b"s@t", [b"a@mail.test", b"b@mail.test"])
    sending.control("concurrencylocal", b"1\n")
    sending.start()
    sending.request(LOCAL)
    sending.report(LOCAL, 0, b"Kok")
    sending.logged(b"status: local 0/1 remote 0/20", times=2)
    assert sending.file("local", number).read_bytes() == b"Da@mail.test\0Tb@mail.test\0"
