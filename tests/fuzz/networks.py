"""Parsers of addresses, DNS, and all that tcpserver and its neighbours are told"""

import ipaddress

import dns.message
import dns.nameserver
import dns.query
import dns.resolver

from pymail.formats import ip4
from pymail.unix.dns import Lookups, Temporary, Unknown
from pysvc.engines import ident, limits, refusal, resolver
from pysvc.formats import cdb, crlf, http, ip, netstring, proxy, tcprules, visible
from pysvc.formats import dns as packets
from tests.fuzz.parser import CRLFS, KIB, MALFORMED_NETSTRING, SMTP_REPLY, Blocks, Parser, whole

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


RULES = b'10.0.2-5.:deny\n:allow,A="b"\n=.x.test:allow\n2001:db8::/32:deny\njoe@1.2.3.4:allow,B=/c/\n#\n'
CDB = cdb.build([(b"one", b"1"), (b"two", b"2"), (b"one", b"3"), (b"", b""), (b"192.0.2.1", b"D\0+A=b\0")])
BINARY_PROXY = proxy.SIGNATURE + b"\x21\x11\0\x0c" + bytes(range(12))
ANSWERS = (answer(packets.A, b"\1\2\3\4"), answer(packets.PTR, b"\1b\xc0\x0e"), answer(packets.TXT, b"\3abc"),
           answer(packets.AAAA, bytes(16)), answer(packets.A, b"\1\2\3\4", flags=b"\x83\x80"))  # fmt: skip

NETWORKS = {
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
}  # fmt: skip
