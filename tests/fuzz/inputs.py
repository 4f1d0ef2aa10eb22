"""Inputs for parsers: arbitrary bytes, mutations of samples, texts of meaningful words; all in any cuts"""

import random

from hypothesis import strategies as st

from tests.fuzz.parser import Parser

Blocks = list[bytes]


def chunks(data: bytes, size: int) -> Blocks:
    """The data in blocks of one size."""
    return [data[at : at + size] for at in range(0, len(data), size)]


def cut(data: bytes, sizes: list[int]) -> Blocks:
    """The data in blocks of these sizes, the rest in one."""
    blocks = []
    for size in sizes:
        blocks.append(data[:size])
        data = data[size:]
    return [*blocks, data]


def mutate(sample: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    """The sample with parts replaced; an edit: where (0 to 1), how many bytes go, what comes instead."""
    for where, gone, new in edits:
        at = int(where * len(sample))
        sample = sample[:at] + new + sample[at + gone :]
    return sample


def inputs(parser: Parser) -> st.SearchStrategy[Blocks]:
    """Blocks to feed to a parser."""
    words = st.sampled_from([*parser.words, *parser.samples]) | st.binary(max_size=3)
    edits = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 4), words), max_size=5)
    texts = st.one_of(
        st.binary(max_size=200),
        st.lists(words, max_size=20).map(b"".join),
        st.builds(mutate, st.sampled_from(parser.samples), edits),
    )
    sizes = st.lists(st.integers(0, 30), max_size=8)
    return st.builds(cut, texts, sizes) | st.builds(chunks, texts, st.just(1))


def garbage(parser: Parser, rng: random.Random, size: int) -> bytes:
    """About so many bytes for a real program: samples with edits, words, noise."""
    parts: list[bytes] = []
    while sum(map(len, parts)) < size:
        edits = [
            (rng.random(), rng.randrange(4), rng.choice([*parser.words, rng.randbytes(3)]))
            for _ in range(rng.randrange(4))
        ]
        parts.append(mutate(rng.choice(parser.samples), edits))
        parts.append(rng.choice([b"", b"", rng.randbytes(20), rng.choice([b"", *parser.words]) * 30]))
    return b"".join(parts)
