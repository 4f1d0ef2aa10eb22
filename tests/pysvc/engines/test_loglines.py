"""From what multilog reads to what each log gets"""

from hypothesis import given
from hypothesis import strategies as st

from pysvc.engines.loglines import Lines
from pysvc.formats.logscript import Script


def outputs(arguments: list[bytes], blocks: list[bytes], stamp: bytes = b"") -> list[list[bytes]]:
    """For each block, what each directory gets."""
    lines = Lines(Script(arguments))
    return [lines.take(block, stamp).texts for block in blocks]


def test_whole_lines_at_once_unfinished_ones_later() -> None:
    assert outputs([b"./a"], [b"one\ntw", b"o", b"\n"]) == [[b"one\n"], [b""], [b"two\n"]]


def test_a_label_is_that_of_the_first_byte() -> None:
    lines = Lines(Script([b"t", b"./a"]))
    assert lines.take(b"a\nb", b"1 ").texts == [b"1 a\n"]
    assert lines.inside
    assert lines.take(b"\n", b"2 ").texts == [b"1 b\n"]
    assert not lines.inside
    assert lines.take(b"\n", b"3 ").texts == [b"3 \n"]


def test_a_thousand_bytes_of_a_line_are_enough() -> None:
    long = b"x" * 999
    assert outputs([b"./a"], [long, b"y", b"z", b"\nb\n"]) == [[b""], [long + b"y"], [b"z"], [b"\nb\n"]]


def test_the_label_is_part_of_them() -> None:
    assert outputs([b"t", b"./a"], [b"x" * 996, b"y"], b"123 ") == [[b"123 " + b"x" * 996], [b"y"]]


def test_the_rest_of_a_long_line_follows_its_beginning() -> None:
    long = b"drop" + b"x" * 996
    assert outputs([b"./a", b"-drop*", b"./b"], [long, b"y\nkeep\n", long + b"\n"]) == [
        [long, b""], [b"y\nkeep\n", b"keep\n"], [long + b"\n", b""],
    ]  # fmt: skip


def test_only_a_thousand_bytes_are_looked_at() -> None:
    assert outputs([b"-*", b"+x*y", b"./a"], [b"x" * 999 + b"yz\n", b"x" * 1000 + b"y\n"]) == [
        [b"x" * 999 + b"yz\n"], [b""],
    ]  # fmt: skip


def test_memory_does_not_grow_with_a_line() -> None:
    lines = Lines(Script([b"./a"]))
    total = sum(len(lines.take(b"x" * 1024, b"").texts[0]) for _ in range(50))
    assert total == 50 * 1024


SIZES = st.sampled_from([0, 1, 5, 972, 973, 974, 999, 1000, 1001, 2500])
LINES = st.lists(st.tuples(SIZES, st.sampled_from(b"ab*")), max_size=8)
SCRIPTS = st.lists(st.sampled_from([b"-a*", b"+*b", b"-*", b"+*", b"./x", b"/y"]), max_size=6)


@given(LINES, SCRIPTS, st.lists(st.integers(1, 1500), max_size=6), st.sampled_from([b"", b"@label "]))
def test_how_the_input_is_cut_does_not_matter(
    described: list[tuple[int, int]], script: list[bytes], cuts: list[int], stamp: bytes
) -> None:
    text = b"".join(bytes([byte]) * length + b"\n" for length, byte in described)
    blocks, at = [], 0
    for cut in [*cuts, len(text)]:
        blocks.append(text[at : at + cut])
        at += cut
    whole = outputs(script, [text], stamp)[0]
    parts = outputs(script, [block for block in blocks if block], stamp)
    assert [b"".join(part) for part in zip(*parts, strict=True)] == (whole if parts else [])


@given(st.lists(st.sampled_from([0, 10, 300, 1200]), max_size=30), st.integers(0, 20000))
def test_a_share_leaves_room(lengths: list[int], room: int) -> None:
    data = b"".join(b"x" * length + b"\n" for length in lengths) or b"\n"
    lines = Lines(Script([b"t", b"./a"]))
    stamp = b"@label "
    share = lines.share(data, stamp, room)
    assert share == len(data) or share % 1024 == 0
    assert share <= 1024 or len(lines.take(data[:share], stamp).texts[0]) < room


@given(LINES, SCRIPTS, st.integers(0, 2000))
def test_what_is_undone_has_not_been(described: list[tuple[int, int]], script: list[bytes], cut: int) -> None:
    text = b"".join(bytes([byte]) * length + b"\n" for length, byte in described)
    lines, same = Lines(Script(script)), Lines(Script(script))
    assert lines.take(text[:cut], b"1 ").texts == same.take(text[:cut], b"1 ").texts
    lines.take(text[cut:] + b"unfinished", b"2 ")
    lines.undo()
    assert lines.inside == same.inside
    assert lines.take(text[cut:], b"3 ").texts == same.take(text[cut:], b"3 ").texts
