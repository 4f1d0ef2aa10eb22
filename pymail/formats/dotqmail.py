"""Dot-qmail files: the names under which an address's file is looked for, and the instructions in one

One instruction a line, its kind told by its first byte; blanks at the end of a line do not count, those
at its beginning do. Source: dot-qmail manual; qmail-local.c.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX, DEFAULT, OWNER = b".qmail", b"default", b"-owner"
PROGRAM, MAILDIR, MBOX, FORWARD, RESTRICT = "program", "maildir", "mbox", "forward", "+"
NO_BOUNCES = (b"", b"#@[]")  # senders that no list owner takes the place of


class BlankFirstLine(Exception):
    """The file begins with an empty line: probably somebody is just editing it."""


class Instruction:
    """One line: its kind, and the command, file name or address. RESTRICT: only forwards may follow."""

    __slots__ = ("kind", "text")

    def __init__(self, kind: str, text: bytes) -> None:
        self.kind, self.text = kind, text


def base(dash: bytes, ext: bytes) -> bytes:
    """The file name for an extension; its case does not count, and dots would climb out of the home."""
    return PREFIX + dash + ext.lower().replace(b".", b":")


def names(dash: bytes, ext: bytes) -> "Iterator[tuple[bytes, bytes | None]]":
    """The file names to try in turn: (name, what `default` at its end stands for).

    That is a tail of ext as it was written, or None where the name does not end in `default`.
    """
    name = base(dash, ext)
    yield name, ext[-len(DEFAULT) :] if ext.lower().endswith(DEFAULT) else None
    head = len(name) - len(ext)
    for size in range(len(ext), -1, -1):
        if size == 0 or ext[size - 1 : size] == b"-":
            yield name[: head + size] + DEFAULT, ext[size:]


def parse(content: bytes) -> list[Instruction]:
    """The instructions, without comments and blank lines. Raises BlankFirstLine."""
    instructions = []
    for number, line in enumerate(content.removesuffix(b"\n").split(b"\n")):
        text = line.rstrip(b" \t").partition(b"\0")[0]
        if not text and not number:
            raise BlankFirstLine
        if text and not text.startswith(b"#") and (found := _instruction(text)):
            instructions.append(found)
    return instructions


def _instruction(text: bytes) -> Instruction | None:
    first, rest = text[:1], text[1:]
    if first == b"|":
        return Instruction(PROGRAM, rest)
    if first in b"./":
        return Instruction(MAILDIR if text.endswith(b"/") else MBOX, text)
    if first == b"+":
        return Instruction(RESTRICT, rest) if rest == b"list" else None
    return Instruction(FORWARD, rest if first == b"&" else text)


def owner_names(dash: bytes, ext: bytes) -> tuple[bytes, bytes]:
    """The files that say that a list has an owner, and that it wants one bounce address per recipient."""
    name = base(dash, ext) + OWNER
    return name, name + b"-" + DEFAULT


def owner_sender(local: bytes, domain: bytes, per_recipient: bool) -> bytes:
    """The sender that forwarded mail gets where a list has an owner.

    per_recipient: qmail-send will put each recipient into it (VERP).
    """
    if per_recipient:
        return local + OWNER + b"-@" + domain + b"-@[]"
    return local + OWNER + b"@" + domain
