"""QMTP conversations, however they are cut"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymail.formats.rcpthosts import RecipientHosts
from pymail.protocols import qmtp
from pymail.protocols.qmtp import BAD_RECIPIENT, BAD_SENDER, NOT_LISTED, TOO_BIG, Envelope, Rules, Session
from pysvc.formats.netstring import LONGEST, Malformed, TooLong, encode

ANYBODY = Rules(RecipientHosts(None))
LISTED = Rules(RecipientHosts(frozenset([b"here.test", b".sub.test"])))


def package(message: bytes, sender: bytes = b"s@t", *recipients: bytes) -> bytes:
    return encode(message) + encode(sender) + encode(b"".join(map(encode, recipients)))


def blocks(data: bytes, sizes: list[int]) -> list[bytes]:
    found = []
    for size in sizes:
        found.append(data[:size])
        data = data[size:]
    return [*found, data]


def feed(session: Session, *data: bytes) -> list[tuple[bytes, Envelope]]:
    """The messages that have come, each with its envelope."""
    found, body = [], b""
    for block in data:
        for event in session.feed(block):
            if isinstance(event, Envelope):
                found.append((body, event))
                body = b""
            else:
                body += event
    return found


def only(rules: Rules, data: bytes) -> tuple[bytes, Envelope]:
    ((body, envelope),) = feed(Session(rules), data)
    return body, envelope


def test_one_message() -> None:
    body, envelope = only(ANYBODY, package(b"\nSubject: x\r\n\nhello", b"s@t", b"a@b", b"c"))
    assert body == b"Subject: x\r\n\nhello"
    assert (envelope.sender, envelope.recipients, envelope.size) == (b"s@t", [b"a@b", b"c"], len(body))
    assert envelope.reply(b"Kok") == b"3:Kok,3:Kok,"


@given(st.text("\r\nab", max_size=30), st.lists(st.integers(0, 8), max_size=30))
def test_line_ends(text: str, sizes: list[int]) -> None:
    content = text.encode()
    first, second = package(b"\r" + content, b"", b"x@y"), package(b"\n" + content, b"", b"x@y")
    found = feed(Session(ANYBODY), *blocks(first + second, sizes))
    assert [body for body, _ in found] == [content.replace(b"\r\n", b"\n"), content]
    assert [envelope.size for _, envelope in found] == [len(body) for body, _ in found]


def test_an_empty_message() -> None:
    assert only(ANYBODY, package(b"\n", b"", b"x"))[0] == b""
    events = list(Session(ANYBODY).feed(package(b"\r", b"", b"x")))
    assert events[0] == b""  # the message has begun


def test_answers_in_their_order() -> None:
    addresses = (b"a@here.test", b"a@there.test", b"nohost", b"x" * 1000, b"nul\0@here.test", b"b@x.sub.test")
    _, envelope = only(LISTED, package(b"\n", b"s", *addresses))
    assert envelope.answers == [b"", NOT_LISTED, b"", BAD_RECIPIENT, BAD_RECIPIENT, b""]
    assert envelope.recipients == [b"a@here.test", b"nohost", b"b@x.sub.test"]
    assert envelope.refused == [
        (b"a@there.test", NOT_LISTED), (b"", BAD_RECIPIENT), (b"nul\0@here.test", BAD_RECIPIENT),
    ]  # fmt: skip


def test_answers_are_the_classic_bytes() -> None:
    assert encode(NOT_LISTED) == b"66:Dsorry, that domain isn't in my list of allowed rcpthosts (#5.7.1),"
    assert encode(BAD_RECIPIENT) == b"46:Dsorry, I can't handle that recipient (#5.1.3),"


@pytest.mark.parametrize("suffix", [b"", b"@fix"])
def test_relay_clients(suffix: bytes) -> None:
    rules = Rules(LISTED.hosts, relay=suffix)
    longest = b"x" * (999 - len(suffix))
    _, envelope = only(rules, package(b"\n", b"s", b"a@there.test", longest, longest + b"x"))
    assert envelope.recipients == [b"a@there.test" + suffix, longest + suffix]
    assert envelope.answers == [b"", b"", BAD_RECIPIENT]


@pytest.mark.parametrize("sender", [b"x" * 1000, b"a\0b", b"x" * 100_000])
def test_unacceptable_sender(sender: bytes) -> None:
    _, envelope = only(ANYBODY, package(b"\nx", sender, b"a@b"))
    assert envelope.refusal == BAD_SENDER
    assert only(ANYBODY, package(b"\nx", b"x" * 999, b"a@b"))[1].refusal == b""


def test_databytes_count_what_is_stored() -> None:
    rules = Rules(RecipientHosts(None), databytes=4)
    assert only(rules, package(b"\rab\r\nc", b"s", b"x"))[1].refusal == b""
    assert only(rules, package(b"\nabcde", b"s", b"x"))[1].refusal == TOO_BIG
    assert only(rules, package(b"\nabcde", b"\0", b"x"))[1].refusal == TOO_BIG  # before the sender


def test_no_recipients_no_answer() -> None:
    assert only(ANYBODY, package(b"\nx", b"s"))[1].reply(b"Kok") == b""


def test_idle_between_messages_only() -> None:
    data = package(b"\nx", b"s", b"r")
    for size in range(1, len(data)):
        session = Session(ANYBODY)
        assert session.idle
        assert feed(session, data[:size]) == []
        assert not session.idle
        assert len(feed(session, data[size:])) == 1
        assert session.idle


@pytest.mark.parametrize(
    "data",
    [
        b"0:,", b"1:x,", b"x", b"1:\n.", package(b"\nx")[:-3] + b"2:1:,",
        encode(b"\n") + encode(b"") + encode(b"1:ab"), encode(b"\n") + encode(b"") + encode(b"x:"),
    ],
)  # fmt: skip
def test_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        list(Session(ANYBODY).feed(data))


def test_too_long() -> None:
    with pytest.raises(TooLong):
        list(Session(ANYBODY).feed(b"%d:" % (LONGEST + 1)))
    with pytest.raises(TooLong):
        list(Session(ANYBODY).feed(encode(b"\n") + b"200000001:"))


def test_too_many_recipients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qmtp, "MOST_RECIPIENTS", 3)
    assert len(only(ANYBODY, package(b"\n", b"", b"a", b"b", b"c"))[1].recipients) == 3
    with pytest.raises(TooLong):
        list(Session(ANYBODY).feed(package(b"\n", b"", b"a", b"b", b"c", b"d")))
