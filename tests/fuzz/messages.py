"""Parsers of messages, addresses, and the files that say what becomes of them"""

from pymail.engines.inject import Injection
from pymail.formats import (
    address,
    addresslist,
    assign,
    control,
    delivered,
    dotqmail,
    header,
    hostsfile,
    maildir,
    mbox,
    passwdfile,
    pw2u,
    received,
    smtproutes,
    token822,
    utmp,
)
from pysvc.formats import cdb, dnsrewrite
from tests.fuzz.parser import MESSAGE, Blocks, Parser, whole

PEER = received.Peer(b"192.0.2.1", b"client.test", b"here.test")
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
    if b"\\" not in text:  # as in the original, an atom loses its backslashes and gets no quotes for them
        assert token822.parse(token822.render(tokens)) == tokens
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


ASSIGN = b"=joe:joe:500:500:/home/joe:::\n+list-:alias:7:8:/a:-:list-:\n.\n"

MESSAGES = {
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
}  # fmt: skip
