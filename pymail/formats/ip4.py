"""The text of IPv4 addresses as mail programs scan it

Four runs of digits joined by dots, each number reduced modulo 256, so that `300.1.1.1` is 44.1.1.1.
Source: qmail ip.c.
"""

from pysvc.formats.number import scan


def parse(text: bytes) -> bytes | None:
    """The four bytes of `a.b.c.d`; None if the text is anything else."""
    parts = text.split(b".")
    if len(parts) != 4 or not all(part.isdigit() for part in parts):
        return None
    return bytes(scan(part)[0] & 255 for part in parts)


def parse_bracketed(text: bytes) -> bytes | None:
    """The four bytes of `[a.b.c.d]`; None if the text is anything else."""
    return parse(text[1:-1]) if text[:1] == b"[" and text[-1:] == b"]" else None


def parse_literal(text: bytes) -> bytes | None:
    """The four bytes of `a.b.c.d` or `[a.b.c.d]`; None if the text is a name."""
    found = parse(text)
    return found if found is not None else parse_bracketed(text)
