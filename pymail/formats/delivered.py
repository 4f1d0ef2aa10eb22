"""What the last delivery of a message writes in front of it, and what it finds there of earlier ones

Source: dot-qmail and qmail-command manuals (RPLINE, DTLINE); RFC 5321 section 4.4; qmail-local.c.
"""

from pymail.formats.address import quote_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def _line(text: bytes) -> bytes:
    return text.replace(b"\n", b"_") + b"\n"


def return_path(sender: bytes) -> bytes:
    """The `Return-Path: <…>` line."""
    return _line(b"Return-Path: <" + quote_address(sender) + b">")


def delivered_to(local: bytes, domain: bytes) -> bytes:
    """The `Delivered-To: …` line, by which a loop is recognised."""
    return _line(b"Delivered-To: " + local + b"@" + domain)


def header_has(blocks: "Iterable[bytes]", line: bytes) -> bool:
    """Whether exactly this line (with its line end) stands in the header of a message.

    Reads no further than the block in which the header ends.
    """
    wanted = b"\n" + line
    kept = b"\n"  # enough of what was seen to recognise a line or the header's end across blocks
    for block in blocks:
        text = kept + block
        end = text.find(b"\n\n")
        if wanted in (text if end < 0 else text[: end + 1]):
            return True
        if end >= 0:
            return False
        kept = text[1 - len(wanted) :]
    return False
