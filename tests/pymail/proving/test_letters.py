"""The messages of a proof are found again, whole ones only"""

from pymail.proving.letters import HOST, Letter, letters, mailboxes

ALL = letters(6, 1)
RECEIVED = "Received: (qmail 1 invoked by uid 1); now"
HEAD = f"Return-Path: <teller@{HOST}>\nDelivered-To: x@{HOST}\n{RECEIVED}\n".encode()


def maildir(content: bytes, place: str = "box") -> tuple[dict[tuple[str, str], int], list[str]]:
    return mailboxes(ALL, {f"alias/{place}/new/1": content})


def mbox(*parts: bytes) -> dict[tuple[str, str], int]:
    copies, complaints = mailboxes(ALL, {"alias/mbox": b"".join(parts)})
    assert not complaints
    return dict(copies)


def entry(letter: Letter) -> bytes:
    return b"From x\n" + HEAD + letter.body + b"\n"


def test_letters() -> None:
    assert [letter.token for letter in ALL] == [f"letter{n}" for n in range(6)]
    assert {place for letter in ALL for place in letter.places} == {"box", "mbox", "away", "teller"}
    assert letters(6, 1) == ALL
    assert {letter.way for letter in letters(20, 1)} == {"qmail-queue", "qmail-smtpd"}


def test_a_whole_message_in_a_maildir() -> None:
    assert maildir(HEAD + ALL[0].body) == ({("letter0", "box"): 1}, [])


def test_parts_of_messages_in_a_maildir() -> None:
    whole = HEAD + ALL[0].body
    for content in (b"", whole[:-1], whole[5:], HEAD, ALL[0].body, whole.replace(b"line 1", b"\0" * 6)):
        copies, complaints = maildir(content)
        assert not copies
        assert complaints == ["alias/box/new/1 is not a whole message"]


def test_tmp_is_not_looked_at() -> None:
    assert mailboxes(ALL, {"alias/box/tmp/1": b"part"}) == ({}, [])


def test_a_bounce_names_the_recipient() -> None:
    bounce = b"Return-Path: <>\nReceived: (qmail 1 invoked by uid 1); now\nSubject: failure notice\n\n%s"
    text = b"<nobody@here.test>:\nno\n\n" + HEAD + ALL[3].body
    assert maildir(bounce % text, "teller") == ({("letter3", "teller"): 1}, [])
    assert maildir(bounce % text.replace(b"nobody", b"box"), "teller")[1]


def test_an_mbox() -> None:
    assert mbox(entry(ALL[0]), entry(ALL[1])) == {("letter0", "mbox"): 1, ("letter1", "mbox"): 1}


def test_what_a_crash_leaves_of_an_mbox() -> None:
    first, torn = entry(ALL[0]), entry(ALL[1])
    expected = {("letter0", "mbox"): 1}
    assert mbox(first, torn[:-1]) == expected
    assert mbox(first, torn[:100]) == expected
    assert mbox(torn[:100], b"\n\n", first) == expected
    assert mbox(first, bytes(200), torn[200:]) == expected  # its beginning is lost


def test_a_message_that_runs_into_the_next_is_not_seen() -> None:
    assert mbox(entry(ALL[1])[:100], entry(ALL[0])) == {}
