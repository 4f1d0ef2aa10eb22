"""The text of bounces, byte for byte"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymail.formats.bounce import Addresses, before_copy, paragraph, whole_paragraphs

NOW = 812090813  # 26 Sep 1995 04:46:53
ADDRESSES = Addresses(b"MAILER-DAEMON", b"mail.test", b"postmaster@mail.test")


@pytest.mark.parametrize(
    ("recipient", "report", "text"),
    [
        (b"a@b", b"Sorry.\n", b"<a@b>:\nSorry.\n\n"),
        (b"a@b", b"Sorry.", b"<a@b>:\nSorry.\n\n"),
        (b"a@b", b"", b"<a@b>:\n\n"),
        (b"a\nc@b", b"x\n", b"<a_c@b>:\nx\n\n"),
        (b"a@b", b"foo\n\n\nbar\n\nx\n", b"<a@b>:\nfoo\n//bar\n/x\n\n"),
        (b"a@b", b"\nfoo\n", b"<a@b>:\n/foo\n\n"),
        (b"a@b", b"foo\n\n", b"<a@b>:\nfoo\n\n\n"),
        (b"a@b", b"\n", b"<a@b>:\n\n\n"),
        (b"a@b", b"foo\n\n\n", b"<a@b>:\nfoo\n/\n\n"),
    ],
)
def test_paragraph(recipient: bytes, report: bytes, text: bytes) -> None:
    assert paragraph(recipient, report) == text


@given(st.binary(max_size=40).filter(lambda b: not b.endswith(b"\n\n") and b != b"\n"))
def test_one_paragraph_for_each_recipient(report: bytes) -> None:
    text = paragraph(b"a@b", report)
    assert text.startswith(b"<a@b>:\n")
    assert text.endswith(b"\n\n")
    assert b"\n\n" not in text[:-2]


def test_bounce() -> None:
    assert ADDRESSES.envelope(b"me@there") == (b"", b"me@there")
    assert ADDRESSES.opening(b"me@there", NOW) == (
        b"Date: 26 Sep 1995 04:46:53 -0000\n"
        b"From: MAILER-DAEMON@mail.test\n"
        b"To: me@there\n"
        b"Subject: failure notice\n"
        b"\n"
        b"Hi. This is the qmail-send program at mail.test.\n"
        b"I'm afraid I wasn't able to deliver your message to the following addresses.\n"
        b"This is a permanent error; I've given up. Sorry it didn't work out.\n"
        b"\n"
    )
    assert before_copy(b"me@there") == (
        b"--- Below this line is a copy of the message.\n\nReturn-Path: <me@there>\n"
    )


def test_double_bounce() -> None:
    assert ADDRESSES.envelope(b"") == (b"#@[]", b"postmaster@mail.test")
    assert ADDRESSES.opening(b"", NOW) == (
        b"Date: 26 Sep 1995 04:46:53 -0000\n"
        b"From: MAILER-DAEMON@mail.test\n"
        b"To: postmaster@mail.test\n"
        b"Subject: failure notice\n"
        b"\n"
        b"Hi. This is the qmail-send program at mail.test.\n"
        b"I tried to deliver a bounce message to this address, but the bounce bounced!\n"
        b"\n"
    )
    assert before_copy(b"") == b"--- Below this line is the original bounce.\n\nReturn-Path: <>\n"


def test_nobody_is_told_of_a_triple_bounce() -> None:
    assert ADDRESSES.envelope(b"#@[]") is None


@pytest.mark.parametrize(
    ("box", "shown"),
    [(b'Mailer "Q"', b'"Mailer \\"Q\\""@h'), (b"", b'""@h'), (b"a.b", b"a.b@h"), (b"a..b", b'"a..b"@h')],
)
def test_quoting(box: bytes, shown: bytes) -> None:
    opening = Addresses(box, b"h", b"p@h").opening(b"a b@host", NOW).split(b"\n")
    assert opening[1:3] == [b"From: " + shown, b'To: "a b"@host']
    assert before_copy(b"a b@host").endswith(b'\nReturn-Path: <"a b"@host>\n')


def test_what_a_crash_leaves_of_paragraphs() -> None:
    one, two = paragraph(b"a@b", b"no\n"), paragraph(b"c@d", b"never\n")
    assert whole_paragraphs(one + two) == one + two
    for end in range(len(two)):
        assert whole_paragraphs(one + two[:end]) == one
    assert whole_paragraphs(one + bytes(5) + two[5:]) == one
    assert whole_paragraphs(bytes(len(one)) + two) == b""
    assert whole_paragraphs(one[:-1]) == b""
    assert whole_paragraphs(b"") == b""
