"""rblsmtpd's decision and conversation"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvc.engines.refusal import (
    ACCEPT,
    GREETING,
    PERMANENT,
    REPLIES,
    TEMPORARY,
    UNDECIDED,
    Decision,
    Session,
)


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        (None, UNDECIDED, None),
        (b"", ACCEPT, None),
        (b"-", PERMANENT, b"553 "),
        (b"-go away", PERMANENT, b"553 go away"),
        (b"later", TEMPORARY, b"451 later"),
        (b"--", PERMANENT, b"553 -"),
        (b"\x1f\x7f\xe9 ~", TEMPORARY, b"451 ??? ~"),
        (b"x" * 201, TEMPORARY, b"451 " + b"x" * 200),
    ],
)
def test_what_the_environment_says(given: bytes | None, kind: int, message: bytes | None) -> None:
    decision = Decision(given)
    assert (decision.kind, decision.refused) == (kind, message is not None)
    if message is not None:
        assert decision.message == message


def test_lists() -> None:
    decision = Decision(None)
    decision.listed(b"", True)
    assert decision.kind == UNDECIDED
    decision.listed(b"spam", True)
    assert (decision.kind, decision.message) == (PERMANENT, b"553 spam")
    decision = Decision(None)
    decision.listed(b"spam", False)
    assert decision.message == b"451 spam"


def test_anti_lists() -> None:
    decision = Decision(None)
    decision.exempt(False)
    assert decision.kind == UNDECIDED
    decision.exempt(True)
    assert decision.kind == ACCEPT


def test_a_list_that_failed_makes_later_refusals_temporary() -> None:
    decision = Decision(None)
    decision.list_failed(closed=False)
    assert decision.kind == UNDECIDED
    decision.listed(b"spam", True)
    assert decision.message == b"451 spam"


def test_failing_closed() -> None:
    decision = Decision(None)
    decision.anti_list_failed(closed=True)
    assert decision.kind == UNDECIDED
    decision.list_failed(closed=True)
    assert decision.message == b"451 temporary RBL lookup error"


def test_an_anti_list_that_failed_lets_in() -> None:
    decision = Decision(None)
    decision.anti_list_failed(closed=False)
    assert decision.kind == ACCEPT


MESSAGE = b"451 no"
NO = MESSAGE + b"\r\n"
OK = b"250 rblsmtpd.local\r\n"


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        (b"HELO x", OK), (b"ehlo", OK), (b"MaIl from:<x>\r", OK), (b"rset ", OK), (b"NOOP", OK),
        (b"rcpt to:<x>", NO), (b"DATA", NO), (b"HELP", NO), (b"", NO), (b"\r", NO), (b"mail\tx", NO),
        (b" mail", NO), (b"mail\r\r", NO), (b"maild", NO), (b"mail\0", NO), (b"helo\rx", NO),
        (b"rcpt" + b"x" * 100000 + b" mail", NO),
    ],
)  # fmt: skip
def test_replies(line: bytes, reply: bytes) -> None:
    assert list(Session(MESSAGE).feed(line + b"\n")) == [reply]


def test_quit_ends_it() -> None:
    session = Session(MESSAGE)
    assert list(session.feed(b"noop\r\nQUIT now\r\nnoop\r\n")) == [OK, b"221 rblsmtpd.local\r\n"]
    assert session.done
    assert GREETING.startswith(b"220 ")


def test_an_unfinished_line_gets_no_reply() -> None:
    session = Session(MESSAGE)
    assert list(session.feed(b"noop")) == []
    assert not session.done


@given(st.lists(st.text("noops \r\n", max_size=6).map(str.encode)))
def test_blocks_do_not_matter(blocks: list[bytes]) -> None:
    """Also where the beginning of a long line is all that is kept of it."""
    session = Session(MESSAGE)
    replies = [reply for block in blocks for reply in session.feed(block)]
    assert replies == list(Session(MESSAGE).feed(b"".join(blocks)))
    lines = b"".join(blocks).split(b"\n")[:-1]
    verbs = [line.removesuffix(b"\r").split(b" ")[0] for line in lines]
    assert replies == [REPLIES.get(verb, NO) for verb in verbs]
