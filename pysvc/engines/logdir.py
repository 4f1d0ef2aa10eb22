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
NEWLINE = 10


class Current:
    """How far the file `current` is filled, and what that means for the next bytes."""

    __slots__ = ("limit", "size")

    def __init__(self, size: int, limit: int) -> None:
        self.size, self.limit = size, limit

    @property
    def room(self) -> int:
        """Fewer bytes than this can be written without another look at the limit."""
        return self.limit - MARGIN - self.size

    def divide(self, text: bytes, inside: bool) -> "Iterator[tuple[bytes, bool]]":
        """Count text and cut it where files end: (bytes, whether the file ends after them).

        text: what became ready in one of the original's reads. inside: as in writes(). Where the file ends,
        the caller sets the size to that of the next one before it goes on.
        """
        done = at = 0
        for end in writes(text, inside):
            while at < end:
                if self.size >= self.limit:
                    yield text[done:at], True
                    done = at
                count = self._share(text, at, end)
                self.size += count
                at += count
                if self.room <= 0 and text[at - 1] == NEWLINE:
                    yield text[done:at], True
                    done = at
        if done < at:
            yield text[done:], False

    def _share(self, text: bytes, start: int, end: int) -> int:
        """How many bytes of the write text[start:end] belong into this file, which is not full."""
        count = min(end - start, self.limit - self.size)
        if count < self.room:
            return count
        newline = text.rfind(b"\n", start, start + count)
        return count if newline < 0 else newline + 1 - start


def writes(text: bytes, inside: bool) -> "Iterator[int]":
    """Where the writes end that the original makes of what became ready in one of its reads.

    inside: whether text begins behind the first PIECE bytes of a line.
    """
    begin = at = 0  # text[begin:at] waits in the buffer
    while at < len(text):
        if not inside:
            at = text.rfind(b"\n", at, begin + BUFFER) + 1 or at  # whole lines that fit
        newline = text.find(b"\n", at)
        end = newline + 1 or len(text)
        head = at if inside else min(at + PIECE, end if newline < 0 else newline)
        if head - begin > BUFFER and at > begin:
            yield at
            begin = at
        if head - begin > BUFFER:
            yield head
            begin = head
        while end - begin > BUFFER:
            begin += BUFFER
            yield begin
        at, inside = end, False
    if begin < at:
        yield at
