"""The reply of an IDENT server: `RPORT , LPORT : USERID : SYSTEM : user`

Blanks vanish wherever they stand, what follows the third colon is the result, and the keyword is not
looked at: an `ERROR` reply, which has two colons, gives an empty result. Source: RFC 1413, tcpserver(1).

The result becomes a variable that shells see, and part of logs: unlike in the original, bytes that mean
something there are replaced by `?`.
"""

BLANKS = b" \t\r"
COLONS = 3
LONGEST = 257  # bytes collected; then the result is what there is
_ACTIVE = b"\"$&'();<>\\`{|}"  # to a shell
_HARMLESS = bytes(c if 33 <= c <= 126 and c not in _ACTIVE else ord("?") for c in range(256))


def question(remote_port: int, local_port: int) -> bytes:
    """What to send about a connection."""
    return b"%d , %d\r\n" % (remote_port, local_port)


class Scanner:
    """Collects the result from the bytes of a reply, in whatever pieces they come."""

    __slots__ = ("_collected", "_colons", "done")

    def __init__(self) -> None:
        self._colons = 0
        self._collected = b""
        self.done = False

    def feed(self, data: bytes) -> None:
        """Some more bytes of the reply; `done` once the result is complete."""
        line, ended, _ = data.partition(b"\n")
        line = line.translate(None, BLANKS)
        while self._colons < COLONS and line:
            _, colon, line = line.partition(b":")
            self._colons += len(colon)
        self._collected = (self._collected + line)[:LONGEST]
        self.done = self.done or bool(ended) or len(self._collected) == LONGEST

    @property
    def result(self) -> bytes:
        return self._collected.partition(b"\0")[0].translate(_HARMLESS)  # no environment takes a NUL
