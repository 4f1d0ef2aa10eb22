"""Netstrings, however they are cut"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvc.formats.netstring import LONGEST, Collector, Decoder, Malformed, Series, TooLong, encode


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    blocks = []
    for size in sizes:
        blocks.append(data[:size])
        data = data[size:]
    return [*blocks, data]


@given(st.binary(max_size=200), st.binary(max_size=20), st.lists(st.integers(0, 30), max_size=20))
def test_whatever_the_blocks(content: bytes, behind: bytes, sizes: list[int]) -> None:
    decoder, collector = Decoder(), Collector(100)
    found = b""
    for block in cut(encode(content) + behind, sizes):
        found += b"" if decoder.done and not block else decoder.feed(block)
        collector.feed(block)
    assert (found, decoder.done, decoder.rest) == (content, True, behind)
    assert (collector.done, collector.rest) == (True, behind)
    assert collector.content == (content if len(content) <= 100 else None)


def test_encode() -> None:
    assert encode(b"hello world!") == b"12:hello world!,"
    assert encode(b"") == b"0:,"


@pytest.mark.parametrize("text", [b":,", b"0:,", b"000:,"])
def test_empty(text: bytes) -> None:
    decoder = Decoder()
    assert decoder.feed(text) == b""
    assert decoder.done


@pytest.mark.parametrize("text", [b"1x:", b"-1:", b" 1:", b"1:ab", b"0:x", b"1:a\n", b"/", b";"])
def test_malformed(text: bytes) -> None:
    with pytest.raises(Malformed):
        Decoder().feed(text)


def test_too_long() -> None:
    decoder = Decoder()
    assert decoder.feed(b"%d:" % LONGEST) == b""
    assert (decoder.begun, decoder.left) == (True, LONGEST)
    with pytest.raises(TooLong):
        Decoder().feed(b"%d" % (LONGEST + 1))
    with pytest.raises(TooLong):
        Decoder().feed(b"9" * 100000)


def test_nothing_is_done_before_the_comma() -> None:
    decoder = Decoder()
    assert decoder.feed(b"1") == b""
    assert not decoder.begun
    assert decoder.feed(b":a") == b"a"
    assert not decoder.done
    decoder.feed(b",")
    assert decoder.done


@given(st.lists(st.binary(max_size=12), max_size=8), st.lists(st.integers(0, 9), max_size=30))
def test_series(contents: list[bytes], sizes: list[int]) -> None:
    series = Series(10)
    found = []
    for block in cut(b"".join(map(encode, contents)), sizes):
        found += series.feed(block)
    assert found == [content if len(content) <= 10 else None for content in contents]
    assert series.idle


def test_series_in_the_middle() -> None:
    series = Series(10)
    assert list(series.feed(b"1:a,1")) == [b"a"]
    assert not series.idle
