"""The command lines of SMTP and POP3, out of whatever blocks the network brings

A line ends at LF; one CR right before it goes. The verb is what stands before the first space, in lower
case; the argument follows the run of spaces and keeps its own trailing ones. A NUL ends the line as far
as anybody sees. Source: qmail commands.c; RFC 5321 section 4.1.1 and RFC 1939 section 3.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 65536  # bytes of a line that are kept; what is longer cannot be meant as a command


class Commands:
    """Takes blocks, gives (verb, argument) pairs one at a time.

    Bytes not yet asked for stay here, so a program that has seen DATA takes them: take_rest() hands over
    what the client sent behind the last command. What came behind the message goes back into `rest`.
    """

    __slots__ = ("_at", "_from", "_skipping", "_text")

    def __init__(self, rest: bytes = b"") -> None:
        self._text = rest
        self._at = 0             # where in it the next command begins
        self._from = 0           # no LF from there to here
        self._skipping = False   # the beginning of a line too long was thrown away

    @property
    def rest(self) -> bytes:
        """What came behind the last command."""
        return self._text[self._at :]

    @rest.setter
    def rest(self, text: bytes) -> None:
        self._text, self._at, self._from = text, 0, 0

    def feed(self, data: bytes) -> "Iterator[tuple[bytes, bytes]]":
        """Add a block; the commands that are complete, each taken off `rest` as it is given."""
        self._text = self._text[self._at :] + data
        self._from -= self._at
        self._at = 0
        while (command := self.next()) is not None:
            yield command

    def next(self) -> tuple[bytes, bytes] | None:
        """The next complete command; None if there is none.

        A line of more than LONGEST bytes is a command with an empty verb, as no server knows it.
        """
        end = self._text.find(b"\n", self._from)
        if end < 0:
            self._shorten()
            return None
        line = self._text[self._at : end]
        too_long, self._skipping = self._skipping or len(line) > LONGEST, False
        self._at = self._from = end + 1
        return (b"", b"") if too_long else parse(line)

    def _shorten(self) -> None:
        if len(self._text) - self._at > LONGEST:
            self.rest, self._skipping = b"", True
        self._from = len(self._text)

    def take_rest(self) -> bytes:
        """What came behind the last command, for whoever reads on; nothing of it stays here."""
        rest, self.rest = self.rest, b""
        return rest


def parse(line: bytes) -> tuple[bytes, bytes]:
    """(verb in lower case, argument) of one line without its LF."""
    text = line.removesuffix(b"\r").partition(b"\0")[0]
    verb, _, argument = text.partition(b" ")
    return verb.lower(), argument.lstrip(b" ")
