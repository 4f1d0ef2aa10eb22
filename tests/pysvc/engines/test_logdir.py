"""When a log file is full"""

from hypothesis import given
from hypothesis import strategies as st

from pysvc.engines.logdir import Current, chunks


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


SIZES = st.sampled_from([0, 1, 10, 60, 255, 256, 511, 512, 513, 600, 999, 1000, 1001, 1500, 2100])


@given(st.lists(SIZES, max_size=12), st.booleans(), st.booleans())
def test_writes_are_those_of_the_original(lengths: list[int], inside: bool, finished: bool) -> None:
    text = b"\n".join(b"x" * length for length in lengths) + (b"\n" if finished else b"")
    assert list(chunks(text, inside)) == model(text, inside)


def files_of(writes: list[bytes], limit: int, size: int = 0) -> list[bytes]:
    """The files that some writes end up in; the last is `current`."""
    current, files = Current(size, limit), [b"#" * size]
    for write in writes:
        chunk = write
        while chunk:
            if current.full:
                current.size = 0
                files.append(b"")
            count = current.share(chunk)
            files[-1] += chunk[:count]
            if current.wrote(chunk[:count]):
                current.size = 0
                files.append(b"")
            chunk = chunk[count:]
    return files


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


@given(st.lists(st.integers(0, 700), max_size=60), st.integers(4096, 9000))
def test_nothing_is_lost_and_files_have_the_size_they_should(lengths: list[int], limit: int) -> None:
    text = b"".join(b"x" * length + b"\n" for length in lengths)
    files = files_of(list(chunks(text, False)), limit)
    assert b"".join(files) == text
    for file in files[:-1]:
        assert len(file) == limit or (file.endswith(b"\n") and limit - 2000 <= len(file) <= limit)


def test_room_leaves_every_decision_open() -> None:
    current = Current(100, 5000)
    current.wrote(b"\n" * (current.room - 1))
    assert not current.full
    assert current.wrote(b"\n")
