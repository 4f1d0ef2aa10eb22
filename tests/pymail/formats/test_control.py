"""Control files, however they are written"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymail.formats import control

CONTENT = st.one_of(
    st.binary(max_size=60),
    st.lists(st.sampled_from([b"a", b"B", b":", b"#", b" ", b"\t", b"\n", b"\0", b"\r", b"9"])).map(b"".join),
)


@given(CONTENT)
def test_items_are_clean_lines(content: bytes) -> None:
    for item in control.items(content):
        assert item and not item.startswith(b"#") and item == item.rstrip(b" \t\n")
        assert b"\n" not in item and b"\0" not in item and item in content
    assert control.keys(content) == {item.lower() for item in control.items(content)}


@given(CONTENT)
def test_mappings(content: bytes) -> None:
    for key, value in control.mapping(content).items():
        assert key == key.lower() and b":" not in key
        assert any(item.lower().startswith(key + b":" + value.lower()) for item in control.items(content))


@given(CONTENT)
def test_a_line_is_one_line(content: bytes) -> None:
    line = control.line(content)
    assert b"\n" not in line and content.startswith(line)


@pytest.mark.parametrize(
    ("content", "number"),
    [(b"20\n", 20), (b"20 or so", 20), (b"", None), (b"-1", None), (b" 5", None), (b"x5", None),
     (b"0", 0), (b"007", 7)],
)  # fmt: skip
def test_numbers(content: bytes, number: int | None) -> None:
    assert control.number(content) == number


def test_a_number_without_end() -> None:
    """The interpreter refuses to convert such ones."""
    assert (control.number(b"9" * 100_000) or 0) > 10**1000


@pytest.mark.parametrize(
    ("content", "pairs"),
    [
        (b"A.b:one\nc:two", {b"a.b": b"one", b"c": b"two"}),
        (b"a:first\nA:last\n", {b"a": b"last"}),
        (b"a:b:c\n", {b"a": b"b:c"}),
        (b"no colon\n:all\na:\n", {b"": b"all", b"a": b""}),
        (b"a:b\r\n", {b"a": b"b\r"}),
        (b" a:b \t\n#x:y\n\n", {b" a": b"b"}),
    ],
)
def test_a_mapping(content: bytes, pairs: dict[bytes, bytes]) -> None:
    assert control.mapping(content) == pairs


@pytest.mark.parametrize(
    ("content", "items"),
    [
        (b"a\nb", [b"a", b"b"]),
        (b" a\n\tb \t\n", [b" a", b"\tb"]),  # blanks in front belong to it
        (b"#a\n #b\n\n \nc\r\n", [b" #b", b"c\r"]),
    ],
)
def test_a_list(content: bytes, items: list[bytes]) -> None:
    assert list(control.items(content)) == items


@pytest.mark.parametrize(
    ("content", "line"),
    [(b"# a \t\nb\n", b"# a"), (b"", b""), (b"\nb\n", b""), (b" a\r\n", b" a\r"), (b"a", b"a")],
)
def test_a_line(content: bytes, line: bytes) -> None:
    assert control.line(content) == line
