"""QMQP: one message, handed by a host to the one that queues for it; both sides

    netstring(netstring(message) netstring(sender) netstring(recipient) netstring(recipient) …)

The answer is a netstring that begins with K, Z or D. Source: https://cr.yp.to/proto/qmqp.html;
qmail-qmqpd.c, qmail-qmqpc.c.
"""

from pysvc.formats.netstring import Decoder, Malformed, Series, TooLong, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_ADDRESS = 999        # bytes, at the server
LONGEST_HEADER = 100         # bytes of the outer length
MOST_RECIPIENTS = 1_000_000  # of one message, at the server
BAD_ADDRESS = b"Dsorry, I can't accept addresses like that (#5.1.3)"


class Session:
    """The server's side. The program owns descriptors and queue.

    done: all has come. size: bytes of the message. refusal: why it cannot be accepted, b"" if it can.
    """

    __slots__ = ("_addresses", "_header", "_inner", "_outer", "recipients", "refusal", "sender", "size")

    def __init__(self) -> None:
        self._outer, self._inner = Decoder(), Decoder()
        self._header = 0
        self._addresses = Series(LONGEST_ADDRESS)
        self.size = 0
        self.sender: bytes | None = None
        self.recipients: list[bytes] = []
        self.refusal = b""

    @property
    def done(self) -> bool:
        return self._outer.done

    def feed(self, data: bytes) -> bytes:
        """The bytes of the message in one more block. Raises Malformed, TooLong.

        What comes behind the outer netstring is not looked at.
        """
        if not self._outer.begun:
            self._header += len(data.partition(b":")[0])
            if self._header > LONGEST_HEADER:
                raise Malformed
        content = self._outer.feed(data)
        stored = b""
        if not self._inner.done:
            stored = self._inner.feed(content)
            content = self._inner.rest
        self.size += len(stored)
        for address in self._addresses.feed(content):
            self._add(address)
        if self.done and (self.sender is None or not self._addresses.idle):
            raise Malformed
        return stored

    def _add(self, address: bytes | None) -> None:
        if address is None or b"\0" in address:
            self.refusal = BAD_ADDRESS
            address = b""
        if self.sender is None:
            self.sender = address
        elif len(self.recipients) == MOST_RECIPIENTS:
            raise TooLong
        else:
            self.recipients.append(address)


def request(size: int, addresses: "Iterator[bytes]") -> tuple[bytes, bytes]:
    """What the client sends before and after a message of so many bytes; addresses: the sender first."""
    behind = b"," + b"".join(map(encode, addresses))
    length = b"%d:" % size
    return b"%d:%b" % (len(length) + size + len(behind), length), behind + b","


def verdict(answer: bytes) -> bytes:
    """The first K, Z or D in what has come of the answer; b"" if there is none yet."""
    letters = answer.translate(None, _OTHERS)
    return letters[:1]


_OTHERS = bytes(set(range(256)) - set(b"KZD"))
