"""Every parser of bytes from outside, one row each: what feeds it, samples to mutate, what it may raise

A row's `run` takes the input cut into blocks, asserts that what comes out is what the parser's manual
allows, and returns what lives on after the last block. `errors` are the documented exceptions; any other
one is a fault. `holds`: the most bytes that may live on, however much has come; None where the parser is
given a whole file, which its caller has bounded. `short`: why the input is never so long that work which
grows with its square would matter; empty where the input may be long.
"""

import ipaddress
import re
import time
from collections.abc import Callable, Iterable, Sequence

import dns.message
import dns.nameserver
import dns.query
import dns.resolver

from pymail.engines import deliveries, spawner
from pymail.engines.inject import Injection
from pymail.engines.jobs import Job
from pymail.engines.passes import Pass, UnknownRecord
from pymail.engines.rewrite import LOCAL, REMOTE, Rewriter, bounce_sender, delivery_sender
from pymail.formats import (
    activity,
    address,
    addresslist,
    assign,
    bounce,
    control,
    delivered,
    dotqmail,
    envelope,
    header,
    hostsfile,
    ip4,
    logline,
    maildir,
    mbox,
    passwdfile,
    pw2u,
    received,
    smtp_path,
    smtproutes,
    spawnreport,
    syslogline,
    tcpto,
    token822,
    utmp,
    verdict,
)
from pymail.formats.rcpthosts import RecipientHosts
from pymail.protocols import handoff, pop3, qmqp, qmtp, smtp_client, smtp_data, smtp_server, spawn
from pymail.protocols.commands import LONGEST, Commands
from pymail.unix.dns import Lookups, Temporary, Unknown
from pysvc.engines import ident, limits, loglines, refusal, resolver
from pysvc.engines.supervisor import SIGNALS, Supervisor
from pysvc.formats import (
    cdb,
    crlf,
    dnsrewrite,
    http,
    ip,
    localtime,
    logname,
    logscript,
    netstring,
    proxy,
    runscript,
    servicefiles,
    state,
    status,
    tai64n,
    tally,
    tcprules,
    visible,
)
from pysvc.formats import dns as packets

Blocks = Sequence[bytes]
HOSTS = RecipientHosts(frozenset((b"here.test", b".sub.test")))
PEER = received.Peer(b"192.0.2.1", b"client.test", b"here.test")


class Parser:
    """One row; words: pieces that mean something to this parser, for new inputs made of them."""

    __slots__ = ("errors", "holds", "run", "samples", "short", "words")

    def __init__(
        self, run: Callable[[Blocks], object], samples: Iterable[bytes], words: Iterable[bytes] = (),
        errors: tuple[type[Exception], ...] = (), holds: int | None = None,
        short: str = "",
    ) -> None:  # fmt: skip
        self.run, self.samples, self.words = run, tuple(samples), tuple(words)
        self.errors, self.holds, self.short = errors, holds, short

    def try_on(self, blocks: Blocks) -> object:
        """What lives on; None where the input was refused in a documented way."""
        try:
            return self.run(blocks)
        except self.errors:
            return None


def whole(blocks: Blocks) -> bytes:
    """The input in one; a single block as it is."""
    return blocks[0] if len(blocks) == 1 else b"".join(blocks)


def lines_of(text: bytes) -> bytes:
    return text.replace(b"\n", b"\r\n")


# --- SMTP, server ---

SMTP_REPLY = re.compile(rb"(?:\d{3}[ -][^\r\n]*\r\n)+")
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


# --- the pipes and sockets between our own processes ---


def spawn_requests(blocks: Blocks) -> object:
    requests, slots = spawn.Requests(), spawner.Slots(spawnreport.local, spawnreport.cut)
    for block in blocks:
        for request in requests.feed(block):
            refused = slots.refusal(request)
            assert refused is None or refused[:1] in (b"Z", b"D")
            if refused is None:
                slots.start(request.delnum)
    return requests


def spawn_reports(blocks: Blocks) -> object:
    reports = spawn.Reports()
    for block in blocks:
        for delnum, text in reports.feed(block):
            assert 0 <= delnum <= 255
            assert len(text) <= spawn.LONGEST_REPORT
            kind, said = deliveries.outcome(text, last=True)
            assert kind in (deliveries.SUCCESS, deliveries.FAILURE, deliveries.MANGLED)
            assert activity.report(1, kind, said).count(b"\n") == 1
    return reports


def local_output(blocks: Blocks) -> object:
    """What a user's commands print."""
    slots = spawner.Slots(spawnreport.local, spawnreport.cut)
    slots.start(0)
    for block in blocks:
        if block:
            slots.output(0, block)
    slots.ended(0, 0)
    held = slots.busy(), slots._busy[0].output
    report = slots.output(0, b"")
    assert report is not None
    assert report[:1] in (b"K", b"Z", b"D")
    for code in (*range(112, 127), -9, 255):
        assert spawnreport.local(code, whole(blocks))[:1] in (b"K", b"Z", b"D")
    return held


def remote_output(blocks: Blocks) -> object:
    for code in (0, 1, 111, -9):
        assert spawnreport.remote(code, whole(blocks))[:1] in (b"K", b"Z", b"D")
    return None


def queue_answers(blocks: Blocks) -> object:
    for line in whole(blocks).split(b"\n"):
        for word in (b"ready", b"exit"):
            found = handoff.parse(word, line + b"\n")
            assert found is None or found >= 0
    return None


def queue_text(blocks: Blocks) -> object:
    """What a program in place of qmail-queue says of itself."""
    custom = whole(blocks)
    for code in range(256):
        text = verdict.queue_text(code, custom)
        assert (text == b"") == (code == 0)
        assert text[:1] in (b"", b"D", b"Z")
        assert not set(b"\r\n\0") & set(text)
    return None


# --- the queue ---


def caller_envelope(blocks: Blocks) -> object:
    reader, stored = envelope.Reader(), b""
    for block in blocks:
        stored += reader.feed(block)
        if reader.ended:
            break
    for number, (kind, name) in enumerate(envelope.records(stored)):
        assert kind == (b"T" if number else b"F")
        assert len(name) <= address.LONGEST
    return reader


def queue_file(blocks: Blocks) -> object:
    content = whole(blocks)
    envelope.sender_of(content)
    rewriter = Rewriter(b"env.test", frozenset((b"hack.test",)), frozenset((b"here.test",)), {b"": b"all"})
    for offset, _, name in envelope.recipients(content):
        assert content[offset + 1 : offset + 1 + len(name)] == name
        channel, found = rewriter.rewrite(name)
        assert channel in (LOCAL, REMOTE)
        assert b"@" in found
        assert isinstance(rewriter.without_prefix(found), bytes)
        assert bounce_sender(delivery_sender(b"o-@h-@[]", found)) == delivery_sender(b"o-@h-@[]", found)
    return None


def channel_file(blocks: Blocks) -> object:
    """local/N or remote/N, block by block."""
    current, content = Pass(Job(1, 0, b"", 0, False)), whole(blocks)
    for block in blocks:
        current.feed(block)
        while (found := current.next()) is not None:
            offset, name = found
            assert content[offset : offset + len(name) + 2] == b"T" + name + b"\0"
    return current


def bounce_file(blocks: Blocks) -> object:
    content = whole(blocks)
    sound = bounce.whole_paragraphs(content)
    assert content.startswith(sound)
    assert b"\0" not in sound
    assert bounce.paragraph(content, content).count(b"\n\n") == 1
    return None


def timeouts(blocks: Blocks) -> object:
    table = whole(blocks)
    for found in tcpto.recent(table):
        tcpto.shunned(table, found.address, 1000, 1)
        change = tcpto.timed_out(table, found.address, 1000)
        assert change is None or change[0] + len(change[1]) <= len(table)
    return None


# --- mail: headers, addresses, dot-qmail, mailboxes ---


def message_header(blocks: Blocks) -> object:
    reader, rest = header.Reader(), None
    for number, block in enumerate(blocks):
        rest = reader.feed(block)
        if rest is not None:
            rest += b"".join(blocks[number + 1 :])
            break
    if rest is None:
        rest = reader.end()
    for name, field in reader.fields:
        assert field.endswith(b"\n")
        assert name == name.lower()
        assert header.field_name(field) == name
    assert rest == b"" or rest.startswith(b"\n")
    return None


def address_field(blocks: Blocks) -> object:
    text = b"To:" + whole(blocks)
    tokens, found = addresslist.rewrite_list(token822.parse(text), list)
    rendered = token822.render(tokens)
    assert token822.parse(rendered) == [(k, t) for k, t in tokens if (k, t) != (token822.ATOM, b"")]
    assert all(isinstance(token822.unquote(one), bytes) for one in found)
    return None


def injected(blocks: Blocks) -> object:
    text = whole(blocks)
    names = ("defaulthost", "defaultdomain", "plusdomain", "idhost")
    injection = Injection({}, dict.fromkeys(names, b"here.test"), 1000, 1, frozenset((b"list@here.test",)))
    reader = header.Reader()
    if reader.feed(text) is None:
        reader.end()
    for name, field in reader.fields:
        injection.field(name, field)
    injection.add_recipient(text)
    assert injection.header().endswith(b"\n")
    assert not any(b"\0" in one for one in (injection.sender(), *injection.recipients("H")))
    return None


def any_address(blocks: Blocks) -> object:
    text = whole(blocks)
    quoted = address.quote_address(text)
    local, domain = address.split(text)
    assert quoted.endswith(domain or b"")
    assert token822.unquote(token822.parse(address.quote(local))) == local
    assert delivered.return_path(text).count(b"\n") == 1
    assert delivered.delivered_to(text, text).count(b"\n") == 1
    assert mbox.from_line(text, 0).count(b"\n") == 1
    assert received.clean(text).isascii()
    for found, more in dotqmail.names(b"-", text):
        assert b"." not in found[1:]
        assert more is None or text.endswith(more)
    return None


def dot_qmail(blocks: Blocks) -> object:
    kinds = (dotqmail.PROGRAM, dotqmail.MAILDIR, dotqmail.MBOX, dotqmail.FORWARD, dotqmail.RESTRICT)
    for instruction in dotqmail.parse(whole(blocks)):
        assert instruction.kind in kinds
        assert b"\n" not in instruction.text
    return None


def loop_search(blocks: Blocks) -> object:
    text = whole(blocks)
    line = b"Delivered-To: joe@here.test\n"
    head = text[: end + 1] if (end := (b"\n" + text).find(b"\n\n")) >= 0 else text
    assert delivered.header_has(iter(blocks), line) == (b"\n" + line in b"\n" + head)
    return None


def mbox_message(blocks: Blocks) -> object:
    stored = b"".join(mbox.quoted(iter(blocks)))
    assert not stored or stored.endswith(b"\n")
    assert not (b"\n" + stored).count(b"\nFrom ")
    assert mbox.sender_of(stored.partition(b"\n")[0] + b"\n") is not None
    return None


def mailbox_name(blocks: Blocks) -> object:
    name = whole(blocks)
    assert maildir.unique(maildir.seen_by_server(name)) == maildir.unique(name)
    assert maildir.flags(maildir.seen_by_server(name.replace(b":", b""))) == b""
    maildir.hidden(name)
    return None


# --- control files, users ---


def control_file(blocks: Blocks) -> object:
    content = whole(blocks)
    assert b"\n" not in control.line(content)
    found = control.number(content)
    assert found is None or found >= 0
    assert all(item and b"\n" not in item for item in control.items(content))
    assert all(key == key.lower() for key in (*control.mapping(content), *control.keys(content)))
    for host in (content[:50], b"a.b.test"):
        route = smtproutes.find(control.mapping(content), host)
        assert route is None or 0 <= route[1] <= 65535
    return None


def users_assign(blocks: Blocks) -> object:
    content = whole(blocks)
    database = cdb.Reader(cdb.build(assign.records(assign.parse(content))))
    for local in (content[1:9], b"joe-list", b""):
        assign.find(database, local)
    return None


def assign_record(blocks: Blocks) -> object:
    found = assign.unpack(whole(blocks))
    assert 0 <= found.uid <= assign.HIGHEST_ID
    assert found.pack().count(b"\0") == assign.FIELDS
    return None


def account_files(blocks: Blocks) -> object:
    content = whole(blocks)
    passwdfile.parse(content)
    passwdfile.find(content, content[:4])
    rules = pw2u.Rules()
    for line in content.split(b"\n"):
        account = pw2u.parse(line)
        if account is not None:
            assert all(text.endswith(b"\n") for text in rules.lines(account))
            rules.accept(account)
            list(rules.subuser(line, {account.name.lower(): account}))
    return None


def host_files(blocks: Blocks) -> object:
    content = whole(blocks)
    hostsfile.full_name(content, b"here")
    hostsfile.name_of(content, b"127.0.0.1")
    rules = [*dnsrewrite.lines(content), *(dnsrewrite.from_resolv_conf(content) or ())]
    names = dnsrewrite.rewrite(b"host", rules)
    assert names
    utmp.lines(content, b"joe", 384)
    return None


# --- numbers and addresses of hosts ---


def internet_address(blocks: Blocks) -> object:
    text = whole(blocks)
    packed = ip.parse(text)
    if packed is not None:
        assert ipaddress.ip_address(text.decode()).packed == packed
    assert all(len(one) == 4 for one in ip.literal(text) or ())
    assert all(len(one) == 4 for one in ip.leading_addresses(text))
    network = ip.network(text)
    assert network is None or 0 <= network[1] <= 8 * len(network[0])
    assert len(ip4.parse_literal(text) or bytes(4)) == 4
    return None


def connection_limit(blocks: Blocks) -> object:
    limit = limits.Limit.parse(whole(blocks))
    assert limit.most is None or limit.most >= 0
    return None


# --- DNS ---


def dns_reply(blocks: Blocks) -> object:
    reply = whole(blocks)
    for kind in (packets.A, packets.AAAA):
        assert all(len(one) == (4 if kind == packets.A else 16) for one in packets.addresses(reply, kind))
    name = packets.name(reply)
    assert name is None or set(name) <= set(b"abcdefghijklmnopqrstuvwxyz0123456789-_.\\")
    assert all(32 <= byte <= 126 for byte in packets.text(reply))
    return None


def dns_exchange(blocks: Blocks) -> object:
    """Datagrams that a server, or somebody else, sends after a question."""
    resolution = resolver.Resolution(2)
    asked = packets.query(7, packets.wire_name(b"a.test"), packets.A)
    next_step = resolver.ASK
    for block in blocks:
        if next_step == resolver.ASK:
            resolution.asked(0.0)
        next_step = resolution.received(block, asked)
        if next_step in (resolver.ANSWERED, resolver.FAILED):
            break
    return None


def dns_name(blocks: Blocks) -> object:
    wire = packets.wire_name(whole(blocks))
    assert len(wire) <= packets.LONGEST_NAME
    assert packets.read_name(wire, 0) == (wire, len(wire))
    assert packets.wire_name(packets.show_name(wire)) == packets.wire_name(packets.show_name(wire.lower()))
    return None


class LyingServer(dns.nameserver.Nameserver):
    """A name server whose answer is what the parser is given."""

    def __init__(self, answer: bytes) -> None:
        super().__init__()
        self.answer = answer

    def __str__(self) -> str:
        return "lying"

    def kind(self) -> str:
        return "lying"

    def is_always_max_size(self) -> bool:
        return True

    def answer_nameserver(self) -> str:
        return "192.0.2.1"

    def answer_port(self) -> int:
        return 53

    def query(self, request: dns.message.QueryMessage, *_: object, **__: object) -> dns.message.Message:
        reply = dns.message.from_wire(request.id.to_bytes(2, "big") + self.answer[2:])
        if not request.is_response(reply):
            raise dns.query.BadResponse
        return reply


def mail_lookups(blocks: Blocks) -> object:
    """What qmail-remote makes of an answer about MX and A records."""
    one = dns.resolver.Resolver(configure=False)
    one.nameservers = [LyingServer(whole(blocks))]
    one.lifetime, one.timeout = 1, 1
    lookups = Lookups(one)
    for preference, name in lookups.exchangers(b"a.test"):
        assert 0 <= preference <= 65535
        assert isinstance(name, bytes)
    return None


def mail_addresses(blocks: Blocks) -> object:
    one = dns.resolver.Resolver(configure=False)
    one.nameservers = [LyingServer(whole(blocks))]
    assert all(len(found) == 4 for found in Lookups(one).addresses(b"a.test"))
    return None


def answer(kind: int, *data: bytes, flags: bytes = b"\x81\x80") -> bytes:
    """A reply to query 7 about a.test."""
    question = b"\1a\4test\0" + kind.to_bytes(2, "big") + b"\0\1"
    records = b"".join(
        b"\xc0\x0c" + kind.to_bytes(2, "big") + b"\0\1\0\0\0\x3c" + len(one).to_bytes(2, "big") + one
        for one in data
    )
    return b"\0\7" + flags + b"\0\1" + len(data).to_bytes(2, "big") + bytes(4) + question + records


MX = 15
CNAME = answer(packets.A, b"\1b\xc0\x0c").replace(b"\xc0\x0c\0\1", b"\xc0\x0c\0\5", 1)

# --- tcpserver and its neighbours ---


def proxy_header(blocks: Blocks) -> object:
    scanner = proxy.Scanner()
    rest = whole(blocks)
    while scanner.wanted and rest:
        assert scanner.wanted <= 65535 + proxy.FIXED
        piece, rest = rest[: scanner.wanted], rest[scanner.wanted :]
        scanner.feed(piece)
    return scanner


def ident_reply(blocks: Blocks) -> object:
    scanner = ident.Scanner()
    for block in blocks:
        if not scanner.done:
            scanner.feed(block)
    assert len(scanner.result) <= ident.LONGEST
    assert all(33 <= byte <= 126 for byte in scanner.result)
    return scanner


def rule_lines(blocks: Blocks) -> object:
    for line in whole(blocks).split(b"\n"):
        found = tcprules.records(line)
        assert len(found) <= 256
        for key, data in found:
            tcprules.shown(key)
            assert all(item is None or len(item) == 2 for item in tcprules.items(data))
    return None


def rule_database(blocks: Blocks) -> object:
    found = tcprules.decide(cdb.Reader(whole(blocks)), b"192.0.2.1", b"client.test", b"joe")
    assert found is None or list(tcprules.items(found[1])) is not None
    return None


def database(blocks: Blocks) -> object:
    data = whole(blocks)
    reader = cdb.Reader(data)
    for key in (b"one", b"", data[-5:]):
        reader.find(key)
        list(reader.beginnings(key))
        for count, _ in enumerate(reader.find_all(key)):
            assert count <= len(data) // 8
    for count, _ in enumerate(cdb.records(data)):
        assert count <= len(data) // 8
    return None


def refused_client(blocks: Blocks) -> object:
    session = refusal.Session(b"451 no")
    for block in blocks:
        if not session.done:
            assert all(SMTP_REPLY.fullmatch(reply) for reply in session.feed(block))
    return session


def line_ends(blocks: Blocks) -> object:
    remover, fixer, body = crlf.Remover(), crlf.Fixer(), http.Body()
    for block in blocks:
        remover.feed(block)
        fixer.feed(block)
        body.feed(block)
        crlf.add(block)
        visible.show(block)
    return remover, fixer, body


def netstrings(blocks: Blocks) -> object:
    series = netstring.Series(1000)
    for block in blocks:
        for content in series.feed(block):
            assert content is None or len(content) <= 1000
    return series


# --- services and logs ---


def service_status(blocks: Blocks) -> object:
    data = whole(blocks)
    found = status.unpack(data)
    assert found.seconds(time.time_ns()) >= 0
    assert 0 <= found.pid < 2**32
    return None


def service_state(blocks: Blocks) -> object:
    data = whole(blocks)
    found = state.unpack(data)
    assert found.since >= 0
    assert 0 <= found.pid < 10**10
    shown = " ".join([found.doing, *([state.cause(found.death[1])] if found.death else [])])
    assert shown.isprintable()
    assert len(tally.add(data, 0, "111", 5).splitlines()) <= 5
    return None


def service_commands(blocks: Blocks) -> object:
    """What somebody writes into supervise/control."""
    actions = {*SIGNALS.values(), "CONT", "STOP", "announce", "start", "exit"}
    one = Supervisor(0, up=True)
    one.started(7, 0)
    for byte in whole(blocks):
        assert set(one.command(bytes([byte]))) <= actions
    return one


def service_files(blocks: Blocks) -> object:
    content = whole(blocks)
    complaints: list[str] = []
    for name in servicefiles.FILES:
        servicefiles.parse({name: content}, {15: "TERM", 1: "HUP"}, lambda name, why: complaints.append(why))
    assert all(complaints)
    found = runscript.parse(content)
    assert found is None or (found.words and all(found.words))
    return None


def log_script(blocks: Blocks) -> object:
    """The arguments are the lines of the input; the log is the same text."""
    text = whole(blocks)
    script = logscript.Script([*text.replace(b"\0", b"").split(b"\n"), b"./log"])
    lines = loglines.Lines(script)
    for block in blocks:
        batch = lines.take(block, b"@label ")
        assert len(batch.texts) == len(script.directories)
        assert all(logscript.alert(line).endswith(b"\n") for line in batch.alerts)
    return lines


def long_lines(blocks: Blocks) -> object:
    """Any text through a script that looks at every line."""
    script = logscript.Script([b"t", b"-*", b"+*a*b*", b"e", b"=status", b"./log"])
    lines, label = loglines.Lines(script), b"@%024x " % 1
    for block in blocks:
        lines.take(block, label)
    return lines


def log_times(blocks: Blocks) -> object:
    converter = localtime.Converter(time.gmtime)
    for rest, text in localtime.lines(iter(blocks), 1000):
        assert isinstance(rest, bytes)
        assert converter.convert(text).count(b"\n") == text.count(b"\n")
    return None


def log_names(blocks: Blocks) -> object:
    names = whole(blocks).split(b"\n")
    new = logname.name(10**18, logname.SAFE)
    assert logname.after(new, names)[25:] == b".s"
    assert set(logname.surplus(names, 3)) <= set(names)
    return None


def syslog_lines(blocks: Blocks) -> object:
    splitter = syslogline.Splitter()
    for block in blocks:
        for priority, text in splitter.feed(block, b"1.2"):
            assert priority in (syslogline.ALERT, syslogline.WARNING, syslogline.INFO)
            assert text.isascii()
    return splitter


RULES = b'10.0.2-5.:deny\n:allow,A="b"\n=.x.test:allow\n2001:db8::/32:deny\njoe@1.2.3.4:allow,B=/c/\n#\n'
CDB = cdb.build([(b"one", b"1"), (b"two", b"2"), (b"one", b"3"), (b"", b""), (b"192.0.2.1", b"D\0+A=b\0")])
ASSIGN = b"=joe:joe:500:500:/home/joe:::\n+list-:alias:7:8:/a:-:list-:\n.\n"
MESSAGE = b"Subject: x\n\nbody\n.\nFrom me\n"
CONVERSATION = lines_of(
    b'EHLO a.test\nMAIL FROM:<a@b>\nRCPT TO:<"c d"@here.test>\nDATA\nReceived: x\n\n..body\n.\n'
    b"MAIL FROM:<@r:bad@x.test> SIZE=5\nRCPT TO:<c@[127.0.0.1]>\nRSET\nQUIT\n"
)
TABLE = b"".join(bytes([127, 0, 0, n, n, 0, 0, 0]) + n.to_bytes(4, "little") + bytes(4) for n in range(8))
STATUS = status.pack(status.Status(10**18, 99, True, b"u"))
STATE = (
    b"doing up\nsince @400000006553f10a075bcbf4\npid 7\n"
    b"ready @400000006553f10a075bcbf4\ndeath @4000 SEGV\n"
)
BINARY_PROXY = proxy.SIGNATURE + b"\x21\x11\0\x0c" + bytes(range(12))
CRLFS = (b"\r", b"\n", b".", b"\r\n", b"\r\n.\r\n", b" ", b"\0")
MALFORMED_NETSTRING = (netstring.Malformed, netstring.TooLong)
RECORDS = b"Fa@b\0Tc@here.test\0Dx%y@hack.test\0T\0"
ANSWERS = (answer(packets.A, b"\1\2\3\4"), answer(packets.PTR, b"\1b\xc0\x0e"), answer(packets.TXT, b"\3abc"),
           answer(packets.AAAA, bytes(16)), answer(packets.A, b"\1\2\3\4", flags=b"\x83\x80"))  # fmt: skip
KIB = 1024

# In the order of the sections above; a new parser of outside bytes gets a row.
PARSERS = {
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
    "spawn-requests": Parser(spawn_requests, [b"\0001/5\0a@b\0c@d\0", b"\x05/5\0\0x\0"], (b"\0", b"/", b"@")),
    "spawn-reports": Parser(spawn_reports, [b"\0Kok\0", b"\xffDno\0"], (b"\0", b"K", b"Z"), holds=12 * KIB),
    "local-output": Parser(local_output, [b"did 1+0+0\n"], (b"\0", b"\n"), holds=4 * KIB),
    "remote-output": Parser(remote_output, [b"r\0Kok\0", b"hno\0Dno\0"], (b"\0", b"r", b"h", b"s", b"K",
                                                                          b"Z", b"D")),
    "queue-answers": Parser(queue_answers, [b"ready 7\nexit 0\n"], (b"ready ", b"exit ", b"9", b"-", b"\n")),
    "queue-program": Parser(queue_text, [b"Dno (#5.7.1)\n", b"Zlater"], (b"\r\n", b"\0", b"D", b"Z")),
    "envelope": Parser(caller_envelope, [b"Fa@b\0Tc@d\0Te\0\0"], (b"\0", b"F", b"T"),
                       (envelope.Malformed, envelope.TooLong), holds=8 * KIB),
    "queue-files": Parser(queue_file, [RECORDS], (b"\0", b"@", b"%", b"T", b"D", b"hack.test")),
    "channel-files": Parser(channel_file, [RECORDS[5:]], (b"\0", b"T", b"D"), (UnknownRecord,),
                            holds=128 * KIB),
    "bounce-files": Parser(bounce_file, [b"<a@b>:\nno\n\n<c>:\nx\n"], (b"\n", b"\0", b"<")),
    "timeouts": Parser(timeouts, [TABLE], (bytes(16), b"\xff" * 16)),
    "header": Parser(message_header, [MESSAGE, b"From x\na: b\n c\n\n"], (b"\n", b":", b" ", b"From ",
                                                                          b"\0")),
    "address-lists": Parser(address_field, [b' A (c) <a@b>, g: "x\\"y"@[1.2], <@r:z>;, q\n'],
                            (b",", b"<", b">", b"(", b")", b'"', b"\\", b":", b";", b"[", b"]", b"@", b".",
                             b"\n"),
                            (token822.Unparsable, addresslist.BadList)),
    "inject": Parser(injected, [b"To: a, b@c\nCc: list\nResent-To: x\nReturn-Path: <q>\n\nx\n"],
                     (b"To: ", b"\n", b",", b"<", b">", b"(", b'"', b"+", b"@", b"Bcc: "),
                     (token822.Unparsable,)),
    "addresses": Parser(any_address, [b"joe-list@here.test", b'a"b c'], (b"@", b".", b"-", b"default", b'"',
                                                                         b"\\", b"\n"),
                        short="an address has at most 1002 bytes"),
    "dot-qmail": Parser(dot_qmail, [b"|x\n./M/\n&a@b\n+list\n#c\n/m\n"], (b"\n", b"|", b"&", b" ", b"+",
                                                                          b"./"),
                        (dotqmail.BlankFirstLine,)),
    "loop-search": Parser(loop_search, [b"Delivered-To: joe@here.test\na: b\n\nx"], (b"\n",
                                                                                     b"Delivered-To: ",
                                                                                     b"joe@here.test\n")),
    "mbox": Parser(mbox_message, [MESSAGE, b">From x\n>>From y"], (b"From ", b">", b"\n", b"F")),
    "maildir-names": Parser(mailbox_name, [b"1.2.h:2,S"], (b":", b"2,", b".")),
    "control": Parser(control_file, [b"a.b.test:relay:26\n# c\nB:\n:x\n", b"99999999999999999999\n"],
                      (b"\n", b":", b"#", b"\0", b" ", b"9")),
    "users-assign": Parser(users_assign, [ASSIGN], (b":", b"\n", b"=", b"+", b".", b"\0"),
                           (assign.BadFormat,)),
    "assign-records": Parser(assign_record, [b"joe\x00500\x00500\0/h\0-\0x\0"], (b"\0", b"4294967295"),
                             (assign.BadFormat,)),
    "accounts": Parser(account_files, [b"joe:{PLAIN}x:1:2:g:/h:s:e\n#\n", b"joe:joe:7:2::/h:/s\n"], (b":",
                                                                                                     b"\n",
                                                                                                     b"{",
                                                                                                     b"}"),
                       (pw2u.Unknown,)),
    "host-files": Parser(host_files, [b"127.0.0.1 here here.test # c\nsearch a b\n*a:b+c\n=host:x\n"],
                         (b"+", b"?:", b"-:", b"*", b"\n", b" ", b"search ")),
    "ip": Parser(internet_address, [b"192.0.2.1", b"2001:db8::1.2.3.4", b"10.0/8", b"[300.1.1.1]"],
                 (b":", b"::", b".", b"/", b"255", b"ffff", b"0", b"["),
                 short="one word of an administrator's"),
    "limits": Parser(connection_limit, [b"5,10/60:no\r\n"], (b",", b"/", b":", b"9"), (limits.Malformed,)),
    "dns": Parser(dns_reply, ANSWERS, (b"\xc0\x0c", b"\0\1", b"\xff\xff", b"\0"), (packets.Malformed,)),
    "dns-exchange": Parser(dns_exchange, ANSWERS, (b"\0\7", b"\x81\x80", b"\0\1")),
    "dns-names": Parser(dns_name, [b"a.b\\056c.test"], (b".", b"\\", b"0", b"7"), (packets.Malformed,)),
    "dns-mx": Parser(mail_lookups, [answer(MX, b"\0\5\1b\xc0\x0c", b"\0\1\3a.b\0", b"\0\0\0"), answer(MX)],
                     (b"\xc0\x0c", b"\0\x0f", b"\0\5", b"\xff"), (Temporary, Unknown)),
    "dns-a": Parser(mail_addresses, [ANSWERS[0], answer(packets.A, flags=b"\x81\x83"), CNAME],
                    (b"\xc0\x0c", b"\0\5", b"\xff"), (Temporary, Unknown)),
    "proxy": Parser(proxy_header, [b"PROXY TCP4 1.2.3.4 5.6.7.8 99 25\r\n", b"PROXY UNKNOWN\r\n",
                                   BINARY_PROXY],
                    (proxy.SIGNATURE, b"\x21\x11\0\x0c", b"PROXY ", b"TCP6 ", b" ", b"\r\n"),
                    (proxy.Malformed,),
                    holds=66 * KIB),
    "ident": Parser(ident_reply, [b"99 , 25 : USERID : UNIX : joe\r\n"], (b":", b"\n", b" "), holds=1 * KIB),
    "rules": Parser(rule_lines, [RULES], (b":allow", b":deny", b",", b"=", b"-", b"/", b".", b"@", b"::",
                                          b"\n"),
                    (tcprules.Malformed,)),
    "rule-database": Parser(rule_database, [CDB], (b"\xff\xff\xff\xff", bytes(4)), (cdb.Malformed,)),
    "cdb": Parser(database, [CDB], (b"\xff\xff\xff\xff", bytes(4), b"\1\0\0\0"), (cdb.Malformed,)),
    "refused-client": Parser(refused_client, [b"EHLO x\r\nMAIL\r\nQUIT\r\n"], CRLFS, holds=1 * KIB),
    "line-ends": Parser(line_ends, [b"HTTP/1.0 200\r\n\r\nbody\n"], CRLFS, holds=64),
    "netstrings": Parser(netstrings, [b"0:,3:abc,", b"000:,"], (b"0", b":", b",", b"9"), MALFORMED_NETSTRING,
                         holds=4 * KIB),
    "status": Parser(service_status, [STATUS], (b"\xff" * 12, bytes(8)), (status.BadFormat,)),
    "state": Parser(service_state, [STATE], (b"\n", b" ", b"@", b"death ", b"since ", b"\xb2")),
    "svc-commands": Parser(service_commands, [b"udoxpchaitk"], (b"\0", b"x"), holds=64),
    "service-files": Parser(service_files, [b"100 110-120 SEGV\n", b"#!/bin/sh\nexec a b \\\nc 2>&1\n",
                                            b"5 60\n"],
                            (b"-", b" ", b"\n", b"\\", b"9", b"SIGTERM", b"\xc2\xb2")),
    "log-script": Parser(log_script, [b"t\n-*\n+a*b\ne\n=s\n./l\ns9999\nn3\n!cat"],
                         (b"-", b"+", b"*", b"\n", b"e", b"=", b"(", b"[", b"\\")),
    "log-lines": Parser(long_lines, [b"a short line\nbab\n"], (b"a", b"b", b"\n", b"*"), holds=4 * KIB),
    "tai64nlocal": Parser(log_times, [tai64n.label(10**18) + b" x\n"], (b"@", b"4000", b"f", b"\n", b" ")),
    "log-names": Parser(log_names, [tai64n.label(10**18) + b".s\n@x\ncurrent"], (b"@", b"\n", b".",
                                                                                 b"f" * 24, b"_")),
    "syslog-lines": Parser(syslog_lines, [b"alert: x\nwarning: y\n"], (b"\n", b"alert:"), holds=2 * KIB),
}  # fmt: skip
