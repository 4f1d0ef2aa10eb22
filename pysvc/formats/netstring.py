"""Netstrings: the length in decimal, a colon, the bytes, a comma

Source: https://cr.yp.to/proto/netstrings.txt. As in the originals a length may begin with zeros, and no
digit at all is the length 0.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 200_000_000  # bytes of content; whoever claims more will not be listened to
PIECE = 1024           # bytes of a series that are looked at together: each netstring copies what follows it

_LENGTH, _CONTENT, _COMMA, _DONE = range(4)


class Malformed(Exception):
    """These bytes are no netstring."""


class TooLong(Exception):
    """A length above LONGEST."""


def encode(content: bytes) -> bytes:
    """The netstring of some bytes."""
    return b"%d:%b," % (len(content), content)


class Decoder:
    """Takes one netstring in blocks of any size, and holds none of it.

    left: bytes of content still to come, once `begun`. rest: what came behind the netstring, once `done`.
    """

    __slots__ = ("_state", "left", "rest")

    def __init__(self) -> None:
        self._state = _LENGTH
        self.left = 0
        self.rest = b""

    @property
    def begun(self) -> bool:
        """Whether the length is known."""
        return self._state != _LENGTH

    @property
    def done(self) -> bool:
        return self._state == _DONE

    def feed(self, data: bytes) -> bytes:
        """The content in one more block. Raises Malformed, TooLong."""
        content = b""
        if self._state == _LENGTH:
            data = self._take_length(data)
        if self._state == _CONTENT:
            content, data = data[: self.left], data[self.left :]
            self.left -= len(content)
            if not self.left:
                self._state = _COMMA
        if self._state == _COMMA and data:
            if not data.startswith(b","):
                raise Malformed
            data, self._state = data[1:], _DONE
        if self._state == _DONE:
            self.rest += data
        return content

    def _take_length(self, data: bytes) -> bytes:
        """Take the digits and the colon off a block."""
        for position, byte in enumerate(data):
            if byte == ord(":"):
                self._state = _CONTENT
                return data[position + 1 :]
            if not ord("0") <= byte <= ord("9"):
                raise Malformed
            self.left = 10 * self.left + byte - ord("0")
            if self.left > LONGEST:
                raise TooLong
        return b""


class Collector:
    """One netstring kept whole, as long as its content has at most `longest` bytes."""

    __slots__ = ("_decoder", "_longest", "_parts", "_size")

    def __init__(self, longest: int) -> None:
        self._decoder = Decoder()
        self._longest = longest
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> None:
        """Add a block. Raises Malformed, TooLong."""
        content = self._decoder.feed(data)
        self._size += len(content)
        if self._size <= self._longest:
            self._parts.append(content)
        else:
            self._parts = []

    @property
    def done(self) -> bool:
        return self._decoder.done

    @property
    def rest(self) -> bytes:
        """What came behind it, once it is done."""
        return self._decoder.rest

    @property
    def content(self) -> bytes | None:
        """Once it is done; None if it was too long to be kept."""
        return b"".join(self._parts) if self._size <= self._longest else None


class Series:
    """Netstrings one behind the other, each kept if it has at most `longest` bytes."""

    __slots__ = ("_current", "_longest", "idle")

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._current = Collector(longest)
        self.idle = True  # between two of them

    def feed(self, data: bytes) -> "Iterator[bytes | None]":
        """Those that a block completes, None for one that was too long. Raises Malformed, TooLong."""
        for start in range(0, len(data), PIECE):
            yield from self._feed(data[start : start + PIECE])

    def _feed(self, data: bytes) -> "Iterator[bytes | None]":
        while data:
            self._current.feed(data)
            self.idle = done = self._current.done
            if not done:
                return
            content, data = self._current.content, self._current.rest
            self._current = Collector(self._longest)
            yield content
