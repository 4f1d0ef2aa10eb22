"""What qmail-send tells a sender whose message could not be delivered

The layout is that of QSBMF: one paragraph for each recipient, its address in angle brackets first, so
that programs can read it. Source: qmail-send.c addbounce, injectbounce; QSBMF (draft-bernstein).
"""

import itertools

from pymail.formats.address import quote, quote_address
from pymail.formats.date import date822

TWICE_BOUNCED = b"#@[]"  # the sender of a double bounce: nobody is told of its failure

_REGRETS = (
    b"I'm afraid I wasn't able to deliver your message to the following addresses.\n"
    b"This is a permanent error; I've given up. Sorry it didn't work out.\n\n"
)
_DOUBLE_REGRETS = b"I tried to deliver a bounce message to this address, but the bounce bounced!\n\n"
_COPY = b"--- Below this line is a copy of the message.\n\n"
_DOUBLE_COPY = b"--- Below this line is the original bounce.\n\n"


def paragraph(recipient: bytes, report: bytes) -> bytes:
    """What is kept about one failed recipient until all are done.

    Empty lines inside it become lines that begin with `/`: it stays one paragraph.
    """
    if report and not report.endswith(b"\n"):
        report += b"\n"
    text = b"<" + recipient.replace(b"\n", b"_") + b">:\n" + report
    return _closed_up(text[:-1]) + text[-1:] + b"\n"


def whole_paragraphs(text: bytes) -> bytes:
    """What counts of paragraphs whose last ones were not yet on disk when the machine died.

    Such a tail may lack its end, and have zero bytes, which no report has, where data is missing.
    """
    sound = text.partition(b"\0")[0]
    return sound[: sound.rfind(b"\n\n") + 2] if b"\n\n" in sound else b""


def _closed_up(text: bytes) -> bytes:
    """Each line end that directly follows another one becomes `/`."""
    newline, slash = ord("\n"), ord("/")
    return text[:1] + bytes(
        slash if before == byte == newline else byte for before, byte in itertools.pairwise(text)
    )


class Addresses:
    """The control files that decide where bounces come from and where double bounces go."""

    __slots__ = ("box", "double", "host")

    def __init__(self, box: bytes, host: bytes, double: bytes) -> None:
        """box@host: who the bounces are from. double: the whole address that double bounces go to."""
        self.box, self.host, self.double = box, host, double

    def envelope(self, sender: bytes) -> tuple[bytes, bytes] | None:
        """(sender, recipient) of the bounce of a message; None: there is nobody left to tell.

        sender: of the message that failed, without VERP's mark.
        """
        if sender == TWICE_BOUNCED:
            return None
        return (b"", sender) if sender else (TWICE_BOUNCED, self.double)

    def opening(self, sender: bytes, now: int) -> bytes:
        """Header and first words of the bounce; the paragraphs follow. now: Unix seconds."""
        recipient = sender or self.double
        return b"".join([
            b"Date: ", date822(now),
            b"\nFrom: ", quote(self.box), b"@", self.host,
            b"\nTo: ", quote_address(recipient),
            b"\nSubject: failure notice\n\n"
            b"Hi. This is the qmail-send program at ", self.host, b".\n",
            _REGRETS if sender else _DOUBLE_REGRETS,
        ])  # fmt: skip


def before_copy(sender: bytes) -> bytes:
    """What stands between the paragraphs and the message that failed."""
    return (_COPY if sender else _DOUBLE_COPY) + b"Return-Path: <" + quote_address(sender) + b">\n"
