"""Completing addresses"""

import pytest

from pymail.engines.qualify import Qualifier
from pymail.formats.token822 import Unparsable, parse, render, unquote

QUALIFIER = Qualifier(b"host", b"def.dom", b"plus.dom")


def rewrite(text: bytes, qualifier: Qualifier = QUALIFIER) -> bytes:
    return render(qualifier.rewrite(parse(text)))[:-1]


@pytest.mark.parametrize(
    ("address", "complete"),
    [
        (b"", b""),
        (b"joe", b"joe@host.def.dom"),
        (b"joe.b", b"joe.b@host.def.dom"),
        (b"a@b", b"a@b.def.dom"),
        (b"a@b.c", b"a@b.c"),
        (b"a@b+", b"a@b.plus.dom"),
        (b"a@b.c+", b"a@b.c.plus.dom"),
        (b"a@+", b"a@.plus.dom"),
        (b"a+", b"a+@host.def.dom"),
        (b"a@b.", b"a@b.def.dom"),
        (b"a@b.c..", b"a@b.c."),
        (b"a@", b"a@host.def.dom"),
        (b"a@.", b"a@host.def.dom"),
        (b"a@@", b"a@.def.dom"),
        (b".", b""),
        (b"@", b""),
        (b"@a", b""),
        (b"@a,@b:c", b"c@host.def.dom"),
        (b"@a:c@d.e:f", b"c@d.e: f"),
        (b"@a:", b""),
        (b"a@[1.2.3.4]", b"a@[1.2.3.4]"),
        (b"a@[]", b"a@[]"),
        (b"@x:a@[]", b"@x: a@[]"),
        (b"[]", b"[]@host.def.dom"),
        (b'a@"b.c"', b'a@"b.c".def.dom'),
        (b'a@"b+"', b'a@"b+".def.dom'),
        (b"a.b@c@d", b"a.b@c@d.def.dom"),
        (b"a@b.(x)", b"a@b.(x)"),
        (b"a@b(x)", b"a@b (x).def.dom"),
    ],
)
def test_rewrite(address: bytes, complete: bytes) -> None:
    assert rewrite(address) == complete


def test_the_default_host_may_ask_for_the_plus_domain() -> None:
    assert rewrite(b"joe", Qualifier(b"h+", b"d", b"p.q")) == b"joe@h.p.q"


def test_a_default_host_with_a_dot() -> None:
    assert rewrite(b"joe", Qualifier(b"h.x", b"d", b"p")) == b"joe@h.x"


def test_empty_names() -> None:
    assert unquote(Qualifier(b"", b"", b"").rewrite(parse(b"joe"))) == b"joe@."


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ((b")", b"b", b"c"), b"@)"),
        ((b"a", b"(", b"c"), b".("),
        ((b"a", b"b", b"]"), b".]"),
    ],
)
def test_a_name_that_is_none(names: tuple[bytes, bytes, bytes], text: bytes) -> None:
    with pytest.raises(Unparsable) as caught:
        Qualifier(*names)
    assert caught.value.text == text
