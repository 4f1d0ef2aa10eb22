"""HTTP/1.0 as far as http@ speaks it: a request, and what follows the head of the reply"""


def request(host: bytes, port: bytes, page: bytes) -> bytes:
    """Ask for /page. Source: RFC 1945 section 5, with the Host line of HTTP/1.1."""
    return b"GET /%s HTTP/1.0\r\nHost: %s:%s\r\n\r\n" % (page, host, port)


class Body:
    """Drops a reply up to its first empty line; the ends of lines are LF already."""

    __slots__ = ("_begun", "_line_begins")

    def __init__(self) -> None:
        self._begun = False
        self._line_begins = True

    def feed(self, block: bytes) -> bytes:
        if not self._begun:
            block = self._after_head(block)
        if block:
            self._line_begins = block.endswith(b"\n")
        return block if self._begun else b""

    def _after_head(self, block: bytes) -> bytes:
        """What comes behind the empty line; the block itself as long as there was none."""
        text = b"\n" * self._line_begins + block
        _, empty_line, body = text.partition(b"\n\n")
        if not empty_line:
            return block
        self._begun = self._line_begins = True
        return body

    def end(self) -> bytes:
        """What completes the last line."""
        return b"\n" if self._begun and not self._line_begins else b""
