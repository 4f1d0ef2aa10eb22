"""The SMTP session as a value: what needs no transcript"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymail.formats.rcpthosts import RecipientHosts
from pymail.protocols import smtp_server
from pymail.protocols.smtp_server import VERBS, Peer, Rules, Session, Transfer

PEER = Peer(b"192.0.2.9", b"client.example", b"mail.example")


def session(**rules: object) -> Session:
    return Session(Rules(b"mail.example", RecipientHosts(None), **rules), PEER)  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.one_of(st.sampled_from(sorted(VERBS)), st.binary()), st.binary(max_size=80))))
def test_every_command_has_one_reply(commands: list[tuple[bytes, bytes]]) -> None:
    bad, mine = frozenset([b"x@y"]), frozenset([bytes(4)])
    talk = session(bad_senders=bad, relay=b"@z", my_host=b"h", my_addresses=mine)
    for verb, argument in commands:
        reply = talk.command(verb, argument)
        lines = reply.split(b"\r\n")
        assert lines.pop() == b""
        assert [line[3:4] for line in lines] == [b"-"] * (len(lines) - 1) + [b" "]
        assert (talk.transfer is not None) == (reply[:3] == b"354")
        talk.transfer = None


def test_received() -> None:
    talk = session()
    talk.command(b"helo", b"other.example")
    assert talk.received(1000000000) == (
        b"Received: from client.example (HELO other.example) (192.0.2.9)\n"
        b"  by mail.example with SMTP; 9 Sep 2001 01:46:40 -0000\n"
    )


def test_no_limit_of_recipients() -> None:
    talk = session()
    talk.command(b"mail", b"FROM:<>")
    for number in range(1000):
        assert talk.command(b"rcpt", b"TO:<%d@x>" % number) == b"250 ok\r\n"
    assert len(talk.recipients) == 1000


def transfer(databytes: int = 0) -> Transfer:
    return Transfer(b"a@b", [b"c@d"], databytes)


def test_refusal_is_known_before_the_end() -> None:
    message = transfer(databytes=3)
    message.feed(b"1234\r\n")
    assert message.receiving
    assert message.refusal.startswith(b"552 ")


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        (b"", b"250 ok 5 qp 7\r\n"),
        (b"Dno way (#5.0.0)", b"554 no way (#5.0.0)\r\n"),
        (b"Znot now (#4.0.0)", b"451 not now (#4.0.0)\r\n"),
    ],
)
def test_reply_to_a_message(text: bytes, reply: bytes) -> None:
    assert transfer().reply(text, 7, 5) == reply


def test_recipients_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is refused takes no room; the message goes to those who were accepted."""
    monkeypatch.setattr(smtp_server, "MOST_RECIPIENTS", 2)
    talk = session()
    talk.command(b"mail", b"from:<a@b>")
    replies = [talk.command(b"rcpt", b"to:<%d@c>" % number)[:3] for number in range(4)]
    assert replies == [b"250", b"250", b"452", b"452"]
    assert talk.command(b"data", b"") == smtp_server.GO_AHEAD
    assert talk.transfer is not None and talk.transfer.recipients == [b"0@c", b"1@c"]
