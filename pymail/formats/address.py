"""Addresses in envelopes and in commands: local part, `@`, domain

Everything before the last `@` is the local part ("box" where it may need quoting).
Source: RFC 5321 section 4.1.2 (Quoted-string); qmail quote.c.
"""

_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-./=?^_`{|}~")
_PLAIN_BYTES = bytes(sorted(_PLAIN))
LONGEST = 1002  # bytes of an envelope address that qmail-queue accepts


def split(address: bytes) -> tuple[bytes, bytes | None]:
    """(local part, domain) at the last `@`; the domain is None where there is no `@`."""
    local, at, domain = address.rpartition(b"@")
    return (local, domain) if at else (domain, None)


def needs_quotes(box: bytes) -> bool:
    """Whether a local part cannot stand in a command or header without quotes."""
    return (
        not box
        or box.startswith(b".")
        or box.endswith(b".")
        or b".." in box
        or bool(box.translate(None, _PLAIN_BYTES))
    )


def quote(box: bytes) -> bytes:
    """A local part, in quotes if it needs them."""
    if not needs_quotes(box):
        return box
    for special in (b"\\", b'"', b"\r", b"\n"):
        box = box.replace(special, b"\\" + special)
    return b'"' + box + b'"'


def quote_address(address: bytes) -> bytes:
    """A whole address with its local part quoted if it needs that; the empty address stays empty."""
    if not address:
        return b""
    local, domain = split(address)
    return quote(local) if domain is None else quote(local) + b"@" + domain
