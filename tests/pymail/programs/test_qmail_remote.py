"""qmail-remote as a process, against servers that follow a script"""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pymail.formats import tcpto as records
from pymail.unix import tcpto
from pymail.unix.home import Home
from tests.support.homes import control, private_home
from tests.support.smtp_peer import CLOSE, SILENCE, SmtpPeer
from tests.support.world import ROOT, Place, eventually, free_port, listening

GOOD = (b"220 hi\r\n", b"250 helo\r\n", b"250 mail\r\n", b"250 rcpt\r\n", b"354 go\r\n", b"250 done\r\n")
MESSAGE = b"Subject: x\n\n.dot\nlast\n"
TOO_FEW = b"DI (qmail-remote) was invoked improperly. (#5.3.5)\n\0"
PARTIAL = b"DSMTP cannot transfer messages with partial final lines. (#5.6.2)\n\0"
NO_CONNECTION = b"ZSorry, I wasn't able to establish an SMTP connection. (#4.4.1)\n\0"
CONTROLS = b"ZUnable to read control files. (#4.3.0)\n\0"
MYSELF = (
    b"DSorry. Although I'm listed as a best-preference MX or A for that host,\n"
    b"it isn't in my control/locals file, so I don't treat it as local. (#5.4.6)\n\0"
)


@pytest.fixture
def home(place: Place) -> Home:
    home = private_home(place)
    control(home, "me", "me.example\n")
    return home


def remote(place: Place, home: Home, *arguments: str | bytes, stdin: bytes = MESSAGE) -> bytes:
    """The reports; the exit code is 0 and nothing is said on descriptor 2, whatever happens."""
    cwd = Path(home.file("queue", "mess"))
    done = place.run(home.file("bin", "qmail-remote"), *arguments, stdin=stdin, cwd=cwd)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def deliver(
    place: Place, home: Home, peer: SmtpPeer, *recipients: str, sender: str = "a@b", message: bytes = MESSAGE
) -> bytes:
    control(home, "smtproutes", f":127.0.0.1:{peer.port}\n")
    to = recipients or ("c@there.example",)
    reports = remote(place, home, "there.example", sender, *to, stdin=message)
    peer.finish()
    return reports


def said(text: bytes) -> bytes:
    return b".\nRemote host said: " + text + b"\n\0"


def test_accepted(place: Place, home: Home) -> None:
    peer = SmtpPeer(*GOOD)
    reports = deliver(place, home, peer)
    assert reports == b"r\0K127.0.0.1 accepted message" + said(b"250 done")
    assert peer.commands == [
        b"HELO me.example\r\n", b"MAIL FROM:<a@b>\r\n", b"RCPT TO:<c@there.example>\r\n", b"DATA\r\n",
    ]  # fmt: skip
    assert peer.message == b"Subject: x\r\n\r\n..dot\r\nlast\r\n.\r\n"
    assert peer.rest == b"QUIT\r\n"


@pytest.mark.parametrize(
    ("step", "reply", "report"),
    [
        (0, b"554 no", b"ZConnected to 127.0.0.1 but greeting failed"),
        (1, b"554 no", b"ZConnected to 127.0.0.1 but my name was rejected"),
        (2, b"554 no", b"DConnected to 127.0.0.1 but sender was rejected"),
        (2, b"454 no", b"ZConnected to 127.0.0.1 but sender was rejected"),
        (3, b"554 no", b"h127.0.0.1 does not like recipient"),
        (3, b"454 no", b"s127.0.0.1 does not like recipient"),
        (4, b"554 no", b"D127.0.0.1 failed on DATA command"),
        (4, b"454 no", b"Z127.0.0.1 failed on DATA command"),
        (5, b"554 no", b"D127.0.0.1 failed after I sent the message"),
        (5, b"454 no", b"Z127.0.0.1 failed after I sent the message"),
    ],
)
def test_refused(place: Place, home: Home, step: int, reply: bytes, report: bytes) -> None:
    peer = SmtpPeer(*GOOD[:step], reply + b"\r\n")
    reports = deliver(place, home, peer)
    before = b"r\0" if step > 3 else b""
    after = b"DGiving up on 127.0.0.1" + said(reply) if step == 3 else b""
    assert reports == before + report + said(reply) + after
    assert peer.rest == b"QUIT\r\n"


@pytest.mark.parametrize("step", range(6))
def test_connection_died(place: Place, home: Home, step: int) -> None:
    reports = deliver(place, home, SmtpPeer(*GOOD[:step], CLOSE))
    duplicate = b"Possible duplicate! " if step == 5 else b""
    died = b"ZConnected to 127.0.0.1 but connection died. " + duplicate + b"(#4.4.2)\n\0"
    assert reports == (b"r\0" if step > 3 else b"") + died


def test_connection_died_within_a_long_reply(place: Place, home: Home) -> None:
    reports = deliver(place, home, SmtpPeer(b"220-hi\r\n220"))
    assert reports == b"ZConnected to 127.0.0.1 but connection died. (#4.4.2)\n\0"


def test_silence(place: Place, home: Home) -> None:
    control(home, "timeoutremote", "1\n")
    reports = deliver(place, home, SmtpPeer(*GOOD[:2], SILENCE))
    assert reports == b"ZConnected to 127.0.0.1 but connection died. (#4.4.2)\n\0"


def test_some_recipients(place: Place, home: Home) -> None:
    peer = SmtpPeer(*GOOD[:3], b"550-no\r\n550 way\r\n", b"250 yes\r\n", b"450 later\r\n", *GOOD[4:])
    reports = deliver(place, home, peer, "one@x", "two@x", "three@x")
    assert reports == (
        b"h127.0.0.1 does not like recipient" + said(b"550-no\n550 way")
        + b"r\0"
        + b"s127.0.0.1 does not like recipient" + said(b"450 later")
        + b"K127.0.0.1 accepted message" + said(b"250 done")
    )  # fmt: skip


def test_all_recipients_for_now_is_a_permanent_report(place: Place, home: Home) -> None:
    peer = SmtpPeer(*GOOD[:3], b"450 a\r\n", b"451 b\r\n")
    reports = deliver(place, home, peer, "one@x", "two@x")
    assert [report[:1] for report in reports.split(b"\0")[:-1]] == [b"s", b"s", b"D"]
    assert reports.endswith(b"DGiving up on 127.0.0.1" + said(b"451 b"))


@pytest.mark.parametrize("message", [b"no end", b"a\nno end", b"a\n."])
def test_partial_last_line(place: Place, home: Home, message: bytes) -> None:
    peer = SmtpPeer(*GOOD)
    assert deliver(place, home, peer, message=message) == b"r\0" + PARTIAL
    assert not peer.message.endswith(b"\r\n.\r\n")
    assert peer.rest == b""


def test_a_bare_cr_cannot_end_the_message(place: Place, home: Home) -> None:
    peer = SmtpPeer(*GOOD)
    deliver(place, home, peer, message=b"foo\r.\nMAIL FROM:<evil>\n")
    assert peer.message == b"foo\r\n..\r\nMAIL FROM:<evil>\r\n.\r\n"


def test_a_large_message(place: Place, home: Home) -> None:
    message = b"".join(b".%d %s\n" % (number, b"x" * (number % 900)) for number in range(8000))
    peer = SmtpPeer(*GOOD)
    assert b"K127.0.0.1" in deliver(place, home, peer, message=message)
    assert peer.message == b"." + message.replace(b"\n.", b"\n..").replace(b"\n", b"\r\n") + b".\r\n"


def test_unreadable_message(place: Place, home: Home) -> None:
    peer = SmtpPeer(*GOOD)
    control(home, "smtproutes", f":127.0.0.1:{peer.port}\n")
    unreadable = os.open("/dev/null", os.O_WRONLY)
    process = place.start(
        home.file("bin", "qmail-remote"), "x", "a@b", "c@d", stdin=unreadable, stdout=subprocess.PIPE
    ).process
    os.close(unreadable)
    out, _ = process.communicate(timeout=30)
    peer.finish()
    assert (process.returncode, out) == (0, b"r\0ZUnable to read message. (#4.3.0)\n\0")
    assert (peer.message, peer.rest) == (b"", b"")


@pytest.mark.parametrize(
    ("address", "path"),
    [("", b"<>"), ("raw one", b"<raw one>"), ("@host", b'<""@host>'), ("a b@host", b'<"a b"@host>')],
)
def test_paths(place: Place, home: Home, address: str, path: bytes) -> None:
    peer = SmtpPeer(*GOOD)
    deliver(place, home, peer, address, sender=address)
    assert peer.commands[1:3] == [b"MAIL FROM:" + path + b"\r\n", b"RCPT TO:" + path + b"\r\n"]


@pytest.mark.parametrize("address", ["a@b>\r\nRCPT TO:<c@d", "a\rb@c", "a\nb"])
def test_a_line_end_in_an_address(place: Place, home: Home, address: str) -> None:
    assert remote(place, home, "x", "a@b", address) == TOO_FEW
    assert remote(place, home, "x", address, "a@b") == TOO_FEW


def test_usage(place: Place, home: Home) -> None:
    assert remote(place, home) == TOO_FEW
    assert remote(place, home, "host", "sender") == TOO_FEW


@pytest.mark.parametrize("name", ["helohost", "smtproutes", "timeoutremote", "timeoutconnect"])
def test_unreadable_control(place: Place, home: Home, name: str) -> None:
    Path(home.file("control", name)).mkdir()
    assert remote(place, home, "x", "a@b", "c@d") == CONTROLS


def test_no_name(place: Place, home: Home) -> None:
    os.unlink(home.file("control", "me"))
    assert remote(place, home, "x", "a@b", "c@d") == CONTROLS


@pytest.mark.parametrize("host", ["127.0.0.1", "[127.0.0.1]", "0.0.0.0", "[383.256.0.1]"])
def test_mail_to_myself(place: Place, home: Home, host: str) -> None:
    assert remote(place, home, host, "a@b", f"c@{host}") == MYSELF


def test_an_empty_route_wins_over_the_one_for_all(place: Place, home: Home) -> None:
    control(home, "smtproutes", f":127.0.0.1:{free_port()}\n127.0.0.1:\n")
    assert remote(place, home, "127.0.0.1", "a@b", "c@d") == MYSELF


def test_a_route_in_brackets(place: Place, home: Home) -> None:
    peer = SmtpPeer(*GOOD)
    control(home, "smtproutes", f"There.example:[127.0.0.1]:{peer.port}\n")
    assert b"K127.0.0.1 accepted" in remote(place, home, "THERE.example", "a@b", "c@d")
    peer.finish()


@pytest.mark.parametrize("route", [":127.0.0.1:0", ":127.0.0.1:x", ":127.0.0.1:{}"])
def test_no_connection(place: Place, home: Home, route: str) -> None:
    control(home, "smtproutes", route.format(free_port()) + "\n")
    assert remote(place, home, "there.example", "a@b", "c@d") == NO_CONNECTION


def timeouts(home: Home) -> list[tuple[bytes, int]]:
    table = Path(tcpto.path(home)).read_bytes()
    return [(entry.address, entry.count) for entry in records.recent(table)]


def test_timeouts_are_counted_and_the_host_left_alone(place: Place, home: Home) -> None:
    """A listener whose queue is full drops what comes: an attempt to connect times out."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        control(home, "smtproutes", f":127.0.0.1:{port}\n")
        control(home, "timeoutconnect", "1\n")
        assert remote(place, home, "x", "a@b", "c@d") == NO_CONNECTION
        assert timeouts(home) == [(bytes((127, 0, 0, 1)), 1)]
        assert remote(place, home, "x", "a@b", "c@d") == NO_CONNECTION
        assert timeouts(home) == [(bytes((127, 0, 0, 1)), 1)]  # less than 120 s later
        for client in waiting:
            client.close()
    listed = place.run(home.file("bin", "qmail-tcpto"))
    assert re.fullmatch(rb"127\.0\.0\.1 timed out \d+ seconds ago; # recent timeouts: 1\n", listed.stdout)
    control(home, "smtproutes", f":127.0.0.1:{free_port()}\n")
    assert remote(place, home, "x", "a@b", "c@d") == NO_CONNECTION  # refused: the record is reset
    assert timeouts(home) == []


def test_a_suspect_is_not_tried(place: Place, home: Home) -> None:
    now = int(Path(home.path).stat().st_ctime) - 5
    record = bytes((127, 0, 0, 1, 2, 0, 0, 0)) + now.to_bytes(4, "little") + bytes(4)
    Path(tcpto.path(home)).write_bytes(record.ljust(1024, b"\0"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        control(home, "smtproutes", f":127.0.0.1:{listener.getsockname()[1]}\n")
        assert remote(place, home, "x", "a@b", "c@d") == NO_CONNECTION
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert timeouts(home) == [(bytes((127, 0, 0, 1)), 2)]


def test_no_home_for_the_timeouts_is_no_trouble(place: Place, home: Home) -> None:
    os.unlink(tcpto.path(home))
    peer = SmtpPeer(*GOOD)
    assert b"K127.0.0.1 accepted" in deliver(place, home, peer)


def test_one_connection_is_all(place: Place, home: Home) -> None:
    peer = SmtpPeer(b"421 busy\r\n")
    reports = deliver(place, home, peer)
    assert reports == b"ZConnected to 127.0.0.1 but greeting failed" + said(b"421 busy")
    assert peer.connections == 1


def test_smtp_sink(place: Place, home: Home) -> None:
    port = free_port()
    place.start("/usr/sbin/smtp-sink", "-d", "message.%s.", f"127.0.0.1:{port}", "10")
    eventually(lambda: listening(port))
    control(home, "smtproutes", f":127.0.0.1:{port}\n")
    message = b"Subject: x\n\n.dot\n..\nlast\n"
    reports = remote(place, home, "x", "a@b", "c@d", "e@f", stdin=message)
    assert reports.startswith(b"r\0r\0K127.0.0.1 accepted")
    files = eventually(lambda: [path for path in place.path.glob("message.*") if path.stat().st_size])
    assert isinstance(files, list)
    stored = eventually(
        lambda: [path.read_bytes() for path in files if path.read_bytes().endswith(b"last\n\n")], what="dump"
    )
    assert isinstance(stored, list)
    assert b"\n\n.dot\n..\nlast\n" in stored[0].replace(b"\r", b"")


NO_DNS = b"ZSorry, I couldn't find any host by that name. (#4.1.2)\n\0"
NO_EXCHANGER = b"DSorry, I couldn't find a mail exchanger or IP address. (#5.4.4)\n\0"
ZONE = {
    "two.example. MX": ["20 b.example.", "10 a.example."],
    "a.example. A": ["192.0.2.10"],
    "b.example. A": ["192.0.2.20"],
    "down.example. MX": ["10 refuses.example.", "20 b.example."],
    "refuses.example. A": ["192.0.2.99"],
    "bare.example. A": ["192.0.2.20"],
    "many.example. MX": [f"{number} host{number}.example." for number in range(1, 60)] + ["0 b.example."],
    "broken.example. MX": "SERVFAIL",
    "refused.example. MX": "REFUSED",
    "half.example. MX": ["10 brokenhost.example.", "20 gone.example."],
    "brokenhost.example. A": "SERVFAIL",
    "null.example. MX": ["0 ."],
    "nowhere.example. MX": ["10 gone.example."],
    "text.example. TXT": ["nothing here"],
    "mine.example. MX": ["10 local.example.", "20 b.example."],
    "local.example. A": ["127.0.0.1"],
    "second.example. MX": ["20 local.example.", "10 b.example."],
}


def greeted(address: str) -> bytes:
    return b"ZConnected to %s but greeting failed" % address.encode() + said(b"554 no")


def no_host(host: str) -> bytes:
    return b"DSorry, I couldn't find any host named %s. (#5.1.2)\n\0" % host.encode()


@pytest.mark.root
@pytest.mark.parametrize(
    ("host", "report"),
    [
        ("two.example", greeted("192.0.2.10")),
        ("TWO.example.", greeted("192.0.2.10")),
        ("down.example", greeted("192.0.2.20")),
        ("bare.example", greeted("192.0.2.20")),
        ("many.example", greeted("192.0.2.20")),
        ("192.0.2.10", greeted("192.0.2.10")),
        ("[192.0.2.10]", greeted("192.0.2.10")),
        ("192.0.2.99", NO_CONNECTION),
        ("broken.example", NO_DNS),
        ("refused.example", NO_DNS),
        ("half.example", NO_DNS),
        ("null.example", NO_EXCHANGER),
        ("nowhere.example", NO_EXCHANGER),
        ("text.example", no_host("text.example")),
        ("gone.example", no_host("gone.example")),
        ("a b.example", no_host("a?b.example")),
        ("mine.example", MYSELF),
        ("second.example", greeted("192.0.2.20")),
        ("routed.example", greeted("192.0.2.20")),
        ("lost.example", no_host("gone.example")),
    ],
)
def test_names(place: Place, home: Home, host: str, report: bytes) -> None:
    """With a DNS server of its own in a network of its own."""
    control(home, "smtproutes", "routed.example:b.example\nlost.example:gone.example\n")
    script = ROOT / "tests/support/internet.py"
    command = [home.file("bin", "qmail-remote"), host, "a@b", f"c@{host}"]
    done = place.run(
        "unshare", "--net", "--mount", "--propagation=private", sys.executable, script, place.path, *command,
        stdin=json.dumps(ZONE).encode(), as_root=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == report
