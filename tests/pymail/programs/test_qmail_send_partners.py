"""qmail-send whose spawners and qmail-clean are slow, lost, or say what makes no sense"""

import os

import pytest

from pymail.engines.rewrite import LOCAL, REMOTE
from tests.support.sending import Sending


def test_deliveries_go_on_while_qmail_clean_is_slow(sending: Sending) -> None:
    """Messages that come in do not keep those in delivery waiting."""
    first = sending.put(b"s@t", [b"a@mail.test", b"b@mail.test"])
    sending.control("concurrencylocal", b"1\n")
    sending.start()
    sending.request(LOCAL)
    sending.answer = lambda command: b""
    numbers = {sending.put(b"s@t", [b"x@mail.test"]) for _ in range(100)}
    sending.pull()
    sending.until(lambda: len(sending.commands) > 20, what="a batch of commands")
    sending.report(LOCAL, 0, b"Kok")
    assert sending.request(LOCAL).recipient == b"b@mail.test"
    assert sending.file("local", first).read_bytes() == b"Da@mail.test\0Tb@mail.test\0"
    sending.quiet()
    sending.answer = sending.clean  # from now on at once
    for command in sending.commands[1:]:
        os.write(sending.fd(6), sending.clean(command))
    sending.until(lambda: len(sending.commands) == 101, what="all commands")
    assert {int(command[5:]) for command in sending.commands} == numbers | {first}
    for n in range(101):
        sending.report(LOCAL, 0, b"Kok")
        if n < 100:
            sending.request(LOCAL)
    sending.until(lambda: not sending.numbers("mess"), what="an empty queue")


def test_mangled_and_misplaced_reports(sending: Sending) -> None:
    number = sending.put(b"s@t", [b"a@mail.test", b"b@mail.test"])
    sending.start()
    sending.request(LOCAL)
    sending.request(LOCAL)
    sending.report(LOCAL, 0, b"huh")
    sending.report(LOCAL, 1, b"")
    sending.report(LOCAL, 1, b"Kagain")
    sending.report(LOCAL, 77, b"Kwho")
    sending.logged(b"warning: internal error: delivery report out of range", times=2)
    assert b"delivery 1: report mangled, will defer" in sending.log
    assert b"delivery 2: report mangled, will defer" in sending.log
    assert sending.file("local", number).read_bytes() == b"Ta@mail.test\0Tb@mail.test\0"


def test_a_report_in_pieces_and_too_long(sending: Sending) -> None:
    sending.put(b"s@t", [b"a@mail.test"])
    sending.start()
    sending.request(LOCAL)
    for piece in (b"\0", b"Z", b"x" * 30000, b"\0"):
        sending.raw_report(LOCAL, piece)
        sending.pump()
    sending.logged(b"delivery 1: deferral: " + b"x" * 9998)


@pytest.mark.parametrize("fd", [1, 2, 3, 4])
def test_lost_spawner(sending: Sending, fd: int) -> None:
    """The partner that is left may finish; a lost one is not waited for."""
    sending.put(b"s@t", [b"a@mail.test", b"b@remote.test"])
    sending.start()
    sending.request(LOCAL)
    sending.request(REMOTE)
    other = REMOTE if fd in (1, 2) else LOCAL
    sending.hang_up(fd)
    if fd in (1, 3):  # nothing tells of it until there is something to write
        sending.put(b"s@t", [b"c@mail.test", b"d@remote.test"])
        sending.pull()
    sending.logged(b"alert: oh no! lost spawn connection! dying...")
    while sending.requests[other]:
        sending.report(other, sending.request(other).delnum, b"Kok")
    sending.quiet()
    sending.report(other, 0, b"Kok")
    for request in sending.requests[other]:
        sending.report(other, request.delnum, b"Kok")
    assert sending.ended() == 0
    assert sending.log[-1] == b"status: exiting"


def test_lost_qmail_clean(sending: Sending) -> None:
    number = sending.preprocessed(b"s@t", {"local": b"Ta@mail.test\0"})
    sending.start()
    sending.request(LOCAL)
    sending.hang_up(6)
    sending.logged(b"alert: oh no! lost qmail-clean connection! dying...")
    sending.report(LOCAL, 0, b"Kok")
    assert sending.ended() == 0
    assert sending.kinds(number) == {"mess", "info"}
    assert sending.log[-1] == b"status: exiting"


def test_qmail_clean_cannot(sending: Sending) -> None:
    number = sending.put(b"s@t", [b"a@mail.test", b"b@mail.test"])
    sending.answer = lambda command: b"!"
    sending.start()
    sending.logged(b"warning: qmail-clean unable to clean up todo/%d" % number)
    sending.quiet()
    assert sending.requests[LOCAL] == []
    assert sending.kinds(number) == {"mess", "intd", "todo", "info", "local"}
    sending.answer = sending.clean
    sending.pull()
    for _ in "ab":
        sending.request(LOCAL)
    sending.answer = lambda command: b"!"
    sending.report(LOCAL, 0, b"Kok")
    sending.report(LOCAL, 1, b"Kok")
    sending.logged(b"warning: qmail-clean unable to clean up foop/%d" % number)
    assert sending.kinds(number) == {"mess"}


def test_spawner_without_a_word(sending: Sending) -> None:
    sending.start(slots=None)
    assert sending.ended() == 111
    assert sending.log == [b"alert: cannot start: hath the daemon spawn no fire?"]
