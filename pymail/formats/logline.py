"""Values that strangers chose, fit for a line of a log

A field never holds a space, a control byte or anything outside ASCII, so that a line can be split at
its spaces and no client can forge a part of it.
"""

LONGEST = 300  # bytes of a field; with a handful of them a line stays below PIPE_BUF, written whole

_FIELD = bytes(byte if 32 < byte < 127 else ord("_") for byte in range(256))
_TEXT = bytes(byte if 32 <= byte < 127 else ord("_") for byte in range(256))


def field(value: bytes) -> bytes:
    """One word: other bytes become `_`, an empty value `-`, and a long one is cut."""
    return value[:LONGEST].translate(_FIELD) or b"-"


def angled(address: bytes) -> bytes:
    """An address as `<a@b>`; the empty one is `<>`."""
    return b"<" + address[:LONGEST].translate(_FIELD) + b">"


def text(value: bytes) -> bytes:
    """The end of a line: as a field, but spaces within may stay; a line end goes."""
    return value.rstrip(b" \r\n")[:LONGEST].translate(_TEXT)
