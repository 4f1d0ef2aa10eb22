"""qmail-send as a process, with the test in the place of its partners"""

import time
from pathlib import Path

import pytest

from pymail.engines.rewrite import LOCAL, REMOTE
from pymail.formats import envelope
from tests.support.sending import IDLE, Sending, channel_file


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
    found = sending.home / "found"
    sending.start_with_bounce(f"ls -l /proc/$$/fd >{found}.new; mv {found}.new {found}; exit 53")
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
