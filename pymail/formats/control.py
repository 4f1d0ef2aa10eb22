"""The content of control files: one line, one number, a list, or a map

Source: qmail-control manual; the four readers of control.c and constmap.c.
"""

from pysvc.formats.number import scan

BLANKS = b" \t\n"


def line(content: bytes) -> bytes:
    """The first line without trailing blanks; no comments; an empty file is the empty value."""
    return content.partition(b"\n")[0].rstrip(BLANKS)


def number(content: bytes) -> int | None:
    """The leading digits of the first line; None if there are none (the default then stays)."""
    first = line(content)
    return scan(first)[0] if first[:1].isdigit() else None


def items(content: bytes) -> list[bytes]:
    """Every line without trailing blanks; empty ones and those that begin with `#` are dropped."""
    stripped = (part.rstrip(BLANKS) for part in content.replace(b"\0", b"\n").split(b"\n"))
    return [part for part in stripped if part and not part.startswith(b"#")]


def keys(content: bytes) -> frozenset[bytes]:
    """A list to look things up in: ask with the key in lower case."""
    return frozenset(item.lower() for item in items(content))


def mapping(content: bytes) -> dict[bytes, bytes]:
    """`key:value` items, split at the first colon, keys in lower case; the last duplicate wins."""
    pairs = (item.partition(b":") for item in items(content))
    return {key.lower(): value for key, colon, value in pairs if colon}
