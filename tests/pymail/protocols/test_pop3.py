"""POP3 sessions and messages, without a socket"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymail.protocols.pop3 import LOG_IN_VERBS, VERBS, Body, LogIn, Message, Send, Session, Top

STAMP = b"<1.2@host>"


def log_in(*commands: tuple[bytes, bytes]) -> tuple[LogIn, list[bytes]]:
    session = LogIn(STAMP)
    return session, [session.command(*command) for command in commands]


def test_greeting() -> None:
    assert LogIn(STAMP).greeting() == b"+OK <1.2@host>\r\n"


def test_user_and_pass() -> None:
    session, replies = log_in((b"user", b"joe"), (b"user", b"jane x "), (b"pass", b"a b "))
    assert replies == [b"+OK \r\n", b"+OK \r\n", b""]
    assert session.handover() == b"jane x \0a b \0<1.2@host>\0"


@pytest.mark.parametrize(
    ("argument", "handover"),
    [(b"joe abc", b"joe\0abc\0<1.2@host>\0"), (b"joe  a b", b"joe\0 a b\0<1.2@host>\0"),
     (b"joe ", b"joe\0\0<1.2@host>\0")],
)  # fmt: skip
def test_apop(argument: bytes, handover: bytes) -> None:
    session, replies = log_in((b"apop", argument))
    assert replies == [b""]
    assert session.secret is not None
    assert session.handover() == handover


@pytest.mark.parametrize(
    ("commands", "reply"),
    [
        ([(b"user", b"")], b"-ERR syntax error\r\n"),
        ([(b"pass", b"x")], b"-ERR USER first\r\n"),
        ([(b"user", b"x"), (b"pass", b"")], b"-ERR syntax error\r\n"),
        ([(b"apop", b"joe")], b"-ERR syntax error\r\n"),
        ([(b"noop", b"")], b"+OK \r\n"),
        ([(b"capa", b"")], b"-ERR authorization first\r\n"),
        ([(b"", b"")], b"-ERR authorization first\r\n"),
        ([(b"quit", b"")], b"+OK \r\n"),
    ],
)
def test_other_replies(commands: list[tuple[bytes, bytes]], reply: bytes) -> None:
    session, replies = log_in(*commands)
    assert replies[-1] == reply
    assert session.secret is None
    assert session.over == (commands[-1][0] == b"quit")


def session() -> Session:
    return Session([Message(10, b"one"), Message(200, b"two"), Message(3000, b"three")])


def talk(session: Session, *lines: bytes) -> list[list[bytes | Send]]:
    return [list(session.command(*line.partition(b" ")[::2])) for line in lines]


def replies(*lines: bytes) -> bytes:
    """The reply to the last of some commands."""
    return b"".join(part for part in talk(session(), *lines)[-1] if isinstance(part, bytes))


@pytest.mark.parametrize(
    ("lines", "reply"),
    [
        ([b"stat"], b"+OK 3 3210\r\n"),
        ([b"dele 2", b"stat"], b"+OK 3 3010\r\n"),
        ([b"list"], b"+OK \r\n1 10\r\n2 200\r\n3 3000\r\n.\r\n"),
        ([b"dele 2", b"list"], b"+OK \r\n1 10\r\n3 3000\r\n.\r\n"),
        ([b"list 3"], b"+OK 3 3000\r\n"),
        ([b"uidl"], b"+OK \r\n1 one\r\n2 two\r\n3 three\r\n.\r\n"),
        ([b"uidl 2junk"], b"+OK 2 two\r\n"),
        ([b"last"], b"+OK 0\r\n"),
        ([b"retr 3", b"last"], b"+OK 0\r\n"),
        ([b"dele 2", b"dele 1", b"last"], b"+OK 2\r\n"),
        ([b"dele 2", b"rset", b"last"], b"+OK 0\r\n"),
        ([b"dele 2", b"rset", b"stat"], b"+OK 3 3210\r\n"),
        ([b"noop"], b"+OK \r\n"),
        ([b"capa"], b"-ERR unimplemented\r\n"),
        ([b"user x"], b"-ERR unimplemented\r\n"),
        ([b"list x"], b"-ERR syntax error\r\n"),
        ([b"retr"], b"-ERR syntax error\r\n"),
        ([b"dele -1"], b"-ERR syntax error\r\n"),
        ([b"dele 0"], b"-ERR messages are counted from 1\r\n"),
        ([b"retr 4"], b"-ERR not that many messages\r\n"),
        ([b"uidl 99999999999999999999999"], b"-ERR not that many messages\r\n"),
        ([b"dele 1", b"retr 1"], b"-ERR already deleted\r\n"),
    ],
)
def test_replies(lines: list[bytes], reply: bytes) -> None:
    assert replies(*lines) == reply


@pytest.mark.parametrize(
    ("line", "lines"),
    [(b"retr 2", None), (b"retr 2 7", 7), (b"top 2", None), (b"top 2 0", 0), (b"top 2  12x", 12),
     (b"top 2x5", None)],
)  # fmt: skip
def test_sending(line: bytes, lines: int | None) -> None:
    ((wanted,),) = talk(session(), line)
    assert isinstance(wanted, Send)
    assert (wanted.index, wanted.lines) == (1, lines)


def test_quit() -> None:
    over = session()
    assert talk(over, b"quit") == [[]]
    assert over.over


def body(stored: bytes, size: int) -> bytes:
    convert = Body()
    blocks = [stored[at : at + size] for at in range(0, len(stored), size)]
    return b"".join(map(convert.feed, blocks)) + convert.finish()


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("stored", "sent"),
    [
        (b"", b"\r\n.\r\n"),
        (b"a: b\n\nc\n", b"a: b\r\n\r\nc\r\n\r\n.\r\n"),
        (b"a\n\nno end", b"a\r\n\r\nno end\r\n\r\n.\r\n"),
        (b".\n..\nx.\n.y", b"..\r\n...\r\nx.\r\n..y\r\n\r\n.\r\n"),
        (b"cr\r\nlf\n", b"cr\r\r\nlf\r\n\r\n.\r\n"),
        (b"\n\n", b"\r\n\r\n\r\n.\r\n"),
    ],
)
def test_body(stored: bytes, sent: bytes, size: int) -> None:
    assert body(stored, size) == sent


@given(st.lists(st.sampled_from([b".", b"\n", b"a", b"\r", b"..", b"\n."])).map(b"".join), st.integers(1, 9))
def test_body_line_by_line(stored: bytes, size: int) -> None:
    lines = stored.split(b"\n")
    if not lines[-1]:
        lines.pop()
    stuffed = [b"." + line if line.startswith(b".") else line for line in lines]
    assert body(stored, size) == b"".join(line + b"\r\n" for line in stuffed) + b"\r\n.\r\n"


def top(stored: bytes, lines: int, size: int) -> bytes:
    cut, out = Top(lines), b""
    for at in range(0, len(stored), size):
        out += cut.feed(stored[at : at + size])
        if cut.done:
            break
    return out


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
@pytest.mark.parametrize(
    ("stored", "lines", "sent"),
    [
        (b"a: 1\nb: 2\n\none\ntwo\nthree\n", 0, b"a: 1\nb: 2\n\n"),
        (b"a: 1\nb: 2\n\none\ntwo\nthree\n", 2, b"a: 1\nb: 2\n\none\ntwo\n"),
        (b"a: 1\nb: 2\n\none\ntwo\nthree\n", 9, b"a: 1\nb: 2\n\none\ntwo\nthree\n"),
        (b"\none\ntwo\n", 1, b"\none\n"),
        (b"only: header\n", 0, b"only: header\n"),
        (b"a: 1\n\n\n\nx\n", 1, b"a: 1\n\n\n"),
        (b"", 3, b""),
    ],
)
def test_top(stored: bytes, lines: int, sent: bytes, size: int) -> None:
    assert top(stored, lines, size) == sent


ARGUMENTS = st.one_of(
    st.binary(max_size=40).map(lambda text: text.replace(b"\0", b"")),  # a NUL ends a line
    st.sampled_from([b"1", b"2 0", b"3 9", b"9" * 5000, b"1 " + b"9" * 5000, b"joe", b"joe digest"]),
)


def lines_of(verbs: list[bytes]) -> st.SearchStrategy[list[tuple[bytes, bytes]]]:
    return st.lists(st.tuples(st.one_of(st.sampled_from(verbs), st.binary(max_size=8)), ARGUMENTS))


@given(lines_of(sorted(LOG_IN_VERBS)))
def test_every_line_of_a_log_in_is_answered(lines: list[tuple[bytes, bytes]]) -> None:
    login = LogIn(STAMP)
    for line in lines:
        reply = login.command(*line)
        if login.secret is not None:
            assert (reply, login.handover().count(b"\0")) == (b"", 3)
            return
        assert reply.startswith((b"+OK", b"-ERR")) and reply.endswith(b"\r\n") and reply.count(b"\n") == 1


@given(lines_of(sorted(VERBS)))
def test_every_line_of_a_session_is_answered(lines: list[tuple[bytes, bytes]]) -> None:
    """With a reply, a message, or the end; no message is sent or deleted that there is not."""
    talking = session()
    for verb, argument in lines:
        for answer in talking.command(verb, argument):
            if isinstance(answer, Send):
                assert 0 <= answer.index < 3 and not talking.messages[answer.index].deleted
            else:
                assert answer == b".\r\n" or answer.startswith((b"+OK", b"-ERR"))
                assert answer.endswith(b"\r\n")
