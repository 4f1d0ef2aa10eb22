"""The body of an SMTP message on its way in: line ends, dots, the end, hops, size

What a byte-at-a-time machine does by its states, done to whole blocks. Let the body stand behind CR LF,
as if after the DATA command's own. Then it ends at the first `CR LF . CR LF`; a dot after CR LF goes,
except before CR; CR LF becomes LF; and a LF without CR before it is stray wherever it comes first: no
other server may see an end where this one does not. What may be the beginning of the end, at most four
bytes, waits for the next block. Source: RFC 5321 section 4.5.2; qmail-smtpd.c, blast().
"""

END = b"\r\n.\r\n"
KEYWORDS = (b"\nreceived", b"\ndelivered")  # a prefix of the line, in any case, with no colon needed
LONGEST_KEYWORD = max(map(len, KEYWORDS))

RECEIVING, COMPLETE, STRAY = "receiving", "complete", "stray"


class Hops:
    """Counts the lines of a header that tell of a hop. Takes the raw bytes, in pieces cut anywhere."""

    __slots__ = ("_in_header", "_tail", "count")

    def __init__(self) -> None:
        self.count = 0
        self._in_header = True
        self._tail = b""  # the last bytes seen, in which a keyword may have begun

    def feed(self, data: bytes) -> None:
        """Add a piece; the first one begins with the line end before the message."""
        if not self._in_header or not data:
            return
        text = self._tail + data
        end = text.find(b"\n\r\n")
        self._in_header = end < 0
        header = (text if end < 0 else text[:end]).lower()
        self.count += _keywords(header) - _keywords(self._tail)
        self._tail = header[1 - LONGEST_KEYWORD :]


def _keywords(text: bytes) -> int:
    return sum(map(text.count, KEYWORDS))


class Scanner:
    """Takes blocks from the network, gives the bytes to store.

    state: RECEIVING; COMPLETE after the final dot, and what came behind it is in `rest`; STRAY after a
    LF without CR, and nothing of the message may be kept. hops: lines of the header that tell of a
    hop. size: bytes given so far.
    """

    __slots__ = ("_held", "_hops", "_started", "rest", "size", "state")

    def __init__(self) -> None:
        self.state = RECEIVING
        self.rest = b""
        self.size = 0
        self._held = b"\r\n"     # what may be the beginning of END
        self._started = False    # whether the line end before the message has been taken off
        self._hops = Hops()

    @property
    def hops(self) -> int:
        return self._hops.count

    def feed(self, block: bytes) -> bytes:
        """The bytes to store for one more block; only while RECEIVING."""
        data = self._held + block
        end = data.find(END)
        if end >= 0:
            raw, self.rest = data[: end + 2], data[end + len(END) :]
            self.state = COMPLETE
        else:
            cut = len(data) - _beginning_of_end(data)
            raw, self._held = data[:cut], data[cut:]
        stored = self._stored(raw)
        self._hops.feed(raw)
        self.size += len(stored)
        return stored

    def _stored(self, raw: bytes) -> bytes:
        undotted = raw.replace(b"\r\n.\r", b"\r\n..\r").replace(b"\r\n.", b"\r\n")
        stored = undotted.replace(b"\r\n", b"\n")
        if stored.count(b"\n") != len(undotted) - len(stored):
            self.state = STRAY
        if stored and not self._started:
            self._started = True
            return stored[1:]
        return stored


def _beginning_of_end(data: bytes) -> int:
    """How many of the last bytes are a beginning of END."""
    return next(size for size in range(len(END) - 1, -1, -1) if data.endswith(END[:size]))
