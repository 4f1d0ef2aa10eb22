"""Ends of lines: LF to CR LF and back, in whatever blocks the text comes"""


def add(text: bytes) -> bytes:
    """CR before every LF, also where one is already."""
    return text.replace(b"\n", b"\r\n")


class Remover:
    """Takes away one CR before each LF; every other CR stays."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = b""  # a CR at the end of a block: what follows decides

    def feed(self, block: bytes) -> bytes:
        text = self._held + block
        self._held = b"\r" if text.endswith(b"\r") else b""
        return text[: len(text) - len(self._held)].replace(b"\r\n", b"\n")

    def end(self) -> bytes:
        """What is left when nothing follows."""
        return self._held


class Fixer:
    """Puts CR before each LF that has none."""

    __slots__ = ("_after_cr",)

    def __init__(self) -> None:
        self._after_cr = False

    def feed(self, block: bytes) -> bytes:
        done = block[: self._after_cr and block.startswith(b"\n")]
        self._after_cr = block.endswith(b"\r") if block else self._after_cr
        return done + block[len(done) :].replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
