"""Work counted instead of timed: bytes that are looked at or copied, and calls

Counted is what a bytes object is asked to do, in the input and in everything cut out of it. What came
from elsewhere (`b"".join`) is counted no further.
"""

import sys
from collections.abc import Callable, Iterator
from typing import SupportsIndex

_COPYING = ("split", "rsplit", "splitlines", "partition", "rpartition", "replace", "translate", "strip",
            "lstrip",
            "rstrip", "removeprefix", "removesuffix", "lower", "upper", "join", "hex", "decode")  # fmt: skip


class Meter:
    """How much has been done so far."""

    work = 0


class Metered(bytes):
    """Bytes that count what is done to them."""

    def __add__(self, other: bytes) -> "Metered":  # type: ignore[override]
        return _made(bytes(self) + bytes(other))

    def __radd__(self, other: "bytes | bytearray") -> "bytearray | Metered":  # type: ignore[misc]
        if isinstance(other, bytearray):
            return other + bytes(self)
        return _made(bytes(other) + bytes(self))

    def __getitem__(self, key: "SupportsIndex | slice") -> "int | Metered":  # type: ignore[override]
        found = super().__getitem__(key)
        return _made(found) if isinstance(found, bytes) else found

    def __iter__(self) -> Iterator[int]:
        Meter.work += len(self)
        return super().__iter__()

    def __contains__(self, one: object) -> bool:
        Meter.work += len(self)
        return super().__contains__(one)  # type: ignore[operator]

    def count(self, *arguments: object) -> int:  # type: ignore[override]
        Meter.work += len(self)
        return super().count(*arguments)  # type: ignore[arg-type]

    def find(self, sub: bytes, start: int = 0, end: int | None = None) -> int:  # type: ignore[override]
        found = super().find(sub, start, end)
        Meter.work += max((len(self) if found < 0 else found) - start, 0)
        return found

    def rfind(self, sub: bytes, start: int = 0, end: int | None = None) -> int:  # type: ignore[override]
        found = super().rfind(sub, start, end)
        Meter.work += (len(self) if end is None else end) - max(found, start)
        return found


def _made(data: bytes) -> Metered:
    Meter.work += len(data)
    return Metered(data)


def _copying(name: str) -> Callable[..., object]:
    original = getattr(bytes, name)

    def method(self: Metered, *arguments: object, **options: object) -> object:
        Meter.work += len(self)
        found = original(self, *arguments, **options)
        if isinstance(found, bytes):
            return Metered(found)
        return type(found)(map(Metered, found)) if isinstance(found, list | tuple) else found

    return method


for _name in _COPYING:
    setattr(Metered, _name, _copying(_name))


def cost(run: Callable[[], object]) -> int:
    """Bytes handled and calls made while something runs."""
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    Meter.work, before = 0, sys.getprofile()
    sys.setprofile(count)
    try:
        run()
    finally:
        sys.setprofile(before)
    return calls + Meter.work
