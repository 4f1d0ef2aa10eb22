"""What lives on between two blocks stays small, and work grows with the input, not with its square"""

import pytest

from tests.fuzz.inputs import chunks
from tests.fuzz.metered import Metered, cost
from tests.fuzz.parser import Parser
from tests.fuzz.parsers import PARSERS

SIZE = 1 << 18  # bytes of a stream
BLOCK = 4096  # as they are read at a time
SMALL = 2048  # bytes of a block
LINEAR = 2.7  # times the work for twice the bytes: below it nothing is quadratic
EVERYWHERE = (b"a", b"0", b"\0", b"\n", b"\r\n", b":")
STREAMS = [name for name, parser in PARSERS.items() if parser.holds is not None]


def patterns(parser: Parser) -> list[bytes]:
    """What to repeat for ever: the words, the samples, the beginning of a sample and then one byte."""
    return [*dict.fromkeys((*EVERYWHERE, *parser.words, *parser.samples))]


def endless(pattern: bytes, size: int) -> bytes:
    return (pattern * (size // len(pattern) + 1))[:size]


def held(value: object, seen: set[int] | None = None) -> int:
    """Bytes of all that can be reached from a value."""
    seen = set() if seen is None else seen
    if id(value) in seen or callable(value):
        return 0
    seen.add(id(value))
    if isinstance(value, bytes | bytearray | str):
        return len(value)
    if isinstance(value, dict):
        parts: list[object] = [*value, *value.values()]
    elif isinstance(value, list | tuple | set | frozenset):
        parts = [*value]
    else:
        slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
        parts = [getattr(value, name) for name in slots if hasattr(value, name)]
        parts += vars(value).values() if hasattr(value, "__dict__") else ()
    return 8 * len(parts) + sum(held(part, seen) for part in parts)


def test_what_is_held_is_counted() -> None:
    class Holder:
        __slots__ = ("inner",)

        def __init__(self) -> None:
            self.inner = [b"x" * 100, {b"y" * 10: (b"z" * 1000,)}]

    assert held(Holder()) > 1110


@pytest.mark.parametrize("name", STREAMS)
def test_what_lives_on_is_bounded(name: str) -> None:
    parser = PARSERS[name]
    assert parser.holds is not None
    for pattern in patterns(parser):
        for begin in (b"", *parser.samples):
            stream = begin[: len(begin) // 2] + endless(pattern, SIZE)
            assert held(parser.try_on(chunks(stream, BLOCK))) <= parser.holds, (pattern, begin)


def work(parser: Parser, stream: bytes, block: int) -> int:
    """What it costs to have it read."""
    blocks = [Metered(one) for one in chunks(stream, block)]
    return cost(lambda: parser.try_on(blocks))


@pytest.mark.parametrize("name", [name for name, parser in PARSERS.items() if not parser.short])
def test_work_grows_with_a_block(name: str) -> None:
    """Twice the bytes are about twice the work, not four times."""
    parser = PARSERS[name]
    for pattern in patterns(parser):
        once, twice = (work(parser, endless(pattern, size), size) for size in (SMALL, 2 * SMALL))
        assert twice <= LINEAR * once + 2 * SMALL, (pattern, once, twice)


@pytest.mark.parametrize("name", STREAMS)
def test_work_grows_with_a_stream(name: str) -> None:
    """The same for something without end that comes block by block."""
    parser = PARSERS[name]
    for pattern in EVERYWHERE[:2]:
        once, twice = (work(parser, endless(pattern, size), BLOCK) for size in (SIZE, 2 * SIZE))
        assert twice <= LINEAR * once + SIZE, (pattern, once, twice)


def test_squares_are_found() -> None:
    def quadratic(data: bytes) -> None:
        while data:
            data = data[1:]

    once, twice = (cost(lambda n=n: quadratic(Metered(n))) for n in (SMALL, 2 * SMALL))  # type: ignore[misc]
    assert twice > LINEAR * once + SMALL
