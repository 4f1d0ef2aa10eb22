"""Parsers of what clients and servers of mail say"""

import re

from pymail.formats import address, logline, received, smtp_path, spawnreport
from pymail.protocols import pop3, qmqp, qmtp, smtp_client, smtp_data, smtp_server
from pymail.protocols.commands import LONGEST, Commands
from pysvc.formats import netstring
from tests.fuzz.parser import (
    CRLFS,
    HOSTS,
    KIB,
    MALFORMED_NETSTRING,
    MESSAGE,
    SMTP_REPLY,
    Blocks,
    Parser,
    lines_of,
    whole,
)

PEER = received.Peer(b"192.0.2.1", b"client.test", b"here.test")
# --- SMTP, server ---

SMTP_RULES = smtp_server.Rules(
    b"here.test", HOSTS, bad_senders=frozenset((b"bad@x.test", b"@worse.test")), databytes=5000,
    my_host=b"here.test", my_addresses=frozenset((b"\x7f\0\0\1",)),
)  # fmt: skip


def smtp(blocks: Blocks) -> object:
    """As qmail-smtpd does it."""
    commands, session = Commands(), smtp_server.Session(SMTP_RULES, PEER)
    transfer = None
    for block in blocks:
        data = block
        while True:
            if transfer is not None:
                transfer.feed(data)
                if transfer.stray:
                    return session
                if transfer.receiving:
                    break
                reply = transfer.refusal or transfer.reply(b"", 1, 0)
                assert SMTP_REPLY.fullmatch(reply)
                data, transfer = transfer.rest, None
            for verb, argument in commands.feed(data):
                reply = session.command(verb, argument)
                assert SMTP_REPLY.fullmatch(reply), reply
                assert b"\n" not in session.received(0).partition(b"\n")[2][:-1]
                transfer, session.transfer = session.transfer, None
                if session.over:
                    return session
                if transfer is not None:
                    break
            if transfer is None:
                break
            assert transfer.recipients
            assert all(len(r) <= smtp_path.LONGEST for r in (transfer.sender, *transfer.recipients))
            data = commands.take_rest()
    return commands, session, transfer


def smtp_argument(blocks: Blocks) -> object:
    text = whole(blocks)
    found = smtp_path.parse(text)
    assert len(found) <= len(text)
    assert address.split(found)[0] in found
    SMTP_RULES.address(found)
    HOSTS.allow(found)
    assert b"\n" not in logline.angled(found) + logline.field(found) + logline.text(found)
    return None


# --- SMTP, client ---

REPORT = re.compile(rb"[rhsKDZ]\Z|[hsKDZ][^\0]*\n(?:Remote host said: [^\0]*)?", re.DOTALL)


def smtp_replies(blocks: Blocks) -> object:
    """A server that says anything: one message with two recipients."""
    replies = smtp_client.Replies()
    server = smtp_client.Server(b"192.0.2.1")
    talk = smtp_client.Conversation(server, b"me.test", b"a@b", [b"c@d", b"e@f"])
    conversation = talk.talk()
    next(conversation)
    try:
        for block in blocks:
            data = block
            while (reply := replies.feed(data)) is not None:
                data = b""
                conversation.send(reply)
        talk.died()
    except (StopIteration, ConnectionAbortedError):
        talk.died()
    assert talk.reports
    assert all(REPORT.match(report) and b"\0" not in report for report in talk.reports)
    result = spawnreport.remote(0, b"\0".join([*talk.reports, b""]))
    assert result[:1] in (b"K", b"Z", b"D")
    assert (result[:1] == b"K") <= talk.accepted
    return replies


def smtp_body(blocks: Blocks) -> object:
    """A stored message on its way out and in again."""
    encoder, scanner = smtp_client.Encoder(), smtp_data.Scanner()
    sent = b"".join(encoder.feed(block) for block in blocks)
    end = encoder.finish()
    if end is not None:
        scanner.feed(sent + end)
        assert scanner.state == smtp_data.COMPLETE
        assert scanner.rest == b""
    return encoder


# --- POP3 ---

POP_REPLY = re.compile(rb"(?:\+OK|-ERR)[^\r\n]*\r\n(?:[^\r\n]*\r\n)*|\.\r\n")


def pop_log_in(blocks: Blocks) -> object:
    commands, log_in = Commands(), pop3.LogIn(b"<1.2@here.test>")
    for block in blocks:
        for verb, argument in commands.feed(block):
            reply = log_in.command(verb, argument)
            if log_in.secret is not None or log_in.over:
                assert log_in.handover().count(b"\0") == 3
                return log_in
            assert POP_REPLY.fullmatch(reply)
    return commands, log_in


def pop_session(blocks: Blocks) -> object:
    commands = Commands()
    session = pop3.Session([pop3.Message(10 * n, b"unique%d" % n) for n in range(4)])
    for block in blocks:
        for verb, argument in commands.feed(block):
            for answer in session.command(verb, argument):
                if isinstance(answer, bytes):
                    assert POP_REPLY.fullmatch(answer)
                else:
                    assert 0 <= answer.index < 4
                    assert not session.messages[answer.index].deleted
            if session.over:
                return session
    return commands, session


def pop_message(blocks: Blocks) -> object:
    """A stored message, whole and cut off after two lines: the client finds its end and no other."""
    for top in (None, pop3.Top(2)):
        body, parts = pop3.Body(), []
        for block in blocks:
            parts.append(body.feed(block if top is None else top.feed(block)))
            if top is not None and top.done:
                break
        sent = b"".join([*parts, body.finish()])
        assert (b"\r\n" + sent).find(b"\r\n.\r\n") == len(sent) - 3
    return body


# --- QMTP, QMQP ---


def qmtp_session(blocks: Blocks) -> object:
    session = qmtp.Session(qmtp.Rules(HOSTS, databytes=5000))
    for block in blocks:
        for event in session.feed(block):
            if isinstance(event, qmtp.Envelope):
                decoded = list(netstring.Series(1000).feed(event.reply(b"Kok")))
                assert len(decoded) == len(event.answers)
                assert all(answer and answer[:1] in b"KZD" for answer in decoded)
                assert all(b"\0" not in name for name in event.recipients)
    return session


def qmqp_session(blocks: Blocks) -> object:
    session = qmqp.Session()
    for block in blocks:
        session.feed(block)
        if session.done:
            assert session.sender is not None
            assert all(b"\0" not in name and len(name) <= 999 for name in session.recipients)
            break
    return session


def qmqp_answer(blocks: Blocks) -> object:
    assert qmqp.verdict(whole(blocks)) in (b"", b"K", b"Z", b"D")
    return None


CONVERSATION = lines_of(
    b'EHLO a.test\nMAIL FROM:<a@b>\nRCPT TO:<"c d"@here.test>\nDATA\nReceived: x\n\n..body\n.\n'
    b"MAIL FROM:<@r:bad@x.test> SIZE=5\nRCPT TO:<c@[127.0.0.1]>\nRSET\nQUIT\n"
)

CONVERSATIONS = {
    "smtp": Parser(smtp, [CONVERSATION], (*CRLFS, b"DATA\r\n", b"MAIL <>\r\n", b"RCPT <a>\r\n"),
                   holds=LONGEST + 8 * KIB),
    "smtp-path": Parser(smtp_argument, [b"FROM:<@a,@b:c\"d\\e\"@f>", b"TO: x y"], (b"<", b">", b'"', b"\\",
                                                                                   b"@")),
    "smtp-replies": Parser(
        smtp_replies,
        [lines_of(b"220 x ESMTP\n250-x\n250 PIPELINING\n250 ok\n250 ok\n550 no\n354 go\n250 ok\n")],
        (*CRLFS, b"250 ", b"354 ", b"421-", b"ESMTP", b"PIPELINING", b"-"), holds=12 * KIB),
    "smtp-body": Parser(smtp_body, [MESSAGE, b".\r.\n\r\n.\n"], CRLFS, holds=64),
    "pop3-log-in": Parser(pop_log_in, [b"user joe\r\npass x\r\n", b"apop joe d\r\n"], (*CRLFS, b"user ",
                                                                                       b"pass "),
                          holds=2 * LONGEST + 8 * KIB),
    "pop3": Parser(pop_session, [b"stat\r\nlist 1\r\ntop 2 1\r\ndele 3\r\nrset\r\nuidl\r\nquit\r\n"],
                   (*CRLFS, b"top ", b"list", b"1", b"999999999999999999999999", b"dele "),
                   holds=LONGEST + 8 * KIB),
    "pop3-message": Parser(pop_message, [MESSAGE], CRLFS, holds=64),
    "qmtp": Parser(qmtp_session, [b"3:\nab,1:a,18:11:c@here.test,,0:,", b"4:\ra\r\n,0:,3:0:,,"],
                   (b"0:", b"1:", b",", b":", b"\n", b"\r"), MALFORMED_NETSTRING, holds=8 * KIB,
                   short="a block; beginning a message costs more than copying what follows it"),
    "qmqp": Parser(qmqp_session, [b"19:3:abc,1:a,3:c@d,0:,,"], (b"0:", b"1:", b",", b":"),
                   MALFORMED_NETSTRING,
                   holds=8 * KIB),
    "qmqp-answer": Parser(qmqp_answer, [b"20:Kok 1 qp 2,"], (b"K", b"Z", b"D", b":")),
}  # fmt: skip
