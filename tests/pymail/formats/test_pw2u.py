"""The rules of qmail-pw2u"""

import pytest

from pymail.formats.pw2u import Account, Rules, Unknown, parse

JOE = parse(b"joe:x:1500:100:Joe:/home/joe:/bin/sh")
ALIAS = parse(b"alias:x:7790:2108::/var/qmail/alias:/bin/true")
assert JOE is not None
assert ALIAS is not None
JOES = {b"joe": JOE}


def text(rules: Rules, account: Account = JOE) -> bytes:
    return b"".join(rules.lines(account))


@pytest.mark.parametrize("line", [b"", b"joe:x:1:2:3:4", b"a\0b:x:1:2:3:4:5", b"# comment"])
def test_no_account(line: bytes) -> None:
    assert parse(line) is None


def test_the_example() -> None:
    lines = b"=joe:joe:1500:100:/home/joe:::\n+joe-:joe:1500:100:/home/joe:-::\n"
    assert text(Rules()) == lines


def test_separator_and_dash() -> None:
    rules = Rules()
    rules.separator, rules.dash = b"=", b"-/"
    assert text(rules) == b"=joe:joe:1500:100:/home/joe:::\n+joe=:joe:1500:100:/home/joe:-/::\n"
    rules.separator = b""
    assert text(rules) == b"=joe:joe:1500:100:/home/joe:::\n"


def test_alias_takes_the_rest() -> None:
    first = text(Rules(), ALIAS).split(b"\n")[0]
    assert first == b"+:alias:7790:2108:/var/qmail/alias:-::"


def test_mail_names_replace_the_own_one() -> None:
    rules = Rules()
    rules.names = {b"joe": b"j.doe::doe"}
    assert [line.split(b":")[0] for line in rules.lines(JOE)] == [b"=j.doe", b"+j.doe-", b"=doe", b"+doe-"]


def test_who_is_accepted() -> None:
    rules = Rules()
    assert rules.accept(JOE)
    for line in (b"root:x:0:0::/root:", b"toor:x:00:0::/:", b"x:x::0::/:", b"x:x:y:0::/:"):
        account = parse(line)
        assert account is not None
        assert not rules.accept(account)
    capital = Account(b"Joe", b"1", b"1", b"/")
    assert not rules.accept(capital)
    rules.uppercase = True
    assert rules.accept(capital)
    rules.include = frozenset([b"joe"])
    assert rules.accept(capital)
    assert not rules.accept(ALIAS)
    rules.exclude = frozenset([b"joe"])
    assert not rules.accept(JOE)


def test_subusers() -> None:
    rules = Rules()
    lines = list(rules.subuser(b"sales:Joe:office:ignored", JOES))
    assert lines == [
        b"=sales:joe:1500:100:/home/joe:-:office:\n",
        b"+sales-:joe:1500:100:/home/joe:-:office-:\n",
    ]
    assert list(rules.subuser(b"too:few", JOES)) == []
    with pytest.raises(Unknown, match="unable to find jim user for subuser"):
        list(rules.subuser(b"sales:jim:office:", JOES))
