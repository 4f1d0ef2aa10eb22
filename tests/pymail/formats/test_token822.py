"""Tokens of address fields: what is read, what is printed"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymail.formats.token822 import (
    ATOM,
    COLON,
    COMMA,
    COMMENT,
    LITERAL,
    QUOTE,
    Unparsable,
    parse,
    render,
    unquote,
)

PUNCTUATION = [(byte, bytes((byte,))) for byte in b".,@<>:;"]
ATOM_BYTES = [byte for byte in range(33, 127) if byte not in b'.,@<>:;)]\\']
words = st.one_of(
    st.tuples(st.just(ATOM), st.lists(st.sampled_from(ATOM_BYTES), min_size=1).map(bytes)),
    st.tuples(st.sampled_from((QUOTE, LITERAL, COMMENT)), st.binary()),
)
token_lists = st.lists(st.one_of(words, st.sampled_from(PUNCTUATION)))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        (b" \t\r\n", []),
        (b".,@<>:;", PUNCTUATION),
        (b"(x(y)z)", [(COMMENT, b"xyz")]),
        (rb"(a\)b\\)", [(COMMENT, rb"a)b\ "[:-1])]),
        (b'("[])', [(COMMENT, b'"[]')]),
        (rb'"a\"(b"', [(QUOTE, b'a"(b')]),
        (rb"[1[2\]3]", [(LITERAL, b"1[2]3")]),
        (b"a)b]c", [(QUOTE, b"a)b]c")]),
        (rb"a\@\ b", [(ATOM, b"a@ b")]),
        (b"\\", [(ATOM, b"")]),
        (rb"a\\b", [(QUOTE, rb"a\b")]),
        (b"caf\xc3\xa9 x\x01", [(QUOTE, b"caf\xc3\xa9"), (QUOTE, b"x\x01")]),
        (b"a\x7f", [(QUOTE, b"a\x7f")]),
        (b'a"b"', [(ATOM, b"a"), (QUOTE, b"b")]),
    ],
)
def test_parse(text: bytes, tokens: list[tuple[int, bytes]]) -> None:
    assert parse(text) == tokens


@pytest.mark.parametrize("text", [b")", b"a ]", b"(a", b"(a(b)", b'"a', b"[a", b'"a\\', b"(\\", b"[\\"])
def test_syntax_errors(text: bytes) -> None:
    with pytest.raises(Unparsable) as caught:
        parse(text)
    assert caught.value.text == text


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        (b"To :a", b"To: a\n"),
        (b"grp:;", b"grp: ;\n"),
        (b"a@b,c", b"a@b, c\n"),
        (b"X<a@b>(c)", b"X <a@b>(c)\n"),
        (b"a(b)[c]", b"a (b) [c]\n"),
        (rb"a\@b@c", b"a@b@c\n"),
        (b"caf\xe9", b'"caf\xe9"\n'),
        (b"(foo\n bar)", b"(foo\\\n bar)\n"),
        (rb'(a\)\() "\"[])\\"', rb'(a\)\() "\"\[\]\)\\"' b"\n"),
        (b"a,,b", b"a, , b\n"),
    ],
)
def test_render(text: bytes, printed: bytes) -> None:
    assert render(parse(text)) == printed


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (b'"a b"@c.(x)d', b"a b@c.d"),
        (rb"a@[1\.2]", b"a@[1.2]"),
        (rb'"\"\\"@x', b'"\\@x'),
        (b"a b", b"ab"),
    ],
)
def test_unquote(text: bytes, address: bytes) -> None:
    assert unquote(parse(text)) == address


def folded(*sizes: int, end: bytes = b"") -> list[int]:
    """The lengths of the lines into which words of some sizes fold."""
    text = b",".join(b"x" * size for size in sizes) + end
    return [len(line) for line in render([(ATOM, b"To"), (COLON, b":"), *parse(text)]).split(b"\n")]


def test_fold_keeps_lines_within_78() -> None:
    assert folded(36, 35) == [77, 0]
    assert folded(36, 36) == [78, 0]
    assert folded(36, 37) == [41, 39, 0]


def test_fold_counts_the_comma_and_the_two_spaces() -> None:
    assert folded(36, 35, 1) == [78, 3, 0]
    assert folded(36, 36, 1) == [41, 41, 0]
    assert folded(70, 37, 37) == [75, 78, 0]
    assert folded(70, 37, 38) == [75, 40, 40, 0]


def test_fold_never_breaks_a_piece() -> None:
    assert folded(100, 100) == [105, 102, 0]


def test_comma_at_the_end() -> None:
    assert folded(10, end=b",") == [15, 0]
    assert folded(73, end=b",") == [78, 0]
    assert folded(74, end=b",") == [79, 1, 0]


def test_no_tokens() -> None:
    assert render([]) == b"\n"


@given(st.binary())
def test_every_text_is_parsed_or_refused(text: bytes) -> None:
    try:
        tokens = parse(text)
    except Unparsable:
        return
    assert all(token in PUNCTUATION or token[0] >= ATOM for token in tokens)
    assert render(tokens).endswith(b"\n")


@given(token_lists)
def test_what_is_printed_is_read_back(tokens: list[tuple[int, bytes]]) -> None:
    assert parse(render(tokens)) == tokens


@given(token_lists)
def test_lines_are_long_only_where_one_piece_is(tokens: list[tuple[int, bytes]]) -> None:
    short = [(kind, text) for kind, text in tokens if kind in (ATOM, COMMA)]
    for line in render(short).split(b"\n"):
        assert len(line) <= 78 or b"," not in line[:-1]
