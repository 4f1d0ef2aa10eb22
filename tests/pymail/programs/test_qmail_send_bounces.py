"""What qmail-send tells senders, and what becomes of that"""

import os
import signal
import time

import pytest

from pymail.engines.rewrite import LOCAL, REMOTE
from tests.support.homes import queued
from tests.support.sending import Sending, channel_file


def test_checkpoints_and_bounce(sending: Sending) -> None:
    sending.control("virtualdomains", b"v.test:pre\njoe@full.test:joe\n")
    recipients = [b"ok@mail.test", b"later@mail.test", b"no@v.test", b"joe@full.test"]
    number = sending.put(b"me@remote.test", recipients, message=b"Subject: x\n\nhello")
    sending.start()
    for _ in recipients:
        sending.request(LOCAL)
    sending.report(LOCAL, 0, b"Kok\n")
    sending.report(LOCAL, 1, b"Zlater\n")
    sending.report(LOCAL, 2, b"Dno\n\n\nway")
    sending.report(LOCAL, 3, b"D")
    sending.logged(b"delivery 4: failure: ")
    sending.logged(b"status: local 0/10 remote 0/20", times=2)
    assert sending.file("local", number).read_bytes() == channel_file(
        b"Dok@mail.test", b"Tlater@mail.test", b"Dpre-no@v.test", b"Djoe-joe@full.test"
    )
    bounce = b"<no@v.test>:\nno\n//way\n\n<joe-joe@full.test>:\n\n"
    assert sending.file("bounce", number).read_bytes() == bounce
    assert sending.file("bounce", number).stat().st_mode & 0o7777 == 0o600
    sending.running.signal(signal.SIGALRM)
    assert sending.request(LOCAL).recipient == b"later@mail.test"
    sending.report(LOCAL, 0, b"Kok\n")
    assert sending.request(REMOTE).recipient == b"me@remote.test"
    sending.until(lambda: not sending.kinds(number))
    ((told, files),) = queued(sending.queue).items()
    assert set(files) == {"mess", "intd", "todo"}
    received, date, message = files["mess"].split(b"\n", 2)
    assert files["todo"].endswith(b"\0F\0Tme@remote.test\0")
    assert message == (
        b"From: MAILER-DAEMON@mail.test\nTo: me@remote.test\nSubject: failure notice\n\n"
        b"Hi. This is the qmail-send program at mail.test.\n"
        b"I'm afraid I wasn't able to deliver your message to the following addresses.\n"
        b"This is a permanent error; I've given up. Sorry it didn't work out.\n\n"
        + bounce
        + b"--- Below this line is a copy of the message.\n\n"
        b"Return-Path: <me@remote.test>\nSubject: x\n\nhello"
    )
    assert date.startswith(b"Date: ")
    qp = int(received.split()[2])
    sending.logged(b"new msg %d" % told)
    uid = os.stat(sending.home).st_uid
    after = sending.log[sending.log.index(b"bounce msg %d qp %d" % (number, qp)) :]
    assert after[1:4] == [
        b"end msg %d" % number,
        b"new msg %d" % told,
        b"info msg %d: bytes %d from <> qp %d uid %d" % (told, len(files["mess"]), qp, uid),
    ]


def test_double_bounce(sending: Sending) -> None:
    sending.control("doublebounceto", b"boss\n")
    sending.control("doublebouncehost", b"far.test\n")
    sending.control("bouncehost", b"host.test\n")
    sending.control("bouncefrom", b"MAILER DAEMON\n")
    number = sending.preprocessed(b"", {"local": b"Tno@mail.test\0"}, message=b"B: 1\n\nx\n")
    sending.start()
    sending.request(LOCAL)
    sending.report(LOCAL, 0, b"Dno such\n")
    request = sending.request(REMOTE)
    assert (request.sender, request.recipient) == (b"#@[]", b"boss@far.test")
    told = int(request.messid.partition(b"/")[2])
    text = sending.file("mess", told).read_bytes().split(b"\n", 2)[2]
    assert text == (
        b'From: "MAILER DAEMON"@host.test\nTo: boss@far.test\nSubject: failure notice\n\n'
        b"Hi. This is the qmail-send program at host.test.\n"
        b"I tried to deliver a bounce message to this address, but the bounce bounced!\n\n"
        b"<no@mail.test>:\nno such\n\n"
        b"--- Below this line is the original bounce.\n\n"
        b"Return-Path: <>\nB: 1\n\nx\n"
    )
    assert b"end msg %d" % number in sending.log


def test_triple_bounce(sending: Sending) -> None:
    number = sending.preprocessed(b"#@[]", {"local": b"Tno@mail.test\0"})
    sending.start()
    sending.request(LOCAL)
    sending.report(LOCAL, 0, b"Dno\n")
    sending.until(lambda: not sending.numbers("mess"))
    assert sending.log[-2:] == [b"triple bounce: discarding bounce/%d" % number, b"end msg %d" % number]


def test_bounce_to_the_owner_of_a_list(sending: Sending) -> None:
    sending.preprocessed(b"o-@remote.test-@[]", {"local": b"Tno@mail.test\0"})
    sending.start()
    assert sending.request(LOCAL).sender == b"o-no=mail.test@remote.test"
    sending.report(LOCAL, 0, b"Dno\n")
    request = sending.request(REMOTE)
    assert (request.sender, request.recipient) == (b"", b"o-@remote.test")


@pytest.mark.parametrize(("code", "line"), [
    ("exit 53", b"warning: trouble injecting bounce message, will try later"),
    ("exec kill -9 $$", b"warning: trouble injecting bounce message, will try later"),
])  # fmt: skip
def test_bounce_not_taken(sending: Sending, code: str, line: bytes) -> None:
    number = sending.start_with_bounce(code)
    sending.logged(line)
    assert sending.kinds(number) == {"mess", "info", "bounce"}
    assert b"end msg %d" % number not in sending.log


def test_bounce_goes_through_QMAILQUEUE(sending: Sending) -> None:
    taken = sending.home / "taken"
    number = sending.start_with_bounce(f"cat >{taken}.m\ncat <&1 >{taken}")
    sending.until(lambda: not sending.kinds(number))
    assert taken.read_bytes() == b"F\0Tme@there\0\0"


def test_bounce_of_a_message_that_is_gone(sending: Sending) -> None:
    """Nothing is begun: a bounce that is begun may well get the number that has become free."""
    number = sending.preprocessed(b"me@there", {})
    sending.file("bounce", number).write_bytes(b"<a@b>:\n\n")
    sending.place.own()
    sending.file("mess", number).unlink()
    sending.start()
    sending.logged(b"warning: trouble injecting bounce message, will try later")
    assert sending.kinds(number) == {"info", "bounce"}
    assert not sending.numbers("mess", "intd", "todo", "pid")


def test_last_attempt(sending: Sending) -> None:
    sending.control("queuelifetime", b"1000\n")
    old = int(time.time()) - 1100
    number = sending.preprocessed(b"#@[]", {"local": b"Ta@mail.test\0"}, born=old)
    sending.start()
    sending.request(LOCAL)
    sending.report(LOCAL, 0, b"Zbusy\n")
    sending.logged(
        b"delivery 1: failure: busy/"
        b"I'm_not_going_to_try_again;_this_message_has_been_in_the_queue_too_long./"
    )
    sending.logged(b"end msg %d" % number)


def test_what_a_crash_leaves_of_a_bounce(sending: Sending) -> None:
    """Notes that were not durable yet: cut back to the last whole one, or taken away."""
    one, torn = b"<a@b>:\nno\n\n", b"<c@d>:\nnev"
    numbers = [sending.preprocessed(b"s@t", {"local": b"Ta@mail.test\0"}) for _ in range(3)]
    for number, text in zip(numbers, (one + torn, bytes(9), one), strict=True):
        sending.file("bounce", number).write_bytes(text)
    sending.place.own()
    sending.start()
    sending.request(LOCAL)
    found = [path.read_bytes() if (path := sending.file("bounce", n)).exists() else None for n in numbers]
    assert found == [one, None, one]
