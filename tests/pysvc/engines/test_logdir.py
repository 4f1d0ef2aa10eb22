"""When a log file is full"""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from pysvc.engines.logdir import Current, writes


class Buffer:
    """The original's output buffer, a byte or a piece at a time."""

    def __init__(self) -> None:
        self.waiting, self.written = b"", [b""]

    def flush(self) -> None:
        self.written.append(self.waiting)
        self.waiting = b""

    def put(self, piece: bytes) -> None:
        if len(piece) > 512 - len(self.waiting):
            self.flush()
            if len(piece) > 512:
                self.written.append(piece)
                return
        self.waiting += piece


def model(text: bytes, inside: bool) -> list[bytes]:
    """What the original writes of the output that one read makes ready."""
    buffer = Buffer()
    while text:
        line, newline, text = text.partition(b"\n")
        head = 0 if inside else 1000
        if line[:head]:
            buffer.put(line[:head])
        for byte in line[head:] + newline:
            buffer.put(bytes([byte]))
        inside = False
    buffer.flush()
    return [written for written in buffer.written if written]


def written(text: bytes, inside: bool) -> list[bytes]:
    ends = [0, *writes(text, inside)]
    return [text[start:end] for start, end in itertools.pairwise(ends)]


SIZES = st.sampled_from([0, 1, 10, 60, 255, 256, 511, 512, 513, 600, 999, 1000, 1001, 1500, 2100])


@given(st.lists(SIZES, max_size=12), st.booleans(), st.booleans())
def test_writes_are_those_of_the_original(lengths: list[int], inside: bool, finished: bool) -> None:
    text = b"\n".join(b"x" * length for length in lengths) + (b"\n" if finished else b"")
    assert written(text, inside) == model(text, inside)


def files_of(reads: list[bytes], limit: int, size: int = 0) -> list[bytes]:
    """The files that lines, as they were read, end up in; the last is `current`."""
    current, files = Current(size, limit), [b"#" * size]
    for read in reads:
        for part, full in current.divide(read, False):
            files[-1] += part
            assert current.size == len(files[-1])
            if full:
                current.size = 0
                files.append(b"")
    return files


def files_of_the_original(reads: list[bytes], limit: int, size: int = 0) -> list[bytes]:
    """The same, as the manual tells it, write by write."""
    files = [b"#" * size]
    for chunk in (write for read in reads for write in model(read, False)):
        rest = chunk
        while rest:
            if len(files[-1]) >= limit:
                files.append(b"")
            part = rest[: limit - len(files[-1])]
            if len(files[-1] + part) >= limit - 2000 and b"\n" in part:
                part = part[: part.rindex(b"\n") + 1]
            files[-1] += part
            rest = rest[len(part) :]
            if len(files[-1]) >= limit - 2000 and part.endswith(b"\n"):
                files.append(b"")
    return files


LINES = st.lists(st.integers(0, 700) | SIZES, max_size=40).map(
    lambda lengths: b"".join(b"x" * length + b"\n" for length in lengths)
)


@given(st.lists(LINES, max_size=8), st.integers(4096, 9000), st.integers(0, 9500))
def test_files_are_those_of_the_original(reads: list[bytes], limit: int, size: int) -> None:
    assert files_of(reads, limit, size) == files_of_the_original(reads, limit, size)


def test_a_file_ends_with_the_first_newline_within_2000_bytes_of_the_limit() -> None:
    line = b"x" * 99 + b"\n"
    first, *_ = files_of([line] * 100, 4096)
    assert len(first) == 2100


def test_a_write_is_cut_after_its_last_newline() -> None:
    write = b"a" * 90 + b"\n" + b"b\n" + b"c" * 300
    assert list(map(len, files_of([b"x" * 2010, write], 4096))) == [2103, 300]
    assert list(map(len, files_of([b"x" * 2000, write], 4096))) == [2393]  # the cut is short of the margin


def test_a_line_that_is_too_long_fills_files_to_the_last_byte() -> None:
    assert [len(file) for file in files_of([b"x" * 512] * 40, 4096)] == [4096] * 5


def test_a_full_file_is_left_before_the_next_byte() -> None:
    assert [len(file) for file in files_of([b"x"], 4096, size=5000)] == [5000, 1]


def test_a_file_past_the_threshold_ends_with_the_next_newline() -> None:
    assert [len(file) for file in files_of([b"x\nyy"], 4096, size=3000)] == [3002, 2]


@given(LINES, st.integers(4096, 9000))
def test_nothing_is_lost_and_files_have_the_size_they_should(text: bytes, limit: int) -> None:
    files = files_of([text], limit)
    assert b"".join(files) == text
    for file in files[:-1]:
        assert len(file) == limit or (file.endswith(b"\n") and limit - 2000 <= len(file) <= limit)


def test_room_leaves_every_decision_open() -> None:
    for more, fulls in ((-1, [False]), (0, [True])):
        current = Current(100, 5000)
        text = b"\n" * (current.room + more)
        assert [full for _, full in current.divide(text, False)] == fulls
