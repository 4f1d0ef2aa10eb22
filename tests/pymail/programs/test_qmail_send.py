"""qmail-send as a process, with the test in the place of its partners"""

import fcntl
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from pymail.formats import envelope
from tests.support.homes import queued
from tests.support.sending import Sending

LOCAL, REMOTE = 0, 1
IDLE = b"status: local 0/10 remote 0/20"
WEEK = 604800


def channel_file(*records: bytes) -> bytes:
    return b"".join(record + b"\0" for record in records)


def test_one_message(sending: Sending) -> None:
    """With one recipient it is delivered straight out of todo/; see also test_direct.py."""
    number = sending.put(b"me@there", [b"al@mail.test"], message=b"x" * 83)
    sending.start()
    request = sending.request(LOCAL)
    assert (request.delnum, request.messid) == (0, b"%d/%d" % (number % 23, number))
    assert (request.sender, request.recipient) == (b"me@there", b"al@mail.test")
    assert sending.kinds(number) == {"mess", "intd", "todo"}
    sending.report(LOCAL, 0, b"Kdid 1+0+0\n")
    sending.logged(b"end msg %d" % number)
    sending.until(lambda: not sending.kinds(number))
    assert sending.terminate() == 0
    assert sending.log == [
        IDLE,
        b"new msg %d" % number,
        b"info msg %d: bytes 83 from <me@there> qp 45 uid 1000" % number,
        b"starting delivery 1: msg %d to local al@mail.test" % number,
        b"status: local 1/10 remote 0/20",
        b"delivery 1: success: did_1+0+0/",
        IDLE,
        b"end msg %d" % number,
        b"status: exiting",
    ]
    assert sending.commands == [b"todo/%d" % number, b"foop/%d" % number]


def test_two_recipients(sending: Sending) -> None:
    number = sending.put(b"me@there", [b"al@mail.test", b"bo@mail.test"])
    sending.start()
    assert [sending.request(LOCAL).recipient for _ in "ab"] == [b"al@mail.test", b"bo@mail.test"]
    assert sending.commands == [b"todo/%d" % number]
    assert sending.kinds(number) == {"mess", "info", "local"}
    assert sending.file("info", number).read_bytes() == b"Fme@there\0"
    assert sending.file("local", number).read_bytes() == channel_file(b"Tal@mail.test", b"Tbo@mail.test")
    for kind in ("info", "local"):
        assert sending.file(kind, number).stat().st_mode & 0o7777 == 0o600
    sending.report(LOCAL, 0, b"Kok")
    sending.report(LOCAL, 1, b"Kok")
    sending.logged(b"end msg %d" % number)
    sending.until(lambda: not sending.kinds(number))
    assert sending.commands == [b"todo/%d" % number, b"foop/%d" % number]


def test_no_recipients(sending: Sending) -> None:
    number = sending.put(b"", [])
    sending.start()
    sending.logged(b"end msg %d" % number)
    sending.until(lambda: not sending.kinds(number))
    assert sending.log[1:] == [
        b"new msg %d" % number,
        b"info msg %d: bytes 18 from <> qp 45 uid 1000" % number,
        b"end msg %d" % number,
    ]


def test_strangers_words_are_sanitised(sending: Sending) -> None:
    number = sending.put(b"a b%\xe9@c", [b"d\te@mail.test"], uid=0)
    sending.start()
    sending.request(LOCAL)
    sending.report(LOCAL, 0, b"Ztry\n100% later\n")
    sending.logged(b"delivery 1: deferral: try/100__later/")
    assert sending.log[2] == b"info msg %d: bytes 18 from <a_b__@c> qp 45 uid 0" % number
    assert sending.log[3] == b"starting delivery 1: msg %d to local d_e@mail.test" % number


def test_rewriting(sending: Sending) -> None:
    sending.control("locals", b"mail.test\nother.test\n")
    sending.control("envnoathost", b"env.test\n")
    sending.control("percenthack", b"hack.test\n")
    sending.control("virtualdomains", b"virt.test:alias-v\nexc.virt.test:\n.virt.test:sub\n")
    number = sending.put(
        b"o-@h.test-@[]",
        [
            b"a@MAIL.test", b"b", b"c%other.test@hack.test",
            b"d@virt.test", b"e@exc.virt.test", b"f@x.virt.test",
        ],
    )  # fmt: skip
    sending.start()
    local = [sending.request(LOCAL) for _ in range(4)]
    remote = [sending.request(REMOTE) for _ in range(2)]
    recipients = [b"a@MAIL.test", b"c@other.test", b"alias-v-d@virt.test", b"sub-f@x.virt.test"]
    assert [r.recipient for r in local] == recipients
    assert sending.file("local", number).read_bytes() == channel_file(*(b"T" + r for r in recipients))
    assert [(r.recipient, r.sender) for r in remote] == [
        (b"b@env.test", b"o-b=env.test@h.test"),
        (b"e@exc.virt.test", b"o-e=exc.virt.test@h.test"),
    ]
    assert local[2].sender == b"o-alias-v-d=virt.test@h.test"


def test_all_slots_are_used_in_the_order_of_the_file(sending: Sending) -> None:
    recipients = [b"r%d@mail.test" % n for n in range(7)]
    sending.control("concurrencylocal", b"3\n")
    number = sending.put(b"s@t", recipients)
    sending.start()
    started = [sending.request(LOCAL) for _ in range(3)]
    assert [(r.delnum, r.recipient) for r in started] == list(enumerate(recipients[:3]))
    sending.quiet()
    assert sending.requests[LOCAL] == []
    sending.report(LOCAL, 1, b"Kok")
    sending.report(LOCAL, 0, b"Kok")
    again = [sending.request(LOCAL) for _ in range(2)]
    assert sorted(r.delnum for r in again) == [0, 1]
    assert [r.recipient for r in again] == recipients[3:5]
    assert sending.file("local", number).read_bytes() == channel_file(
        *(b"D" + r for r in recipients[:2]), *(b"T" + r for r in recipients[2:])
    )


@pytest.mark.parametrize(
    ("slots", "local", "remote", "status"),
    [
        (b"\x02\x05", b"", b"", b"status: local 0/2 remote 0/5"),
        (b"\xff\xff", b"200\n", b"9999\n", b"status: local 0/200 remote 0/255"),
        (b"\x00\x05", b"x\n", b"0\n", b"status: local 0/0 remote 0/0"),
    ],
)
def test_concurrency(sending: Sending, slots: bytes, local: bytes, remote: bytes, status: bytes) -> None:
    for name, content in (("concurrencylocal", local), ("concurrencyremote", remote)):
        if content:
            sending.control(name, content)
    sending.start(slots)
    sending.ready()
    assert sending.log == [status]


def test_no_concurrency_holds_the_mail(sending: Sending) -> None:
    sending.control("concurrencyremote", b"0\n")
    number = sending.put(b"s@t", [b"a@mail.test", b"b@remote.test"])
    sending.start()
    assert sending.request(LOCAL).recipient == b"a@mail.test"
    sending.report(LOCAL, 0, b"Kok")
    sending.quiet()
    assert sending.requests[REMOTE] == []
    assert sending.kinds(number) == {"mess", "info", "remote"}


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


def test_trigger(sending: Sending) -> None:
    sending.start()
    sending.ready()
    sending.quiet()
    for _ in range(3):
        number = sending.put(b"s@t", [b"a@remote.test"])
        sending.pull()
        assert sending.request(REMOTE).messid.endswith(b"/%d" % number)


def test_no_child_holds_the_trigger_or_the_mutex(sending: Sending) -> None:
    """A program that QMAILQUEUE names finds none of qmail-send's own descriptors."""
    program, found = sending.home / "queue-program", sending.home / "found"
    program.write_text(f"#!/bin/sh\nls -l /proc/$$/fd >{found}.new; mv {found}.new {found}; exit 53\n")
    program.chmod(0o755)
    number = sending.preprocessed(b"me@there", {})
    sending.file("bounce", number).write_bytes(b"<a@b>:\n\n")
    sending.place.own()
    sending.start(env={"QMAILQUEUE": str(program)})
    sending.until(found.exists, what="the program")
    text = found.read_text()
    assert "lock/" not in text
    assert f"{sending.queue}/" not in text


def test_sleeps_when_there_is_nothing_to_do(sending: Sending) -> None:
    """Neither the trigger nor anything else is left that keeps a wait from waiting."""
    number = sending.put(b"s@t", [b"a@remote.test", b"b@mail.test"])
    sending.start()
    sending.pull()
    sending.request(REMOTE)
    sending.report(REMOTE, 0, b"Zlater")
    sending.quiet()
    status = Path(f"/proc/{sending.running.pid}/status")

    def switches() -> list[str]:
        return [line for line in status.read_text().splitlines() if "ctxt_switches" in line]

    def sleeps() -> bool:
        before = switches()
        time.sleep(0.3)
        return switches() == before

    sending.until(sleeps, what="a sleep of 0.3 seconds")
    assert sending.kinds(number) == {"mess", "info", "local", "remote"}


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
    program = sending.home / "queue-program"
    program.write_text(f"#!/bin/sh\n{code}\n")
    program.chmod(0o755)
    number = sending.preprocessed(b"me@there", {})
    sending.file("bounce", number).write_bytes(b"<a@b>:\n\n")
    sending.place.own()
    sending.start(env={"QMAILQUEUE": str(program)})
    sending.logged(line)
    assert sending.kinds(number) == {"mess", "info", "bounce"}
    assert b"end msg %d" % number not in sending.log


def test_bounce_goes_through_QMAILQUEUE(sending: Sending) -> None:
    taken = sending.home / "taken"
    program = sending.home / "queue-program"
    program.write_text(f"#!/bin/sh\ncat >{taken}.m\ncat <&1 >{taken}\n")
    program.chmod(0o755)
    number = sending.preprocessed(b"me@there", {})
    sending.file("bounce", number).write_bytes(b"<a@b>:\n\n")
    sending.place.own()
    sending.start(env={"QMAILQUEUE": str(program)})
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


def test_term(sending: Sending) -> None:
    """Deliveries under way are waited for; what waits is stamped; a message in its pass is not."""
    sending.control("concurrencylocal", b"2\n")
    due = int(time.time()) + 5000
    waiting = sending.preprocessed(b"s@t", {"local": b"Tw@mail.test\0"})
    os.utime(sending.file("local", waiting), (due, due))
    number = sending.put(b"s@t", [b"a@mail.test"])
    sending.start()
    sending.request(LOCAL)
    long = sending.put(b"s@t", [b"b@mail.test", b"c@mail.test"])
    sending.pull()
    sending.request(LOCAL)
    os.utime(sending.file("local", waiting))
    sending.running.signal(signal.SIGTERM)
    sending.quiet()
    assert b"status: exiting" not in sending.log
    later = sending.put(b"s@t", [b"d@mail.test"])
    assert sending.log[-1] == b"status: local 2/2 remote 0/20"
    sending.report(LOCAL, 0, b"Zlater\n")
    sending.logged(b"status: local 1/2 remote 0/20 exitasap")
    before = sending.file("local", long).stat().st_mtime
    sending.report(LOCAL, 1, b"Zlater\n")
    assert sending.ended() == 0
    assert sending.log[-2:] == [b"status: local 0/2 remote 0/20 exitasap", b"status: exiting"]
    assert sending.file("local", waiting).stat().st_mtime == due
    birth = int(sending.file("info", number).stat().st_mtime)
    assert birth + 90 <= sending.file("local", number).stat().st_mtime <= birth + 121
    assert sending.file("local", long).stat().st_mtime == before
    assert sending.kinds(later) == {"mess", "intd", "todo"}


def test_the_schedule_survives(sending: Sending) -> None:
    """The time stamp of a channel file is the time of the next attempt."""
    now = int(time.time())
    future = sending.preprocessed(b"s@t", {"local": b"Tlater@mail.test\0", "remote": b"Tnow@remote.test\0"})
    os.utime(sending.file("local", future), (now + 5000, now + 5000))
    sending.start()
    assert sending.request(REMOTE).recipient == b"now@remote.test"
    sending.quiet()
    assert sending.requests[LOCAL] == []
    sending.running.signal(signal.SIGALRM)
    assert sending.request(LOCAL).recipient == b"later@mail.test"


def test_a_schedule_of_a_clock_that_was_ahead(sending: Sending) -> None:
    """Nobody waits for a year because the clock was set back by one."""
    ahead = int(time.time()) + 365 * 86400
    number = sending.preprocessed(b"s@t", {"local": b"Tx@mail.test\0"}, born=ahead)
    os.utime(sending.file("local", number), (ahead, ahead))
    sending.start()
    sending.report(LOCAL, sending.request(LOCAL).delnum, b"Znot now\n")
    sending.logged(b"delivery 1: deferral: not_now/")
    sending.running.signal(signal.SIGTERM)
    assert sending.ended() == 0
    assert sending.file("local", number).stat().st_mtime < time.time() + 101


def test_alarm_leaves_deliveries_alone(sending: Sending) -> None:
    sending.put(b"s@t", [b"a@mail.test"])
    sending.start()
    sending.request(LOCAL)
    sending.running.signal(signal.SIGALRM)
    sending.quiet()
    assert sending.requests[LOCAL] == []


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


def test_hup(sending: Sending) -> None:
    sending.control("envnoathost", b"first.test\n")
    sending.start()
    sending.ready()
    sending.control("locals", b"new.test\n")
    sending.control("virtualdomains", b"v.test:pre\n")
    sending.control("envnoathost", b"second.test\n")
    sending.running.signal(signal.SIGHUP)
    sending.quiet()
    sending.put(b"s@t", [b"a@new.test", b"b@v.test", b"c@mail.test", b"d"])
    sending.pull()
    assert [sending.request(LOCAL).recipient for _ in "ab"] == [b"a@new.test", b"pre-b@v.test"]
    assert [sending.request(REMOTE).recipient for _ in "cd"] == [b"c@mail.test", b"d@first.test"]
    (sending.home / "control/locals").unlink()
    sending.control("me", b"another.test\n")
    sending.running.signal(signal.SIGHUP)
    sending.quiet()
    sending.put(b"s@t", [b"e@another.test", b"f@mail.test"])
    sending.pull()
    assert sending.request(LOCAL).recipient == b"f@mail.test"
    assert sending.request(REMOTE).recipient == b"e@another.test"
    assert len(sending.log) == len([line for line in sending.log if not line.startswith(b"alert")])


def test_hup_with_unreadable_files(sending: Sending) -> None:
    sending.control("virtualdomains", b"v.test:pre\n")
    sending.start()
    sending.ready()
    sending.quiet()
    (sending.home / "control/virtualdomains").unlink()
    for name in ("locals", "virtualdomains"):
        (sending.home / "control" / name).mkdir()
    sending.running.signal(signal.SIGHUP)
    sending.logged(b"alert: unable to reread control/locals")
    sending.logged(b"alert: unable to reread control/virtualdomains")
    sending.put(b"s@t", [b"a@v.test", b"b@mail.test"])
    sending.pull()
    assert [sending.request(LOCAL).recipient for _ in "ab"] == [b"pre-a@v.test", b"b@mail.test"]


def test_hup_without_a_home(sending: Sending) -> None:
    sending.start()
    sending.ready()
    sending.quiet()
    elsewhere = sending.home.with_name("elsewhere")
    sending.home.rename(elsewhere)
    sending.running.signal(signal.SIGHUP)
    sending.logged(b"alert: unable to reread controls: unable to switch to home directory")
    elsewhere.rename(sending.home)


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


def test_second_qmail_send(sending: Sending) -> None:
    with sending.mutex().open("r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        sending.start()
        assert sending.ended() == 111
    assert sending.log == [b"alert: cannot start: qmail-send is already running"]


def test_no_descriptors(sending: Sending) -> None:
    program = sending.home / "bin/qmail-send"
    sending.start(command=("/bin/sh", "-c", f"ulimit -n 9; exec {program}"))
    assert sending.ended() == 111
    assert sending.log == [b"alert: cannot start: unable to create pipe"]


def test_posix_locks_do_not_count(sending: Sending) -> None:
    with sending.mutex().open("r+b") as held:
        fcntl.lockf(held, fcntl.LOCK_EX)
        sending.start()
        sending.logged(IDLE)


@pytest.mark.parametrize(
    ("missing", "complaint"),
    [
        ("control/me", b"unable to read controls"),
        ("queue", b"unable to switch to queue directory"),
        ("queue/lock/sendmutex", b"unable to open mutex"),
    ],
)
def test_cannot_start(sending: Sending, missing: str, complaint: bytes) -> None:
    path = sending.home / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    sending.start()
    assert sending.ended() == 111
    assert sending.log == [b"alert: cannot start: " + complaint]


def test_spawner_without_a_word(sending: Sending) -> None:
    sending.start(slots=None)
    assert sending.ended() == 111
    assert sending.log == [b"alert: cannot start: hath the daemon spawn no fire?"]


def test_locals_without_me(sending: Sending) -> None:
    (sending.home / "control/me").unlink()
    sending.control("locals", b"mail.test\n")
    sending.start()
    sending.put(b"s@t", [b"a"])
    sending.pull()
    assert sending.request(REMOTE).recipient == b"a@envnoathost"


def test_many_recipients(sending: Sending) -> None:
    """Files of recipients are read as they are needed, however long they are."""
    sending.control("concurrencylocal", b"100\n")
    recipients = [b"recipient-%d@mail.test" % n for n in range(2000)]
    number = sending.put(b"s@t", recipients)
    sending.start()
    seen = []
    for _ in recipients:
        request = sending.request(LOCAL)
        seen.append(request.recipient)
        sending.report(LOCAL, request.delnum, b"Kok")
    assert seen == recipients
    sending.logged(b"end msg %d" % number)


def test_envelope_is_what_qmail_queue_writes() -> None:
    """The harness writes what the real program would."""
    assert envelope.opening(0, 53) + envelope.record(b"F", b"a@b") == b"u0\0p53\0Fa@b\0"


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
