"""Bytes as a terminal can show them: ^A for control bytes, M-a for those with the high bit; as cat -v"""


def _shown(byte: int) -> bytes:
    if byte >= 128:
        return b"M-" + (_caret(byte - 128))
    return bytes([byte]) if byte in b"\t\n" else _caret(byte)


def _caret(byte: int) -> bytes:
    return bytes([byte]) if 32 <= byte < 127 else b"^" + bytes([byte ^ 64])


_SHOWN = [_shown(byte) for byte in range(256)]


def show(text: bytes) -> bytes:
    """Line ends and tabs stay as they are."""
    return b"".join([_SHOWN[byte] for byte in text])
