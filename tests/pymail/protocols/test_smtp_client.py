"""Replies, the encoder and the conversation of an SMTP client, as values"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymail.protocols.smtp_client import (
    BODY,
    GROUP,
    LONGEST_TEXT,
    Conversation,
    Encoder,
    Replies,
    Reply,
    Server,
    in_groups,
)
from pymail.protocols.smtp_data import COMPLETE, Scanner

PIECES = st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"a", b"..", b"\r\n.\r\n", b"\r.\r", b"\0", b"xyz"])
MESSAGES = st.lists(PIECES, max_size=24).map(b"".join)
CUTS = st.lists(st.integers(0, 6), max_size=30)


def encode(message: bytes, cuts: list[int]) -> bytes | None:
    encoder, sent = Encoder(), b""
    for size in [*cuts, len(message)]:
        block, message = message[:size], message[size:]
        sent += encoder.feed(block)
    end = encoder.finish()
    return None if end is None else sent + end


def model(message: bytes) -> bytes | None:
    """Line by line: CR LF, CR and LF end a line; None if the last line has no end."""
    lines = message.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    if lines.pop():
        return None
    return b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines) + b".\r\n"


@given(MESSAGES, CUTS)
def test_encoder(message: bytes, cuts: list[int]) -> None:
    assert encode(message, cuts) == model(message)


@given(MESSAGES, st.sampled_from([b"\r\n", b"\n", b"\r"]))
def test_no_server_finds_an_end_inside(message: bytes, end_of_line: bytes) -> None:
    """Whatever a server takes for a line end, the only line that is a dot is the last one."""
    sent = encode(message + b"\n", [])
    assert sent is not None
    ends = sent.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    assert ends.index(b".") == len(ends) - 2
    scanner = Scanner()
    scanner.feed(sent)
    assert (scanner.state, scanner.rest) == (COMPLETE, b"")


@pytest.mark.parametrize(
    ("stored", "sent"),
    [
        (b"", b".\r\n"),
        (b"a\n", b"a\r\n.\r\n"),
        (b".\n..\n", b"..\r\n...\r\n.\r\n"),
        (b"a\r\n", b"a\r\n.\r\n"),
        (b"a\rb\n", b"a\r\nb\r\n.\r\n"),
        (b"a\r.\nMAIL FROM:<evil>\n", b"a\r\n..\r\nMAIL FROM:<evil>\r\n.\r\n"),
        (b"a\r\r\n", b"a\r\n\r\n.\r\n"),
        (b"a\r", b"a\r\n.\r\n"),
        (b"a", None),
        (b"a\n.", None),
    ],
)
def test_what_is_sent(stored: bytes, sent: bytes | None) -> None:
    assert encode(stored, []) == sent


def read_replies(stream: bytes, cuts: list[int]) -> list[tuple[int, bytes]]:
    replies, found = Replies(), []
    for size in [*cuts, len(stream)]:
        block, stream = stream[:size], stream[size:]
        reply = replies.feed(block)
        while reply is not None:
            found.append((reply.code, reply.text))
            reply = replies.feed(b"")
    return found


def model_replies(stream: bytes) -> list[tuple[int, bytes]]:
    """One byte at a time, as qmail-remote.c reads."""
    found: list[tuple[int, bytes]] = []
    at = 0
    try:
        while True:
            start, code = at, 0
            for byte in (stream[at], stream[at + 1], stream[at + 2]):
                code = code * 10 + byte - 48
            at += 3
            while stream[at] == ord("-"):
                at = stream.index(b"\n", at) + 4
            at = stream.index(b"\n", at) + 1
            found.append((code & 0xFFFFFFFF, stream[start:at].replace(b"\r", b"")[:LONGEST_TEXT]))
    except (IndexError, ValueError):
        return found


REPLY_PIECES = st.sampled_from([b"250 ok\r\n", b"250-", b"4", b"5", b"-", b"\n", b"\r", b" x", b"550", b"\0"])


@given(st.lists(REPLY_PIECES, max_size=30).map(b"".join), CUTS)
def test_replies(stream: bytes, cuts: list[int]) -> None:
    assert read_replies(stream, cuts) == model_replies(stream)


def test_an_endless_reply_takes_no_memory() -> None:
    replies = Replies()
    for _ in range(1000):
        assert replies.feed(b"250-" + b"x" * 1000 + b"\r\n") is None
    reply = replies.feed(b"250 end\r\n")
    assert reply is not None
    assert (reply.code, len(reply.text)) == (250, LONGEST_TEXT)


@pytest.mark.parametrize(("text", "least"), [(b"abc\n x\n", 500), (b"2\n\n\nx\n", 500), (b"ok, fine\n", 500)])
def test_what_is_no_code_is_refusal(text: bytes, least: int) -> None:
    ((code, _),) = read_replies(text, [])
    assert code >= least


def converse(
    replies: "list[bytes | None]", recipients: "list[bytes] | None" = None
) -> tuple[list[bytes], list[bytes]]:
    """(commands sent, reports) for a server that gives these replies; None: it closes."""
    talk = Conversation(Server(b"192.0.2.1"), b"me.example", b"a@b", recipients or [b"c@d"])
    steps = talk.talk()
    sent = [next(steps)]
    for reply in replies:
        talk.sent = sent[-1] is BODY
        if reply is None:
            talk.died()
            break
        try:
            sent.append(steps.send(Reply(int(reply[:3]), reply + b"\n")))
        except StopIteration:
            break
    return [step if step is not BODY else b"BODY" for step in sent], talk.reports


GOOD = [b"220 hi", b"250 helo", b"250 mail", b"250 rcpt", b"354 go", b"250 done"]


def said(text: bytes) -> bytes:
    return b".\nRemote host said: " + text + b"\n"


def test_accepted() -> None:
    commands, reports = converse(GOOD)
    assert commands == [
        b"", b"HELO me.example\r\n", b"MAIL FROM:<a@b>\r\n", b"RCPT TO:<c@d>\r\n", b"DATA\r\n", b"BODY",
    ]  # fmt: skip
    assert reports == [b"r", b"K192.0.2.1 accepted message" + said(b"250 done")]


@pytest.mark.parametrize(
    ("step", "reply", "report"),
    [
        (0, b"554 no", b"ZConnected to 192.0.2.1 but greeting failed"),
        (0, b"421 no", b"ZConnected to 192.0.2.1 but greeting failed"),
        (0, b"250 eh", b"ZConnected to 192.0.2.1 but greeting failed"),
        (1, b"554 no", b"ZConnected to 192.0.2.1 but my name was rejected"),
        (1, b"220 eh", b"ZConnected to 192.0.2.1 but my name was rejected"),
        (2, b"500 no", b"DConnected to 192.0.2.1 but sender was rejected"),
        (2, b"499 no", b"ZConnected to 192.0.2.1 but sender was rejected"),
        (3, b"550 no", b"h192.0.2.1 does not like recipient"),
        (3, b"450 no", b"s192.0.2.1 does not like recipient"),
        (4, b"554 no", b"D192.0.2.1 failed on DATA command"),
        (4, b"451 no", b"Z192.0.2.1 failed on DATA command"),
        (5, b"554 no", b"D192.0.2.1 failed after I sent the message"),
        (5, b"452 no", b"Z192.0.2.1 failed after I sent the message"),
    ],
)
def test_refusals(step: int, reply: bytes, report: bytes) -> None:
    _, reports = converse([*GOOD[:step], reply])
    before = [b"r"] if step > 3 else []
    after = [b"DGiving up on 192.0.2.1" + said(reply)] if step == 3 else []
    assert reports == [*before, report + said(reply), *after]


@pytest.mark.parametrize("code", [100, 200, 354, 399])
def test_codes_below_400_are_success(code: int) -> None:
    replies: list[bytes | None] = [*GOOD[:2], *(b"%d x" % code for _ in range(4))]
    _, reports = converse(replies)
    assert reports[-1].startswith(b"K")


def test_some_recipients() -> None:
    recipients = [b"a@x", b"b@x", b"c@x"]
    commands, reports = converse(
        [*GOOD[:3], b"550 no", b"250 yes", b"450 later", b"354 go", b"250 done"], recipients
    )
    assert commands[3:6] == [b"RCPT TO:<a@x>\r\n", b"RCPT TO:<b@x>\r\n", b"RCPT TO:<c@x>\r\n"]
    assert [report[:1] for report in reports] == [b"h", b"r", b"s", b"K"]


def test_all_recipients_for_now() -> None:
    _, reports = converse([*GOOD[:3], b"450 a", b"451 b"], [b"a@x", b"b@x"])
    assert [report[:1] for report in reports] == [b"s", b"s", b"D"]
    assert reports[-1] == b"DGiving up on 192.0.2.1" + said(b"451 b")


@pytest.mark.parametrize("step", range(6))
def test_died(step: int) -> None:
    _, reports = converse([*GOOD[:step], None])
    duplicate = b"Possible duplicate! " if step == 5 else b""
    died = b"ZConnected to 192.0.2.1 but connection died. " + duplicate + b"(#4.4.2)\n"
    assert reports == ([b"r"] if step > 3 else []) + [died]


@pytest.mark.parametrize(
    ("address", "path"),
    [
        (b"", b"<>"), (b"raw one", b"<raw one>"), (b"@host", b'<""@host>'), (b"a b@c d", b'<"a b"@c d>'),
        (b"a@b@c", b'<"a@b"@c>'), (b'q"\\@x', b'<"q\\"\\\\"@x>'),
    ],
)  # fmt: skip
def test_paths(address: bytes, path: bytes) -> None:
    talk = Conversation(Server(b"1.2.3.4"), b"me", address, [address])
    steps = talk.talk()
    next(steps)
    steps.send(Reply(220, b""))
    assert steps.send(Reply(250, b"")) == b"MAIL FROM:" + path + b"\r\n"
    assert steps.send(Reply(250, b"")) == b"RCPT TO:" + path + b"\r\n"


def test_text_of_a_reply_is_copied_but_for_nul() -> None:
    _, reports = converse([b"554 \xff\0\x1b"])
    assert reports[0].endswith(b"Remote host said: 554 \xff?\x1b\n")


# Several messages over a connection, and commands in groups


@pytest.mark.parametrize(
    ("hello", "extended", "pipelining"),
    [
        (b"250-x\n250 PIPELINING\n", True, True),
        (b"250-x\n250-pipelining \n250 8BITMIME\n", True, True),
        (b"250-x\n250 PIPELININGS\n", True, False),
        (b"250 PIPELINING\n", True, False),  # the server's name
        (b"250-x\n250-\n250 \n", True, False),
        (b"500-x\n500 PIPELINING\n", False, False),
    ],
)
def test_what_ehlo_teaches(hello: bytes, extended: bool, pipelining: bool) -> None:
    server = Server(b"1.2.3.4")
    steps = Conversation(server, b"me", b"a@b", [b"c@d"]).talk()
    next(steps)
    assert steps.send(Reply(220, b"220 x eSMTP\n")) == b"EHLO me\r\n"
    step = steps.send(Reply(int(hello[:3]), hello))
    assert (server.extended, server.pipelining) == (extended, pipelining)
    assert (step == b"HELO me\r\n") is not extended


def known(pipelining: bool = True) -> Server:
    """A server that has taken a message before."""
    server = Server(b"192.0.2.1")
    server.greeted = server.extended = True
    server.pipelining = pipelining
    return server


def test_the_second_message_begins_with_mail() -> None:
    steps = Conversation(known(), b"me", b"a@b", [b"c@d"]).talk()
    assert next(steps) == b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"
    assert [steps.send(Reply(250, b"")), steps.send(Reply(250, b""))] == [b"", b""]
    assert steps.send(Reply(354, b"")) is BODY


@given(st.lists(st.integers(1, 2 * GROUP), min_size=1, max_size=30))
def test_groups(sizes: list[int]) -> None:
    commands = [bytes([number + 65]) * size for number, size in enumerate(sizes)]
    sending = in_groups(commands)
    assert b"".join(sending) == b"".join(commands)
    for number, group in enumerate(sending):
        assert len(group) <= max(GROUP, len(commands[number]))
        assert b"".join(sending[:number]).startswith(b"".join(commands[:number]))  # sent before its reply


CODES = st.sampled_from([250, 250, 250, 354, 421, 450, 503, 550, 554, 100])
LONG = b"x" * 1000 + b"@y"


class Held:
    """A conversation held with a server that gives certain replies to MAIL, every RCPT, and DATA."""

    def __init__(self, codes: list[int], final: int, recipients: list[bytes], pipelining: bool) -> None:
        """final: the reply to the message, or to a dot alone."""
        self.talk = Conversation(known(pipelining), b"me", b"a@b", recipients)
        self.sent: list[bytes] = []
        self.aborted = False
        codes, steps = [*codes], self.talk.talk()
        try:
            step = next(steps)
            while True:
                if step in (BODY, b".\r\n"):
                    self.sent.append(b"BODY" if step is BODY else b".\r\n")
                    self.talk.sent = step is BODY
                    code = final
                else:
                    self.sent.append(step)
                    code = codes.pop(0)
                step = steps.send(Reply(code, b"%d x\n" % code))
        except StopIteration:
            pass
        except ConnectionAbortedError:
            self.aborted = True
            self.talk.died()


@given(st.data(), st.integers(1, 9))
def test_groups_change_no_report(data: st.DataObject, count: int) -> None:
    """Whatever a server replies: in groups or one by one, the reports and what is sent after them agree."""
    recipients = data.draw(st.lists(st.sampled_from([b"c@d", LONG]), min_size=count, max_size=count))
    codes = data.draw(st.lists(CODES, min_size=count + 2, max_size=count + 2))
    final = data.draw(CODES)
    together, single = (Held(codes, final, recipients, pipelining) for pipelining in (True, False))
    assert together.talk.reports == single.talk.reports
    assert together.talk.begun == single.talk.begun == (b"BODY" in together.sent)
    assert together.talk.accepted == single.talk.accepted
    refused, accepted = codes[0] >= 400, [code < 400 for code in codes[1:-1]]
    if b".\r\n" in together.sent:
        assert codes[-1] < 400 and not any(accepted)  # nobody gets an empty message
    if b"BODY" in together.sent:
        assert not refused and any(accepted) and codes[-1] == 354
        assert b"".join(together.sent) == b"".join(single.sent)
    out_of_step = not refused and any(accepted) and codes[-1] < 400 and codes[-1] != 354
    assert single.aborted == out_of_step != single.talk.judged
    without_sender = refused and any(accepted) and codes[-1] < 400  # unless DATA was in a later group
    assert out_of_step <= together.aborted <= (out_of_step or without_sender)


@pytest.mark.parametrize("pipelining", [True, False])
def test_a_reply_too_many(pipelining: bool) -> None:
    """It shifts those behind it: the 354 would be taken for the verdict, and the message be lost."""
    held = Held([250, 250, 250], 354, [b"c@d"], pipelining)
    assert (held.aborted, held.talk.begun, held.talk.accepted) == (True, False, False)
    assert held.talk.reports == [b"r", b"ZConnected to 192.0.2.1 but connection died. (#4.4.2)\n"]


@pytest.mark.parametrize("judgement", [0, 1, 2])
def test_an_end_after_the_judgement_changes_nothing(judgement: int) -> None:
    talk = Conversation(known(), b"me", b"a@b", [b"c@d"])
    steps = talk.talk()
    next(steps)
    for _ in range(judgement):
        steps.send(Reply(250, b""))
    try:
        steps.send(Reply(550, b"550 no\n"))
    except StopIteration:
        assert judgement == 2
    before = list(talk.reports)
    talk.died()
    assert talk.reports == before
    assert b"550 no" in before[-1]
