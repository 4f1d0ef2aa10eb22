"""When a log file is full

The original gathers what it writes in a buffer of 512 bytes and decides at each write whether the file
is full; so where a file ends depends on these writes, and they are made here exactly as there. Well
below the limit nothing depends on them: there any amount is written at once.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

READ = 1024      # bytes that the original reads at a time; it writes what it has before each read
BUFFER = 512     # bytes that it gathers before it writes
PIECE = 1000     # bytes of a line that it puts into the buffer as one piece; the rest one by one
MARGIN = 2000    # this far from the limit a file ends with its next newline


class Current:
    """How far the file `current` is filled, and what that means for the next bytes."""

    __slots__ = ("limit", "size")

    def __init__(self, size: int, limit: int) -> None:
        self.size, self.limit = size, limit

    @property
    def room(self) -> int:
        """Fewer bytes than this can be written without another look at the limit."""
        return self.limit - MARGIN - self.size

    @property
    def full(self) -> bool:
        """Whether the file ends before any other byte."""
        return self.size >= self.limit

    def share(self, chunk: bytes) -> int:
        """How many bytes of the next write belong into this file, which is not full."""
        count = min(len(chunk), self.limit - self.size)
        if count < self.room:
            return count
        return chunk.rfind(b"\n", 0, count) + 1 or count

    def wrote(self, data: bytes) -> bool:
        """Count what was written; whether the file ends here."""
        self.size += len(data)
        return self.size >= self.limit - MARGIN and data.endswith(b"\n")


def chunks(text: bytes, inside: bool) -> "Iterator[bytes]":
    """The writes of the original for what became ready in one of its reads.

    inside: whether text begins behind the first PIECE bytes of a line.
    """
    pending = b""
    for piece, single in _pieces(text, inside):
        rest = piece
        while len(pending) + len(rest) > BUFFER:
            room = BUFFER - len(pending) if single else 0
            if pending + rest[:room]:
                yield pending + rest[:room]
            pending, rest = b"", rest[room:]
            if not single and len(rest) > BUFFER:
                yield rest
                rest = b""
        pending += rest
    if pending:
        yield pending


def _pieces(text: bytes, inside: bool) -> "Iterator[tuple[bytes, bool]]":
    """(bytes, whether they are put one by one), line by line."""
    start = 0
    while start < len(text):
        end = text.find(b"\n", start)
        if end < 0:
            end = len(text)
        head = start if inside else min(start + PIECE, end)
        if head > start:
            yield text[start:head], False
        yield text[head : end + 1], True
        inside, start = False, end + 1
