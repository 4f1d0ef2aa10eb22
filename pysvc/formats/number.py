"""Unsigned decimal numbers as the classic programs scan them"""

LONGEST = 4000  # digits; the interpreter refuses to convert many more


def scan(text: bytes) -> tuple[int, bytes]:
    """The leading ASCII digits as a number (0 if there are none), and what follows them."""
    end = 0
    while end < len(text) and 48 <= text[end] <= 57:
        end += 1
    return int(text[: min(end, LONGEST)] or b"0"), text[end:]
