"""What qmail-inject makes of headers, environments and options"""

import pytest

from pymail.engines.inject import Injection
from pymail.formats.header import Reader
from pymail.formats.token822 import Unparsable

HOSTS = {"defaulthost": b"host.x", "defaultdomain": b"dom", "plusdomain": b"plus.x", "idhost": b"id.x"}
NOW, PID = 810362813, 77  # 1995-09-06 04:46:53
FULL = b"Date: d\nMessage-ID: i\nFrom: f@f.f\nTo: t@t.t\n"


def inject(
    header: bytes, env: dict[str, str] | None = None, lists: frozenset[bytes] | None = None
) -> Injection:
    variables = {name.encode(): value.encode() for name, value in (env or {"USER": "joe"}).items()}
    injection = Injection(variables, HOSTS, NOW, PID, lists)
    reader = Reader()
    reader.feed(header)
    reader.end()
    for name, field in reader.fields:
        injection.field(name, field)
    return injection


def added(header: bytes, env: dict[str, str] | None = None) -> bytes:
    """What is put before a header that comes out unchanged."""
    result = inject(header, env).header()
    assert result.endswith(header)
    return result[: len(result) - len(header)]


def from_line(**env: str) -> bytes:
    return added(b"To: t@t.t\nDate: d\nMessage-ID: i\n", env)


def recipients(header: bytes, where: str = "h") -> list[bytes]:
    return inject(header).recipients(where)


def test_what_is_missing_comes_first_in_its_order() -> None:
    assert added(b"Subject: s\n") == (
        b"Date: 6 Sep 1995 04:46:53 -0000\n"
        b"Message-ID: <19950906044653.77.qmail@id.x>\n"
        b"From: joe@host.x\n"
        b"Cc: recipient list not shown: ;\n"
    )


def test_nothing_is_missing() -> None:
    assert added(FULL) == b""


@pytest.mark.parametrize("field", [b"To: a@b.c\n", b"Cc: a@b.c\n", b"tO: \n"])
def test_no_cc_where_recipients_are_shown(field: bytes) -> None:
    assert b"not shown" not in inject(field).header()


def test_cc_where_they_are_hidden() -> None:
    assert b"Cc: recipient list not shown: ;\n" in inject(b"Bcc: a@b.c\nApparently-To: d@e.f\n").header()


@pytest.mark.parametrize(
    "name", [b"Sender", b"From", b"Reply-To", b"To", b"Cc", b"Bcc", b"Date", b"Message-ID"]
)
def test_a_resent_message(name: bytes) -> None:
    """One such field: the other fields are added as Resent-, and nothing of the message itself."""
    result = inject(b"Resent-" + name + b": x\nTo: a\nSubject: s\n").header()
    new, _, _ = result.partition(b"To: a@host.x\n")
    assert {line.partition(b":")[0] for line in new.splitlines()} <= {
        b"Resent-Date", b"Resent-Message-ID", b"Resent-From", b"Resent-Cc", b"Resent-To", b"Resent-Sender",
        b"Resent-Reply-To",
    }  # fmt: skip
    for kept in (b"Resent-Date:", b"Resent-Message-ID:", b"Resent-From:"):
        assert result.count(kept) == 1


def test_recipients_of_a_resent_message() -> None:
    header = (
        b"Resent-To: a@b.c\nTo: t@t.t\nBcc: b\nCc: c\nApparently-To: d\n"
        b"Resent-Bcc: e@f.g\nResent-Cc: h@i.j\n"
    )
    assert recipients(header) == [b"a@b.c", b"e@f.g", b"h@i.j"]
    assert inject(header).header().endswith(
        b"Resent-To: a@b.c\nTo: t@t.t\nCc: c@host.x\nApparently-To: d@host.x\nResent-Cc: h@i.j\n"
    )


def test_a_resent_message_may_be_left_without_from() -> None:
    result = inject(b"Resent-To: a@b.c\nFrom: x@y.z\n", {"QMAILINJECT": "f", "USER": "joe"}).header()
    assert b"\nFrom:" not in result
    assert b"Resent-From: joe@host.x\n" in result


def test_resent_cc() -> None:
    assert b"Resent-Cc: recipient list not shown: ;\n" in inject(b"Resent-Bcc: a@b.c\n").header()


def test_fields_that_go_and_stay() -> None:
    header = (
        b"Received: x\n  y\nbCC : a@b.c\nContent-Length: 9\nReturn-Path: <r@r.r>\nDelivered-To: d\n"
        b"Resent-bcc: q\nX-C: \xe9\nApparently-To: a@b.c\n"
    )
    kept = b"\nReceived: x\n  y\nDelivered-To: d\nX-C: \xe9\nApparently-To: a@b.c\n"
    assert inject(header).header().endswith(kept)


def test_names_of_fields_keep_their_spelling() -> None:
    assert inject(b"tO :a@b.c\n").header().endswith(b"tO: a@b.c\n")


@pytest.mark.parametrize(
    "name", [b"Sender", b"From", b"Reply-To", b"Return-Receipt-To", b"Errors-To", b"Resent-Sender",
             b"Resent-From", b"Resent-Reply-To", b"To", b"Cc", b"Resent-To", b"Resent-Cc", b"Apparently-To"],
)  # fmt: skip
def test_fields_with_addresses(name: bytes) -> None:
    result = inject(name + b": joe, (x) a b\n").header()
    assert name + b": joe@host.x, a@host.x (x), b@host.x\n" in result


@pytest.mark.parametrize(
    "name", [b"Subject", b"Mail-Followup-To", b"Notice-Requested-Upon-Delivery-To", b"X"]
)
def test_other_fields_are_not_touched(name: bytes) -> None:
    field = name + b" : joe,(\n  " + b"x" * 100 + b", y,\n"
    assert inject(field).header().endswith(field)


def test_recipients_come_from_the_end_of_each_field() -> None:
    assert recipients(b"To: a@a.a, b@b.b\nBcc: c@c.c d@d.d\nApparently-To: e@e.e\nTo: f@f.f\n") == [
        b"b@b.b", b"a@a.a", b"d@d.d", b"c@c.c", b"e@e.e", b"f@f.f",
    ]  # fmt: skip


def test_no_duplicates_are_removed() -> None:
    assert recipients(b"To: a@a.a, a@a.a\n") == [b"a@a.a", b"a@a.a"]


def test_the_empty_address_is_a_recipient() -> None:
    assert recipients(b"To: <>, <@a>\n") == [b"", b""]


def test_undisclosed_recipients() -> None:
    injection = inject(b"To: undisclosed-recipients:;\n")
    assert injection.recipients("h") == []
    assert injection.header().endswith(b"From: joe@host.x\nTo: undisclosed-recipients: ;\n")


def test_a_zero_byte_ends_an_address() -> None:
    assert recipients(b"To: <a@b.c\0 d>\n") == [b"a@b.c"]


@pytest.mark.parametrize(
    ("where", "arguments", "found"),
    [
        ("a", [b"x"], [b"x@host.x"]),
        ("a", [], []),
        ("h", [b"x"], [b"t@t.t"]),
        ("H", [b"x"], [b"x@host.x", b"t@t.t"]),
        ("A", [b"x"], [b"x@host.x"]),
        ("A", [], [b"t@t.t"]),
    ],
)
def test_where_recipients_are(where: str, arguments: list[bytes], found: list[bytes]) -> None:
    injection = inject(FULL)
    for argument in arguments:
        injection.add_recipient(argument)
    assert injection.recipients(where) == found


@pytest.mark.parametrize(
    ("argument", "address"),
    [
        (b'"x y"@z.z', b'"x y"@z.z'),
        (b"<a@b>", b"<a@b>.dom"),
        (b"a,b", b"a,b@host.x"),
        (b"a b@c.d", b"a b@c.d"),
        (b"a@b(c).d", b"a@b.d"),
        (b"a@b c", b"a@bc.dom"),
        (b"a@b@c.d", b"a@b@c.d"),
        (b"", b""),
        (b"A.@b+", b"A.@b.plus.x"),
    ],
)
def test_arguments_are_raw_addresses(argument: bytes, address: bytes) -> None:
    injection = inject(b"")
    injection.add_recipient(argument)
    assert injection.recipients("a") == [address]


def test_an_argument_that_is_no_address() -> None:
    with pytest.raises(Unparsable):
        inject(b"").add_recipient(b"a@(b")


@pytest.mark.parametrize(
    ("env", "line"),
    [
        ({"LOGNAME": "joe"}, b"From: joe@host.x\n"),
        ({}, b"From: anonymous@host.x\n"),
        ({"QMAILUSER": "a", "MAILUSER": "b", "USER": "c", "LOGNAME": "d"}, b"From: a@host.x\n"),
        ({"MAILUSER": "b", "USER": "c"}, b"From: b@host.x\n"),
        ({"USER": "", "LOGNAME": "d"}, b'From: ""@host.x\n'),
        ({"USER": "a b"}, b'From: "a b"@host.x\n'),
        ({"USER": "a.b"}, b"From: a.b@host.x\n"),
        ({"USER": "j", "QMAILHOST": "h", "MAILHOST": "i"}, b"From: j@h.dom\n"),
        ({"USER": "j", "MAILHOST": "h+"}, b"From: j@h.plus.x\n"),
        ({"USER": "j", "QMAILHOST": ""}, b"From: j@host.x\n"),
        ({"USER": "joe", "NAME": "Joe"}, b'From: "Joe" <joe@host.x>\n'),
        ({"USER": "joe", "NAME": ""}, b'From: "" <joe@host.x>\n'),
        ({"USER": "joe", "NAME": "n", "MAILNAME": "m", "QMAILNAME": "q"}, b'From: "q" <joe@host.x>\n'),
        ({"USER": "joe", "NAME": "n", "MAILNAME": "m"}, b'From: "m" <joe@host.x>\n'),
        ({"USER": "joe", "NAME": 'J "x" (y)'}, rb'From: "J \"x\" \(y\)" <joe@host.x>' b"\n"),
        ({"USER": "joe", "NAME": "J\n"}, b'From: "J\\\n" <joe@host.x>\n'),
        ({"USER": "joe", "NAME": "Joe", "QMAILINJECT": "xc"}, b"From: joe@host.x (Joe)\n"),
        ({"USER": "joe", "QMAILINJECT": "c"}, b"From: joe@host.x\n"),
    ],
)
def test_generated_from(env: dict[str, str], line: bytes) -> None:
    variables = env or {"X": "y"}
    assert from_line(**variables) == line


@pytest.mark.parametrize(
    ("env", "sender"),
    [
        ({"USER": "joe"}, b"joe@host.x"),
        ({"USER": "joe", "QMAILHOST": "h"}, b"joe@h.dom"),
        ({"USER": "joe", "QMAILSUSER": "sam", "QMAILSHOST": "list.org"}, b"sam@list.org"),
        ({"USER": "a b"}, b"a b@host.x"),
        ({"USER": ""}, b"@host.x"),
        ({"QMAILSUSER": "l", "QMAILSHOST": "o.g", "QMAILINJECT": "r"}, b"l-@o.g-@[]"),
        ({"QMAILSUSER": "l", "QMAILSHOST": "o.g", "QMAILINJECT": "m"}, b"l-810362813.77@o.g"),
        ({"QMAILSUSER": "l", "QMAILSHOST": "o.g", "QMAILINJECT": "mr"}, b"l-810362813.77-@o.g-@[]"),
    ],
)
def test_default_sender(env: dict[str, str], sender: bytes) -> None:
    assert inject(FULL, env).sender() == sender


@pytest.mark.parametrize(
    ("option", "sender"),
    [
        (b"", b""),
        (b"#@[]", b"#@[]"),
        (b"joe", b"joe@host.x"),
        (b"a b@c", b"a b@c.dom"),
        (b"pre@host-@[]", b"pre@host-@[]"),
    ],
)
def test_sender_by_option(option: bytes, sender: bytes) -> None:
    injection = inject(b"", {"QMAILINJECT": "rm"})
    injection.set_sender(option)
    injection.field(b"return-path", b"Return-Path: <x@y.z>\n")
    assert injection.sender() == sender


def test_a_sender_option_that_is_no_address() -> None:
    with pytest.raises(Unparsable) as caught:
        inject(b"").set_sender(b"a b@(")
    assert caught.value.text == b'"a b"@('


@pytest.mark.parametrize(
    ("header", "flags", "sender"),
    [
        (b"Return-Path: <a@b>\n", "", b"a@b.dom"),
        (b"Return-Path: a@a.a, b@b.b\nReturn-Path: c@c.c\n", "", b"b@b.b"),
        (b"Return-Path:\nReturn-Path: c@c.c\n", "", b"c@c.c"),
        (b"Return-Path: <>\nReturn-Path: c@c.c\n", "", b""),
        (b"Return-Path: <>\n", "r", b"-@[]"),
        (b"Return-Path: a@b.c\n", "rm", b"a@b.c-@[]"),
        (b"Return-Path: a@b.c\n", "s", b"joe@host.x"),
        (b"Return-Path: (((\n", "s", b"joe@host.x"),
    ],
)
def test_return_path(header: bytes, flags: str, sender: bytes) -> None:
    injection = inject(header, {"USER": "joe", "QMAILINJECT": flags})
    assert injection.sender() == sender
    assert b"Return-Path" not in injection.header()


def test_dropped_fields_count_as_missing() -> None:
    result = inject(FULL + b"Resent-X: y\n", {"USER": "joe", "QMAILINJECT": "if"}).header()
    assert result == (
        b"Message-ID: <19950906044653.77.qmail@id.x>\nFrom: joe@host.x\nDate: d\nTo: t@t.t\nResent-X: y\n"
    )


def test_resent_fields_are_not_dropped() -> None:
    result = inject(b"Resent-From: a@b.c\nResent-Message-ID: m\n", {"QMAILINJECT": "if"}).header()
    assert result.endswith(b"Resent-From: a@b.c\nResent-Message-ID: m\n")


@pytest.mark.parametrize(
    ("header", "line"),
    [
        (b"To: b@b.b, LIST@l.org\nCc: x\n",
         b"Mail-Followup-To: x@host.x,\n  b@b.b,\n  LIST@l.org\n"),
        (b'To: "a b"@c.d list@l.org\n', b'Mail-Followup-To: "a b"@c.d,\n  list@l.org\n'),
        (b"To: a@b.c\nBcc: list@l.org\n", b""),
        (b"Apparently-To: list@l.org\n", b""),
        (b"To: list@l.org\nMail-Followup-To: x\n", b""),
        (b"To: list@l.org\nResent-To: x@y.z\n", b""),
    ],
)  # fmt: skip
def test_mail_followup_to(header: bytes, line: bytes) -> None:
    result = inject(header, lists=frozenset((b"list@l.org",))).header()
    assert result.count(b"Mail-Followup-To:") - header.count(b"Mail-Followup-To:") == bool(line)
    assert line in result


def test_followup_stands_after_the_other_new_fields() -> None:
    result = inject(b"Cc: list@l.org\n", lists=frozenset((b"list@l.org",))).header()
    assert result.endswith(b"From: joe@host.x\nMail-Followup-To: list@l.org\nCc: list@l.org\n")


@pytest.mark.parametrize("field", [b"To: foo: bar, baz\n", b"From: (\n", b"Bcc: a; b;\n", b"Errors-To: a>\n"])
def test_a_field_that_cannot_be_parsed(field: bytes) -> None:
    """Also where the recipients are arguments: qmail 1.06 refuses such a message."""
    with pytest.raises(Unparsable) as caught:
        inject(b"Subject: x\n" + field)
    assert caught.value.text == field


def test_long_fields_are_folded() -> None:
    header = b"To: " + b", ".join(b"somebody%d@example.org" % n for n in range(6)) + b"\n"
    assert inject(header).header().endswith(
        b"To: somebody0@example.org, somebody1@example.org, somebody2@example.org,\n"
        b"  somebody3@example.org, somebody4@example.org, somebody5@example.org\n"
    )


def test_a_folded_comment() -> None:
    assert inject(b"To: a@b.c (foo\n bar)\n").header().endswith(b"To: a@b.c (foo\\\n bar)\n")


def test_generated_from_that_cannot_be_parsed() -> None:
    with pytest.raises(Unparsable):
        inject(b"", {"USER": "j", "QMAILHOST": "a;b;"}).header()
