"""rblsmtpd: whether a client is let in, and what is said to one that is not

Source: the manual of rblsmtpd; the conversation is as much of RFC 5321 as makes clients read a message.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

UNDECIDED, ACCEPT, TEMPORARY, PERMANENT = range(4)
LOOKUP_ERROR = b"temporary RBL lookup error"
LONGEST_TEXT = 200  # bytes
LONGEST_VERB = 4    # bytes of the verbs that are known
GREETING = b"220 rblsmtpd.local\r\n"
REPLIES = {
    **dict.fromkeys((b"helo", b"ehlo", b"mail", b"rset", b"noop"), b"250 rblsmtpd.local\r\n"),
    b"quit": b"221 rblsmtpd.local\r\n",
}
_PRINTABLE = bytes(c if 32 <= c <= 126 else ord("?") for c in range(256))


class Decision:
    """What has been decided about a client. Once it is decided, nothing changes it.

    given: what the environment says, None if nothing: empty lets the client in, another text is what it
    gets to see, for good if a `-` stands before it.
    """

    __slots__ = ("_text", "_uncertain", "kind")

    def __init__(self, given: bytes | None) -> None:
        self.kind = UNDECIDED
        self._text = b""
        self._uncertain = False  # a list could not be asked, so no refusal is for good
        if given is not None:
            self._refuse(given.removeprefix(b"-"), given.startswith(b"-"))
            if not given:
                self.kind = ACCEPT

    def _refuse(self, text: bytes, permanent: bool) -> None:
        self.kind, self._text = PERMANENT if permanent else TEMPORARY, text

    def listed(self, text: bytes, permanent: bool) -> None:
        """A list was asked; text: what it says, empty if it does not know the client."""
        if text:
            self._refuse(text, permanent)

    def exempt(self, found: bool) -> None:
        """An anti-list was asked."""
        if found:
            self.kind = ACCEPT

    def list_failed(self, closed: bool) -> None:
        """A list could not be asked. closed: that is reason enough to refuse."""
        self._uncertain = True
        if closed:
            self._refuse(LOOKUP_ERROR, False)

    def anti_list_failed(self, closed: bool) -> None:
        """An anti-list could not be asked. closed: that is no reason to let the client in."""
        self._uncertain = True
        if not closed:
            self.kind = ACCEPT

    @property
    def refused(self) -> bool:
        return self.kind in (TEMPORARY, PERMANENT)

    @property
    def message(self) -> bytes:
        """The reply to a client that is refused, without CR LF."""
        code = b"553 " if self.kind == PERMANENT and not self._uncertain else b"451 "
        return code + self._text[:LONGEST_TEXT].translate(_PRINTABLE)


class Session:
    """The conversation with a client that is refused; over once `done`.

    message: what it gets for every command that is of use to mail.
    """

    __slots__ = ("_line", "_message", "done")

    def __init__(self, message: bytes) -> None:
        self._message = message + b"\r\n"
        self._line = b""  # the beginning of an unfinished one
        self.done = False

    def feed(self, block: bytes) -> "Iterator[bytes]":
        """Some more bytes from the client; the replies, one for each line that is complete."""
        *lines, rest = block.split(b"\n")
        for line in lines:
            verb = _verb(self._line + line)
            self._line = b""
            yield REPLIES.get(verb, self._message)
            if verb == b"quit":
                self.done = True
                return
        self._line = (self._line + rest)[: LONGEST_VERB + 2]  # with more no verb gets known


def _verb(line: bytes) -> bytes:
    """What stands before the first space, in lower case."""
    return line.removesuffix(b"\r").partition(b" ")[0].lower()
