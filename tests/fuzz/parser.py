"""What a row says of a parser: what feeds it, samples to mutate, what it may raise

A row's `run` takes the input cut into blocks, asserts that what comes out is what the parser's manual
allows, and returns what lives on after the last block. `errors` are the documented exceptions; any other
one is a fault. `holds`: the most bytes that may live on, however much has come; None where the parser is
given a whole file, which its caller has bounded. `short`: why the input is never so long that work which
grows with its square would matter; empty where the input may be long.
"""

import re
from collections.abc import Callable, Iterable, Sequence

from pymail.formats.rcpthosts import RecipientHosts
from pysvc.formats import netstring

Blocks = Sequence[bytes]
KIB = 1024
# Pieces, samples and values that several rows need.
CRLFS = (b"\r", b"\n", b".", b"\r\n", b"\r\n.\r\n", b" ", b"\0")
MESSAGE = b"Subject: x\n\nbody\n.\nFrom me\n"
MALFORMED_NETSTRING = (netstring.Malformed, netstring.TooLong)
SMTP_REPLY = re.compile(rb"(?:\d{3}[ -][^\r\n]*\r\n)+")
HOSTS = RecipientHosts(frozenset((b"here.test", b".sub.test")))


class Parser:
    """One row; words: pieces that mean something to this parser, for new inputs made of them."""

    __slots__ = ("errors", "holds", "run", "samples", "short", "words")

    def __init__(
        self, run: Callable[[Blocks], object], samples: Iterable[bytes], words: Iterable[bytes] = (),
        errors: tuple[type[Exception], ...] = (), holds: int | None = None,
        short: str = "",
    ) -> None:  # fmt: skip
        self.run, self.samples, self.words = run, tuple(samples), tuple(words)
        self.errors, self.holds, self.short = errors, holds, short

    def try_on(self, blocks: Blocks) -> object:
        """What lives on; None where the input was refused in a documented way."""
        try:
            return self.run(blocks)
        except self.errors:
            return None


def whole(blocks: Blocks) -> bytes:
    """The input in one; a single block as it is."""
    return blocks[0] if len(blocks) == 1 else b"".join(blocks)


def lines_of(text: bytes) -> bytes:
    return text.replace(b"\n", b"\r\n")
