"""Where the header of a message ends, and its fields

More is let through than RFC 822 allows: `From ` lines become fields, a header may end without a blank
line. Source: qmail headerbody.c and hfield.c.
"""

_NAME_BYTES = bytes(range(33, 127))


def field_name(line: bytes) -> bytes | None:
    """The name of the field that a line begins, in lower case; None if it begins none."""
    name, colon, _ = line.partition(b":")
    name = name.rstrip(b" \t")
    if not colon or not name or name.translate(None, _NAME_BYTES):
        return None
    return name.lower()


class Reader:
    """Takes a message in blocks until its header has ended.

    fields: (name in lower case, the whole field with its line ends and its folding), in order; complete
    once the header has ended.
    """

    __slots__ = ("_field", "_line", "_name", "fields")

    def __init__(self) -> None:
        self.fields: list[tuple[bytes, bytes]] = []
        self._name = b""
        self._field: list[bytes] = []  # the lines of the last field
        self._line: list[bytes] = []   # the blocks of an incomplete line

    def feed(self, data: bytes) -> bytes | None:
        """Take a block. None: the header goes on. Otherwise it has ended, and the result is what has come
        of the body, beginning with the blank line."""
        if b"\n" not in data:
            self._line.append(data)
            return None
        data = b"".join([*self._line, data])
        start = 0
        while (end := data.find(b"\n", start) + 1) > 0:
            line = data[start:end]
            if not self._take(line):
                self._finish_field()
                return data[start:] if line == b"\n" else b"\n" + data[start:]
            start = end
        self._line = [data[start:]]
        return None

    def end(self) -> bytes:
        """The message has ended, and its header with it; the body as in feed()."""
        body = self.feed(b"\n") if any(self._line) else None
        self._finish_field()
        return body or b""

    def _take(self, line: bytes) -> bool:
        """Whether a line belongs to the header."""
        if line[0] in b" \t" and self._field:
            self._field.append(line)
            return True
        if line.startswith(b"From "):
            line = b"MBOX-Line: " + line
        name = field_name(line)
        if name is None:
            return False
        self._finish_field()
        self._name, self._field = name, [line]
        return True

    def _finish_field(self) -> None:
        if self._field:
            self.fields.append((self._name, b"".join(self._field)))
            self._field = []
