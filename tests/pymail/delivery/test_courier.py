"""Deliveries of one process, one after another, to servers that follow scripts"""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pymail.delivery import courier as module
from pymail.delivery import sessions
from pymail.delivery.courier import Courier, Delivery
from pymail.unix.home import Home
from tests.support.homes import private_home
from tests.support.smtp_peer import CLOSE, Script, SmtpHost
from tests.support.world import Place

HELLO = (b"220 hi ESMTP\r\n", b"250-there\r\n250 PIPELINING\r\n")
PLAIN_HELLO = (b"220 hi ESMTP\r\n", b"250 there\r\n")
GOOD = (b"250 mail\r\n", b"250 rcpt\r\n", b"354 go\r\n", b"250 done\r\n")
ACCEPTED = [b"r", b"K127.0.0.1 accepted message.\nRemote host said: 250 done\n"]
DIED = b"ZConnected to 127.0.0.1 but connection died. %s(#4.4.2)\n"
HELLOS = pytest.mark.parametrize("hello", [HELLO, PLAIN_HELLO], ids=["pipelining", "one by one"])


class Office:
    """A courier, the hosts that he delivers to, and numbered messages for them."""

    def __init__(self, home: Home, folder: Path) -> None:
        self.home, self.folder, self.number = home, folder, 0
        self.control("me", "me.example\n")
        self.courier = Courier(home)
        self.hosts: list[SmtpHost] = []

    def control(self, name: str, content: str) -> None:
        Path(self.home.file("control", name)).write_text(content)

    def host(self, *scripts: Script, name: str = "") -> SmtpHost:
        """A host that takes so many connections; all mail goes there, or that for one domain."""
        host = SmtpHost(*scripts)
        self.hosts.append(host)
        with Path(self.home.file("control/smtproutes")).open("a") as routes:
            routes.write(f"{name}:[127.0.0.1]:{host.port}\n")
        return host

    def deliver(self, domain: str = "there.example", text: bytes | None = None) -> list[bytes]:
        """The reports on the next message, `message N` by default."""
        self.number += 1
        path = self.folder / "message"
        path.write_bytes(b"message %d\n" % self.number if text is None else text)
        fd = os.open(path, os.O_RDONLY)
        try:
            return self.courier.deliver(Delivery(domain.encode(), b"a@b", [b"c@" + domain.encode()], fd))
        finally:
            os.close(fd)

    def finish(self) -> None:
        self.courier.leave()
        for host in self.hosts:
            host.finish()


@pytest.fixture
def office(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setattr(sessions, "LEAVE", 0.1)  # some servers here answer less than a whole group
    made = Office(private_home(place), place.path)
    yield made
    made.courier.leave()
    for host in made.hosts:
        host.close()


def sent(*numbers: int) -> list[bytes]:
    return [b"message %d\r\n.\r\n" % number for number in numbers]


@HELLOS
def test_over_one_connection(office: Office, hello: Script) -> None:
    host = office.host([*hello, *GOOD, *GOOD, *GOOD])
    for _ in range(3):
        assert office.deliver() == ACCEPTED
    office.finish()
    (talk,) = host.talks
    assert talk.messages == sent(1, 2, 3)
    transaction = [b"MAIL FROM:<a@b>\r\n", b"RCPT TO:<c@there.example>\r\n", b"DATA\r\n"]
    assert talk.commands == [b"EHLO me.example\r\n", *transaction * 3]
    assert talk.rest == b"QUIT\r\n"


def test_commands_go_together(office: Office) -> None:
    """The server answers nothing before it has all three."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        office.control("smtproutes", f":[127.0.0.1]:{listener.getsockname()[1]}\n")
        office.control("timeoutremote", "20\n")
        child = os.fork()
        if not child:
            os._exit(office.deliver() != ACCEPTED)
        peer, _ = listener.accept()
        with peer, peer.makefile("rb") as lines:
            peer.sendall(HELLO[0])
            assert lines.readline() == b"EHLO me.example\r\n"
            peer.sendall(HELLO[1])
            assert [lines.readline()[:4] for _ in range(3)] == [b"MAIL", b"RCPT", b"DATA"]
            for piece in (b"250 ma", b"il\r\n250-rc", b"pt\r\n250 rcpt\r\n3", b"54 go\r\n"):
                peer.sendall(piece)
            assert [lines.readline(), lines.readline()] == [b"message 1\r\n", b".\r\n"]
            peer.sendall(GOOD[3])
            assert os.waitpid(child, 0)[1] == 0


def test_without_esmtp_as_ever(office: Office) -> None:
    """HELO, and a connection for each message."""
    script = [b"220 hi\r\n", b"250 there\r\n", *GOOD]
    host = office.host(script, script)
    assert [office.deliver(), office.deliver()] == [ACCEPTED, ACCEPTED]
    office.finish()
    assert [talk.commands[0] for talk in host.talks] == [b"HELO me.example\r\n"] * 2
    assert [talk.rest for talk in host.talks] == [b"QUIT\r\n"] * 2


@pytest.mark.parametrize("refusal", [b"500 what?\r\n", b"502 no\r\n", b"554 no\r\n", b"450 no\r\n"])
def test_ehlo_refused(office: Office, refusal: bytes) -> None:
    host = office.host([HELLO[0], refusal, b"250 there\r\n", *GOOD])
    assert office.deliver() == ACCEPTED
    office.finish()
    assert host.talks[0].commands[:2] == [b"EHLO me.example\r\n", b"HELO me.example\r\n"]
    assert host.talks[0].rest == b"QUIT\r\n"


def test_ehlo_and_helo_refused(office: Office) -> None:
    office.host([HELLO[0], b"502 no\r\n", b"550 no\r\n"], [HELLO[0], b"421 busy\r\n"])
    rejected = b"ZConnected to 127.0.0.1 but my name was rejected.\nRemote host said: %s\n"
    assert office.deliver() == [rejected % b"550 no"]
    assert office.deliver() == [rejected % b"421 busy"]


# A connection that cannot be used any more


@HELLOS
@pytest.mark.parametrize("step", range(4))
@pytest.mark.parametrize("end", [CLOSE, b"421 busy\r\n", b"452 too many\r\n", b"550 no\r\n", b"250-half"])
def test_before_the_message_a_new_connection(
    office: Office, hello: Script, step: int, end: bytes | None
) -> None:
    """Whatever happens to the second message before the server asks for it is without consequence."""
    if step < 3:
        first = [*hello, *GOOD, *GOOD[:step], end]
    else:
        first = [*hello, *GOOD, CLOSE] if end is CLOSE else [*hello, *GOOD[:3], GOOD[3] + b"421 idle\r\n"]
    host = office.host(first, [*hello, *GOOD])
    assert [office.deliver(), office.deliver()] == [ACCEPTED, ACCEPTED]
    office.finish()
    assert [message for message in host.messages if message != b".\r\n"] == sent(1, 2)
    assert host.talks[1].commands[0] == b"EHLO me.example\r\n"


@HELLOS
def test_a_reply_too_many(office: Office, hello: Script) -> None:
    """It comes too late to be seen before the next message; nothing is lost by it."""
    first = [*hello, *GOOD, b"250 late\r\n250 mail\r\n", *GOOD[1:]]
    host = office.host(first, [*hello, *GOOD])
    assert [office.deliver(), office.deliver()] == [ACCEPTED, ACCEPTED]
    assert host.talks[1].commands[0] == b"EHLO me.example\r\n"
    office.finish()
    assert host.talks[1].messages == sent(2)


@pytest.mark.parametrize("refused", range(3))
def test_a_refusal_is_that_of_a_new_connection(office: Office, refused: int) -> None:
    reports = [
        [b"DConnected to 127.0.0.1 but sender was rejected.\nRemote host said: 550 new\n"],
        [
            b"h127.0.0.1 does not like recipient.\nRemote host said: 550 new\n",
            b"DGiving up on 127.0.0.1.\nRemote host said: 550 new\n",
        ],
        [b"r", b"D127.0.0.1 failed on DATA command.\nRemote host said: 550 new\n"],
    ]
    office.host([*HELLO, *GOOD, *GOOD[:refused], b"450 old\r\n"], [*HELLO, *GOOD[:refused], b"550 new\r\n"])
    assert office.deliver() == ACCEPTED
    assert office.deliver() == reports[refused]


@HELLOS
def test_the_end_comes_within_the_message(office: Office, hello: Script) -> None:
    """The server has asked for the message: from then on nobody else is asked."""
    host = office.host([*hello, *GOOD, *GOOD[:2], b"354 go\r\nno more"], [])
    assert office.deliver() == ACCEPTED
    assert office.deliver(text=b"x\n" * 10_000_000) == [b"r", DIED % b""]
    assert len(host.talks) == 1


@HELLOS
def test_the_end_comes_behind_the_message(office: Office, hello: Script) -> None:
    host = office.host([*hello, *GOOD, *GOOD[:3], CLOSE], [*hello, *GOOD])
    assert office.deliver() == ACCEPTED
    assert office.deliver() == [b"r", DIED % b"Possible duplicate! "]
    assert len(host.talks) == 1
    assert office.deliver() == ACCEPTED
    office.finish()
    assert host.messages == sent(1, 2, 3)


def test_a_refused_message_is_not_sent_again(office: Office) -> None:
    host = office.host([*HELLO, *GOOD, *GOOD[:3], b"554 spam\r\n"])
    assert office.deliver() == ACCEPTED
    report = b"D127.0.0.1 failed after I sent the message.\nRemote host said: 554 spam\n"
    assert office.deliver() == [b"r", report]
    office.finish()
    assert host.talks[0].rest == b"QUIT\r\n"


@pytest.mark.parametrize("step", range(3))
def test_refused_in_a_group(office: Office, step: int) -> None:
    """The replies that follow are taken; QUIT comes behind them."""
    refused = [*GOOD[:step], b"550 no\r\n", *[b"503 what?\r\n"] * (2 - step)]
    host = office.host([*HELLO, *refused])
    assert office.deliver()[-1].startswith(b"D")
    office.finish()
    assert host.talks[0].rest == b"QUIT\r\n"


def test_data_accepted_without_recipients(office: Office) -> None:
    """Ended by a dot at once: there is nobody who would get that message (RFC 2920)."""
    host = office.host([*HELLO, GOOD[0], b"550 no\r\n", GOOD[2], b"554 no valid recipients\r\n"])
    assert [report[:1] for report in office.deliver()] == [b"h", b"D"]
    office.finish()
    assert (host.talks[0].messages, host.talks[0].rest) == ([b".\r\n"], b"QUIT\r\n")


def test_data_accepted_without_a_sender(office: Office) -> None:
    """There is a recipient who would get an empty message: the connection ends without a dot."""
    host = office.host([*HELLO, b"550 no\r\n", GOOD[1], GOOD[2], GOOD[3]])
    assert [report[:1] for report in office.deliver()] == [b"D"]
    office.finish()
    assert (host.talks[0].messages, host.talks[0].rest) == ([b""], b"")


# When a connection is kept, and for whom


def test_words_that_nobody_asked_for(office: Office) -> None:
    first = [*HELLO, *GOOD[:3], GOOD[3] + b"421 shutting down\r\n"]
    host = office.host(first, [*HELLO, *GOOD])
    assert [office.deliver(), office.deliver()] == [ACCEPTED, ACCEPTED]
    office.finish()
    assert [talk.messages for talk in host.talks] == [sent(1), sent(2)]


def test_the_time_is_over(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 0.0)
    host = office.host([*HELLO, *GOOD], [*HELLO, *GOOD])
    assert [office.deliver(), office.deliver()] == [ACCEPTED, ACCEPTED]
    office.finish()
    assert [talk.rest for talk in host.talks] == [b"QUIT\r\n"] * 2


def test_enough_messages(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    host = office.host([*HELLO, *GOOD, *GOOD], [*HELLO, *GOOD])
    for _ in range(3):
        assert office.deliver() == ACCEPTED
    office.finish()
    assert [talk.messages for talk in host.talks] == [sent(1, 2), sent(3)]


def test_another_place(office: Office) -> None:
    """One connection at a time: the first is left before the second is made."""
    one = office.host([*HELLO, *GOOD], name="one.example")
    two = office.host([*HELLO, *GOOD], name="two.example")
    assert office.deliver("one.example") == ACCEPTED
    assert office.deliver("two.example") == ACCEPTED
    one.finish()
    assert one.talks[0].rest == b"QUIT\r\n"
    office.finish()
    assert [one.messages, two.messages] == [sent(1), sent(2)]


def test_another_name_of_the_same_place(office: Office) -> None:
    host = office.host([*HELLO, *GOOD, *GOOD])
    assert [office.deliver("one.example"), office.deliver("two.example")] == [ACCEPTED, ACCEPTED]
    office.finish()
    assert host.talks[0].messages == sent(1, 2)


@pytest.mark.parametrize("name", ["me", "helohost", "timeoutremote"])
def test_a_change_of_configuration(office: Office, name: str) -> None:
    host = office.host([*HELLO, *GOOD], [*HELLO, *GOOD])
    assert office.deliver() == ACCEPTED
    office.control(name, "77\n")
    assert office.deliver() == ACCEPTED
    office.finish()
    assert host.talks[1].commands[0] == b"EHLO %s\r\n" % (b"me.example" if name == "timeoutremote" else b"77")


def test_a_change_of_the_route(office: Office) -> None:
    one = office.host([*HELLO, *GOOD])
    assert office.deliver() == ACCEPTED
    os.unlink(office.home.file("control/smtproutes"))
    two = office.host([*HELLO, *GOOD])
    assert office.deliver() == ACCEPTED
    office.finish()
    assert [one.messages, two.messages] == [sent(1), sent(2)]


# Waiting for work


def test_waiting_ends_with_work(office: Office) -> None:
    host = office.host([*HELLO, *GOOD, *GOOD])
    assert office.deliver() == ACCEPTED
    reader, writer = os.pipe()
    os.write(writer, b"x")
    office.courier.wait(reader)
    assert office.deliver() == ACCEPTED
    office.finish()
    assert len(host.talks) == 1
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize(("end", "rest"), [((), b"QUIT\r\n"), ((CLOSE,), b"")])
def test_waiting_ends_with_the_connection(
    office: Office, end: Script, rest: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its time, or at once when the server speaks or closes it; then there is nothing to wait for."""
    monkeypatch.setattr(module, "KEPT", 20.0 if end else 0.1)
    host = office.host([*HELLO, *GOOD[:3], GOOD[3] + b"421 idle\r\n" if end else GOOD[3], *end])
    reader, writer = os.pipe()
    assert office.deliver() == ACCEPTED
    start = time.monotonic()
    office.courier.wait(reader)
    office.courier.wait(reader)
    assert time.monotonic() - start < 10
    host.finish()
    assert host.talks[0].rest == rest
    os.close(reader)
    os.close(writer)


def test_unusable_addresses(office: Office) -> None:
    office.host()
    misused = [b"DI (qmail-remote) was invoked improperly. (#5.3.5)\n"]
    for sender, recipient in ((b"a\n@b", b"c@d"), (b"a@b", b"c\r@d")):
        assert office.courier.deliver(Delivery(b"x", sender, [recipient])) == misused
