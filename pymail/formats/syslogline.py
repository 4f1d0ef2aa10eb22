"""Lines of a log as splogger gives them to syslog: cut in pieces, each with the time of its line

Source: splogger manual; priorities as in RFC 5424.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 799  # bytes of a line in one piece
ALERT, WARNING, INFO = 1, 4, 6
_PRIORITIES = ((b"alert:", ALERT), (b"warning:", WARNING))
_PRINTABLE = bytes(byte if 32 <= byte <= 126 else ord("?") for byte in range(256))


class Splitter:
    """Takes blocks; gives (priority, text) pairs. Empty lines give nothing.

    A line keeps the stamp and the priority of its first piece; its others have a `+` after the stamp.
    """

    __slots__ = ("_partial", "_priority", "_stamp")

    def __init__(self) -> None:
        self._partial = b""
        self._stamp = b""  # of the line whose first piece has been given
        self._priority = INFO

    def feed(self, data: bytes, stamp: bytes) -> "Iterator[tuple[int, bytes]]":
        """stamp: the time now, for the lines that begin."""
        *lines, rest = (self._partial + data).split(b"\n")
        for line in lines:
            yield from self._pieces(line, stamp)
            self._stamp = b""
        whole = len(rest) - len(rest) % LONGEST
        yield from self._pieces(rest[:whole], stamp)
        self._partial = rest[whole:]

    def end(self, stamp: bytes) -> "Iterator[tuple[int, bytes]]":
        """The last line, where it has no end."""
        return self.feed(b"\n" if self._partial else b"", stamp)

    def _pieces(self, text: bytes, stamp: bytes) -> "Iterator[tuple[int, bytes]]":
        for start in range(0, len(text), LONGEST):
            piece = text[start : start + LONGEST]
            mark = b"+"
            if not self._stamp:
                self._stamp, mark = stamp, b" "
                self._priority = next((p for prefix, p in _PRIORITIES if piece.startswith(prefix)), INFO)
            yield self._priority, self._stamp + mark + piece.translate(_PRINTABLE)
