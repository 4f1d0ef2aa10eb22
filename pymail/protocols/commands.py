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

    Bytes not yet asked for stay in `rest`, so a program that has seen DATA takes them from there:
    take_rest() hands over what the client sent behind the last command.
    """

    __slots__ = ("_from", "_skipping", "rest")

    def __init__(self, rest: bytes = b"") -> None:
        self.rest = rest
        self._from = 0           # no LF in rest before here
        self._skipping = False   # the beginning of a line too long was thrown away

    def feed(self, data: bytes) -> "Iterator[tuple[bytes, bytes]]":
        """Add a block; the commands that are complete, each taken off `rest` as it is given."""
        self.rest += data
        while (command := self.next()) is not None:
            yield command

    def next(self) -> tuple[bytes, bytes] | None:
        """The next complete command; None if there is none.

        A line of more than LONGEST bytes is a command with an empty verb, as no server knows it.
        """
        end = self.rest.find(b"\n", self._from)
        if end < 0:
            self._shorten()
            return None
        line, self.rest = self.rest[:end], self.rest[end + 1 :]
        too_long, self._skipping, self._from = self._skipping or end > LONGEST, False, 0
        return (b"", b"") if too_long else parse(line)

    def _shorten(self) -> None:
        if len(self.rest) > LONGEST:
            self.rest, self._skipping = b"", True
        self._from = len(self.rest)

    def take_rest(self) -> bytes:
        """What came behind the last command, for whoever reads on; nothing of it stays here."""
        rest, self.rest, self._from = self.rest, b"", 0
        return rest


def parse(line: bytes) -> tuple[bytes, bytes]:
    """(verb in lower case, argument) of one line without its LF."""
    text = line.removesuffix(b"\r").partition(b"\0")[0]
    verb, _, argument = text.partition(b" ")
    return verb.lower(), argument.lstrip(b" ")
