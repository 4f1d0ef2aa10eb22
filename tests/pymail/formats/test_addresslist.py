"""Lists of addresses: what is found in which order, and how the field looks afterwards"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymail.formats.addresslist import BadList, rewrite_list
from pymail.formats.token822 import ATOM, Token, Unparsable, parse, render, unquote


def walk(text: bytes) -> tuple[bytes, list[bytes]]:
    """The printed field and the addresses, where rewriting adds a ! to every address."""
    tokens, addresses = rewrite_list(parse(b"To:" + text), lambda address: [*address, (ATOM, b"!")])
    return render(tokens)[3:-1].strip(), [unquote(address)[:-1] for address in addresses]


@pytest.mark.parametrize(
    ("text", "printed", "addresses"),
    [
        (b"", b"", []),
        (b"a, b", b"a !, b !", [b"b", b"a"]),
        (b"a b@c d", b"a !, b@c !, d !", [b"d", b"b@c", b"a"]),
        (b"a.b c", b"a.b !, c !", [b"c", b"a.b"]),
        (b"c (x) @ d", b"c@d ! (x)", [b"c@d"]),
        (b"a (b) c", b"a !, c ! (b)", [b"c", b"a"]),
        (b"<a@b> <c@d>", b"<a@b !> <c@d !>", [b"c@d", b"a@b"]),
        (b"<a@b> (c)", b"<a@b !>(c)", [b"a@b"]),
        (b"<a@b> c", b"<a@b !>, c !", [b"c", b"a@b"]),
        (b"Foo, Bar <a@b>", b"Foo !, Bar <a@b !>", [b"a@b", b"Foo"]),
        (b'"Foo" (x) b.a @ <a>', b'"Foo" (x) b.a@ <a !>', [b"a"]),
        (b"<a (x) @b>", b"<a (x)@b !>", [b"a@b"]),
        (b"<>", b"<!>", [b""]),
        (b"g: a, b;", b"g: a !, b !;", [b"b", b"a"]),
        (b"c, g: a;, d", b"c !, g: a !;, d !", [b"d", b"a", b"c"]),
        (b"A: x;B: y;", b"A: x;B: y !;", [b"y"]),
        (b"a; b", b"a !;, b !", [b"b", b"a"]),
        (b",a,,b,", b", a !, , b !,", [b"b", b"a"]),
        (b"[1.2] [3]", b"[1.2] !, [3] !", [b"[3]", b"[1.2]"]),
        (b"a < b", b"a <b !", [b"a<b"]),
    ],
)
def test_walk(text: bytes, printed: bytes, addresses: list[bytes]) -> None:
    assert walk(text) == (printed, addresses)


@pytest.mark.parametrize("text", [b"x grp: a", b"a; b;", b"foo: bar, baz", b"a>", b"g: <a;>b:c"])
def test_no_list(text: bytes) -> None:
    with pytest.raises(BadList):
        walk(text)


def test_an_address_rewritten_to_nothing() -> None:
    field: list[Token] = parse(b"To: a b")
    tokens, addresses = rewrite_list(field, lambda address: [])
    assert (render(tokens), addresses) == (b"To: ,\n", [[], []])


@given(st.text(alphabet='ab.,@<>:;"()[] ').map(str.encode))
def test_unchanged_addresses_leave_a_field_that_is_read_the_same_way(text: bytes) -> None:
    try:
        tokens, addresses = rewrite_list(parse(b"To:" + text), lambda address: address)
    except (Unparsable, BadList):
        return
    again, same = rewrite_list(parse(render(tokens)), lambda address: address)
    assert render(again) == render(tokens)
    assert [unquote(a) for a in same] == [unquote(a) for a in addresses]
