"""Labels turned into local time"""

import time
from calendar import timegm

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvc.formats import localtime, tai64n

UP = b"@400000006553f10a075bcbf4"


def convert(text: bytes) -> bytes:
    return localtime.Converter(time.gmtime).convert(text)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (UP + b" up\n", b"2023-11-14 22:13:20.123456500 up\n"),
        (UP + b"\n", b"2023-11-14 22:13:20.123456500\n"),
        (UP + b"\tx", b"2023-11-14 22:13:20.123456500\tx"),
        (UP + b"X\n", b"2023-11-14 22:13:20.123456500X\n"),
        (b" " + UP + b" up\n", b" " + UP + b" up\n"),
        (b"x\n" + UP + b" up\n", b"x\n2023-11-14 22:13:20.123456500 up\n"),
        (UP + b" " + UP + b"\n", b"2023-11-14 22:13:20.123456500 " + UP + b"\n"),
        (b"@00ff" + UP[1:] + b" up\n", b"2023-11-14 22:13:20.123456500 up\n"),
        (b"@400000000000000affffffff x\n", b"1970-01-01 00:00:00.4294967295 x\n"),
        (b"\n\n", b"\n\n"), (b"", b""),
    ],
)  # fmt: skip
def test_lines(line: bytes, shown: bytes) -> None:
    assert convert(line) == shown


@pytest.mark.parametrize(
    "line",
    [b"@\n", b"@ x\n", b"@400000000000000a\n", UP.upper() + b" x\n", b"@ffffffffffffffff00000000 x\n",
     b"@joe\n", b"@\0\n"],
)  # fmt: skip
def test_impossible_labels_stay(line: bytes) -> None:
    assert convert(line) == line
    assert convert(line * 40) == line * 40
    assert convert(UP + b" up\n" + line + UP + b" up\n") == (
        b"2023-11-14 22:13:20.123456500 up\n" + line + b"2023-11-14 22:13:20.123456500 up\n"
    )


RESTS = st.sampled_from([b" x", b" ", b"%d", b"0 x"])


@given(st.lists(st.tuples(st.integers(0, 2**33), st.integers(0, 999999), RESTS)), st.sampled_from([1, 40]))
def test_many_lines_are_many_times_one_line(lines: list[tuple[int, int, bytes]], times: int) -> None:
    labelled = [tai64n.label(s * 10**9 + us * 1000) + rest + b"\n" for s, us, rest in lines] * times
    assert convert(b"".join(labelled)) == b"".join(map(convert, labelled))


@pytest.mark.parametrize("offset", [0, 3600, 20700, -1234, 59])
def test_any_offset(offset: int) -> None:
    """Also those that are no whole minutes, as before time zones existed."""
    converter = localtime.Converter(lambda second: time.gmtime(second + offset))
    for second in range(1000000000, 1000000130):
        shown = converter.convert(tai64n.label(second * 10**9) + b" ")[:19].decode()
        assert timegm(time.strptime(shown, "%Y-%m-%d %H:%M:%S")) == second + offset


def test_a_second_60() -> None:
    def leaping(second: int) -> time.struct_time:
        leap = time.struct_time((2016, 12, 31, 23, 59, 60, 5, 366, 0))
        return leap if second == 59 else time.gmtime(second)

    converter = localtime.Converter(leaping)
    assert converter.convert(tai64n.label(58 * 10**9) + b" x") == b"1970-01-01 00:00:58.000000500 x"
    assert converter.convert(tai64n.label(59 * 10**9) + b" x") == b"2016-12-31 23:59:60.000000500 x"


def pass_through(*blocks: bytes, longest: int = 100) -> list[bytes]:
    converter = localtime.Converter(time.gmtime)
    return [rest + converter.convert(text) for rest, text in localtime.lines(blocks, longest)]


def test_unfinished_lines_appear_at_once_but_labels_are_whole() -> None:
    assert pass_through(b"ab", b"c\n@", UP[1:9], UP[9:], b" u", b"p\n") == [
        b"ab", b"c\n", b"", b"", b"2023-11-14 22:13:20.123456500 u", b"p\n",
    ]  # fmt: skip


def test_a_label_at_the_end_of_the_input_is_dropped() -> None:
    assert b"".join(pass_through(b"x\n" + UP)) == b"x\n"


def test_an_at_sign_inside_a_line_is_no_label() -> None:
    assert b"".join(pass_through(b"x", UP + b" y\n")) == b"x" + UP + b" y\n"


def test_endless_digits_are_no_label() -> None:
    assert b"".join(pass_through(b"@" + b"a" * 200, b"b" * 10, b" x\n" + UP + b" y\n")) == (
        b"@" + b"a" * 200 + b"b" * 10 + b" x\n2023-11-14 22:13:20.123456500 y\n"
    )


@given(st.integers(0, 60), st.integers(0, 60))
def test_where_blocks_end_does_not_matter(first: int, second: int) -> None:
    text = b"a\n" + UP + b" b\n\n@x" + UP + b"\n" + UP
    blocks = [text[:first], text[first : first + second], text[first + second :]]
    assert b"".join(pass_through(*filter(None, blocks))) == b"".join(pass_through(text))
