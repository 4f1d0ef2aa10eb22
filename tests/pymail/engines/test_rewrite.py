"""Recipients onto channels, senders of deliveries, prefixes taken off again"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymail.engines.rewrite import LOCAL, REMOTE, Rewriter, bounce_sender, delivery_sender, suffixes

VIRTUAL = {
    b"joe@one.test": b"alias-joe",
    b"virt.test": b"alias-v",
    b".wild.test": b"alias-w",
    b"exc.wild.test": b"",
    b"foo@mail.test": b"no",
    b"both.test": b"domain",
    b"joe@both.test": b"full",
    b"list.test": b"a-b",
}


def rewriter(virtual: dict[bytes, bytes] = VIRTUAL, envnoathost: bytes = b"env.test") -> Rewriter:
    return Rewriter(envnoathost, frozenset([b"hack.test", b"c"]), frozenset([b"mail.test"]), virtual)


@pytest.mark.parametrize(
    ("recipient", "channel", "address"),
    [
        (b"joe@one.test", LOCAL, b"alias-joe-joe@one.test"),
        (b"JOE@One.Test", LOCAL, b"alias-joe-JOE@One.Test"),
        (b"jim@one.test", REMOTE, b"jim@one.test"),
        (b"x@virt.test", LOCAL, b"alias-v-x@virt.test"),
        (b"x@sub.virt.test", REMOTE, b"x@sub.virt.test"),
        (b"x@a.wild.test", LOCAL, b"alias-w-x@a.wild.test"),
        (b"x@b.a.wild.test", LOCAL, b"alias-w-x@b.a.wild.test"),
        (b"x@wild.test", REMOTE, b"x@wild.test"),
        (b"x@exc.wild.test", REMOTE, b"x@exc.wild.test"),
        (b"foo@mail.test", LOCAL, b"foo@mail.test"),
        (b"foo@MAIL.test", LOCAL, b"foo@MAIL.test"),
        (b"joe@both.test", LOCAL, b"full-joe@both.test"),
        (b"jim@both.test", LOCAL, b"domain-jim@both.test"),
        (b"a@b@mail.test", LOCAL, b"a@b@mail.test"),
        (b"joe@one.test@else.test", REMOTE, b"joe@one.test@else.test"),
        (b"plain", REMOTE, b"plain@env.test"),
        (b"", REMOTE, b"@env.test"),
        (b"user@", REMOTE, b"user@"),
        (b"q%mail.test", REMOTE, b"q%mail.test@env.test"),
        (b"a%b@hack.test", REMOTE, b"a@b"),
        (b"a%mail.test@HACK.test", LOCAL, b"a@mail.test"),
        (b"a%b%c@hack.test", REMOTE, b"a@b"),  # c is listed too
        (b"a%b%d@hack.test", REMOTE, b"a%b@d"),
        (b"%x@hack.test", REMOTE, b"@x"),
        (b"nop@hack.test", REMOTE, b"nop@hack.test"),
        (b"a%b@c%d@hack.test", REMOTE, b"a%b@c@d"),
        (b"u%virt.test@hack.test", LOCAL, b"alias-v-u@virt.test"),
    ],
)
def test_rewrite(recipient: bytes, channel: int, address: bytes) -> None:
    assert rewriter().rewrite(recipient) == (channel, address)


@pytest.mark.parametrize(
    ("recipient", "address"),
    [
        (b"X@Any.Where", b"alias-catch-X@Any.Where"),
        (b"x@exc.wild.test", None),
        (b"user@", b"alias-catch-user@"),
        (b"x@virt.test", b"alias-v-x@virt.test"),
    ],
)
def test_catch_all(recipient: bytes, address: bytes | None) -> None:
    rules = rewriter({**VIRTUAL, b"": b"alias-catch"})
    assert rules.rewrite(recipient) == ((LOCAL, address) if address else (REMOTE, recipient))


def test_envnoathost_goes_through_everything() -> None:
    assert rewriter(envnoathost=b"mail.test").rewrite(b"joe") == (LOCAL, b"joe@mail.test")
    assert rewriter(envnoathost=b"hack.test").rewrite(b"joe%mail.test") == (LOCAL, b"joe@mail.test")


def test_suffixes() -> None:
    assert list(suffixes(b"a.b.c")) == [b"a.b.c", b".b.c", b".c", b""]
    assert list(suffixes(b".b")) == [b".b", b""]
    assert list(suffixes(b"")) == [b""]


@pytest.mark.parametrize(
    ("recipient", "known_as"),
    [
        (b"alias-v-x@virt.test", b"x@virt.test"),
        (b"ALIAS-v-x@virt.test", b"ALIAS-v-x@virt.test"),
        (b"alias-v-x@VIRT.test", b"x@VIRT.test"),
        (b"alias-w-x@a.wild.test", b"x@a.wild.test"),
        (b"alias-joe-joe@one.test", b"alias-joe-joe@one.test"),  # came by a full address
        (b"alias-w-x@exc.wild.test", b"alias-w-x@exc.wild.test"),
        (b"a-b-c-d@list.test", b"c-d@list.test"),
        (b"alias-v@virt.test", b"alias-v@virt.test"),
        (b"x@else.test", b"x@else.test"),
        (b"nohost", b"nohost"),
    ],
)
def test_without_prefix(recipient: bytes, known_as: bytes) -> None:
    assert rewriter().without_prefix(recipient) == known_as


@given(st.from_regex(rb"[a-z.%@-]{0,12}@(virt\.test|x\.wild\.test|list\.test|else\.test)", fullmatch=True))
def test_prefix_comes_off_again(recipient: bytes) -> None:
    rules = rewriter()
    channel, address = rules.rewrite(recipient)
    if channel == LOCAL:
        assert rules.without_prefix(address) == recipient
    else:
        assert address == recipient


@pytest.mark.parametrize(
    ("sender", "recipient", "result"),
    [
        (b"o-@h.test-@[]", b"env@rem.test", b"o-env=rem.test@h.test"),
        (b"s-@h@i-@[]", b"a@x", b"s-@ha=x@i"),
        (b"o-@h-@[]", b"p-a@b@c", b"o-p-a@b=c@h"),
        (b"o-@h-@[]", b"nohost", b"o-@h-@[]"),
        (b"o-h-@[]", b"a@x", b"o-h-@[]"),
        (b"-@[]", b"a@x", b"-@[]"),
        (b"#@[]", b"a@x", b"#@[]"),
        (b"", b"a@x", b""),
        (b"me@there", b"a@x", b"me@there"),
    ],
)
def test_delivery_sender(sender: bytes, recipient: bytes, result: bytes) -> None:
    assert delivery_sender(sender, recipient) == result


@pytest.mark.parametrize(
    ("sender", "result"),
    [(b"o-@h.test-@[]", b"o-@h.test"), (b"me@there", b"me@there"), (b"#@[]", b"#@[]"), (b"", b"")],
)
def test_bounce_sender(sender: bytes, result: bytes) -> None:
    assert bounce_sender(sender) == result
