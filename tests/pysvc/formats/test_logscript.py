"""The script of multilog as values"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvc.formats.logscript import Script, alert, record, remainder


def matches(pattern: bytes, line: bytes) -> bool:
    return Script([b"-*", b"+" + pattern, b"./a"]).select(line).logs == [line + b"\n"]


def byte_by_byte(pattern: bytes, line: bytes) -> bool:
    """The matching rules as the manual tells them, one byte after the other."""
    while pattern:
        first, pattern = pattern[:1], pattern[1:]
        if first == b"*":
            if not pattern:
                return True
            while line and line[:1] != pattern[:1]:
                line = line[1:]
            if not line:
                return False
        elif line[:1] != first:
            return False
        else:
            line = line[1:]
    return not line


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        (b"", [b""], [b"x"]),
        (b"*", [b"", b"x", b"a\0b"], []),
        (b"ab*", [b"ab", b"abc"], [b"a"]),
        (b"*a", [b"xa"], [b"xaa"]),
        (b"*ab", [b"ab", b"xab"], [b"aab"]),
        (b"*b*", [b"b", b"ab"], [b"a"]),
        (b"*: *", [b"a: c"], [b"a:b: c"]),
        (b"**", [b"x*y", b"*"], [b"xy", b""]),
        (b"a?[b]\\", [b"a?[b]\\"], [b"axb"]),
    ],
)
def test_patterns(pattern: bytes, yes: list[bytes], no: list[bytes]) -> None:
    assert [line for line in yes if not matches(pattern, line)] == []
    assert [line for line in no if matches(pattern, line)] == []


@given(
    st.lists(st.sampled_from([b"*", b"a", b"b", b"ab", b"*a"]), max_size=7).map(b"".join),
    st.lists(st.sampled_from([b"*", b"a", b"b", b"x"]), max_size=8).map(b"".join),
)
def test_matching_is_that_of_the_rules(pattern: bytes, line: bytes) -> None:
    assert matches(pattern, line) == byte_by_byte(pattern, line)


PATTERNS = st.lists(st.sampled_from([b"*", b"a", b"b", b".", b"\n", b"]", b"^", b"\xff", b"ab"]), max_size=6)
LINE = st.lists(st.sampled_from([b"*", b"a", b"b", b".", b"]", b"^", b"\xff", b"ab", b"\0"]), max_size=8)
STEPS = st.tuples(st.sampled_from([b"+", b"-"]), PATTERNS).map(lambda step: step[0] + b"".join(step[1]))
ARGUMENTS = st.lists(STEPS | st.sampled_from([b"./log", b"=status", b"e"]), max_size=8)


def obeyed(arguments: list[bytes], lines: list[bytes]) -> tuple[list[bytes], dict[int, bytes], list[bytes]]:
    """What a script does, line by line, action by action: alerts, records, logs."""
    alerts, records, logs = [], {}, [b""] * arguments.count(b"./log")
    for line in lines:
        chosen, log, file = True, 0, 0
        for argument in arguments:
            if argument[:1] == b"+":
                chosen = chosen or byte_by_byte(argument[1:], line)
            elif argument[:1] == b"-":
                chosen = chosen and not byte_by_byte(argument[1:], line)
            elif argument == b"e":
                alerts += [line] * chosen
            elif argument == b"=status":
                records.update({file: line} if chosen else {})
                file += 1
            else:
                logs[log] += (line + b"\n") * chosen
                log += 1
    return alerts, records, logs


@given(ARGUMENTS, st.lists(LINE.map(b"".join), min_size=1, max_size=6), LINE.map(b"".join))
def test_a_block_is_selected_as_line_by_line(
    arguments: list[bytes], lines: list[bytes], stamp: bytes
) -> None:
    """Also with a stamp that the lines are yet to get."""
    script = Script(arguments)
    for _ in range(2):  # what is remembered of the first does no harm
        done = script.select(b"\n".join(lines), stamp)
        assert (done.alerts, done.records, done.logs) == obeyed(arguments, [stamp + line for line in lines])


@given(PATTERNS.map(b"".join), LINE.map(b"".join), LINE.map(b"".join))
def test_what_remains_of_a_pattern_behind_the_beginning_of_a_line(
    pattern: bytes, start: bytes, end: bytes
) -> None:
    rest = remainder(pattern, start)
    assert byte_by_byte(pattern, start + end) == (rest is not None and byte_by_byte(rest, end))


def directories(*arguments: bytes) -> list[tuple[bytes, int, int, bytes | None]]:
    return [(d.name, d.size, d.number, d.processor) for d in Script(list(arguments)).directories]


def test_sizes_and_numbers_are_for_the_directories_that_follow() -> None:
    assert directories(b"./a", b"s5000x", b"n3", b"!cat", b"/b", b"s1", b"n1", b"!", b".c") == [
        (b"./a", 99999, 10, None), (b"/b", 5000, 3, b"cat"), (b".c", 4096, 2, b""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "size"),
    [(b"s", 4096), (b"sx", 4096), (b"s99999999", 16777215), (b"s18446744073709556616", 5000)],
)
def test_size_limits(text: bytes, size: int) -> None:
    assert directories(text, b"./a") == [(b"./a", size, 10, None)]


def test_a_very_long_number() -> None:
    assert 4096 <= directories(b"s" + b"9" * 5000, b"./a")[0][1] <= 16777215


def test_t_counts_only_as_the_first() -> None:
    assert Script([b"t-anything"]).timestamp
    assert not Script([b"e", b"t"]).timestamp
    assert not Script([b"", b"t"]).timestamp
    assert not Script([]).timestamp


def test_unknown_actions_do_nothing() -> None:
    script = Script([b"E", b"x", b"", b"./a"])
    assert not script.selective
    assert script.select(b"1").logs == [b"1\n"]


def test_selection_is_that_at_the_place_of_each_directory() -> None:
    script = Script([b"-drop", b"/a", b"+drop", b"/b"])
    assert script.select(b"drop\nkeep").logs == [b"keep\n", b"drop\nkeep\n"]


def test_only_a_deselected_line_is_selected_and_back() -> None:
    script = Script([b"-a*", b"+*b", b"-*cb", b"./x"])
    assert script.select(b"a\nab\nacb\nz").logs == [b"ab\nz\n"]


def test_alerts_come_line_by_line() -> None:
    script = Script([b"e", b"-b", b"ealso"])
    assert script.select(b"a\nb\nc").alerts == [b"a", b"a", b"b", b"c", b"c"]


def test_a_status_file_keeps_the_last_selected_line() -> None:
    script = Script([b"=one", b"-b", b"=two", b"-*", b"=none"])
    assert script.files == [b"one", b"two", b"none"]
    assert script.select(b"a\nb").records == {0: b"b", 1: b"a"}


def test_alerts_show_200_bytes() -> None:
    assert alert(b"x" * 200) == b"x" * 200 + b"\n"
    assert alert(b"x" * 201) == b"x" * 200 + b"...\n"


def test_records_are_1001_bytes() -> None:
    assert record(b"") == b"\n" * 1001
    assert record(b"x" * 1000) == b"x" * 1000 + b"\n"
