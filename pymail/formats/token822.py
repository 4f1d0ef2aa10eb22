"""The tokens of address fields in a header

A token is a pair (kind, text). Punctuation is its own kind; words are atoms, quoted strings, domain
literals and comments, their text without delimiters and backslashes.
Source: RFC 822 section 3.3; qmail token822.c, whose spelling and folding are kept.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Token = tuple[int, bytes]
DOT, COMMA, AT, LEFT, RIGHT, COLON, SEMI = b".,@<>:;"
ATOM, QUOTE, LITERAL, COMMENT = range(256, 260)
WORDS = frozenset((ATOM, QUOTE, LITERAL, COMMENT))
LINE = 78  # bytes of a folded line without its end

_BLANKS = b" \t\r\n"
_PUNCTUATION = {byte: (byte, bytes((byte,))) for byte in (DOT, COMMA, AT, LEFT, RIGHT, COLON, SEMI)}
_OPENERS = {ord("("): (COMMENT, ord(")")), ord('"'): (QUOTE, ord('"')), ord("["): (LITERAL, ord("]"))}
_DELIMITERS = {ATOM: b"%s", QUOTE: b'"%s"', LITERAL: b"[%s]", COMMENT: b"(%s)"}
_BACKSLASH = ord("\\")
# Tables that turn the bytes at which something may happen into 1, all others into 0.
_ATOM_ENDS = bytes(byte in b' \t\r\n(["<>;:@,.\\' for byte in range(256))
_MARKS = bytes(byte in b'()"]\\' for byte in range(256))
_PLAIN = bytes(byte for byte in range(32, 127) if byte not in b")]\\")  # of these an atom may consist
_ESCAPED = b'\\"[]()\r\n'  # printed with a backslash; the backslash comes first


class Unparsable(Exception):
    """A syntax error; `text` is what was to be parsed."""

    def __init__(self, text: bytes) -> None:
        super().__init__(text)
        self.text = text


def parse(text: bytes) -> list[Token]:
    """The tokens of a field or of an address. Raises Unparsable."""
    tokens: list[Token] = []
    ends, marks = text.translate(_ATOM_ENDS), text.translate(_MARKS)
    position = 0
    while position < len(text):
        byte = text[position]
        if byte in _BLANKS:
            position += 1
        elif byte in _PUNCTUATION:
            tokens.append(_PUNCTUATION[byte])
            position += 1
        elif byte in _OPENERS:
            kind, closer = _OPENERS[byte]
            word, position = _enclosed(text, marks, position, closer)
            tokens.append((kind, word))
        elif byte in b")]":
            raise Unparsable(text)
        else:
            word, position = _atom(text, ends, position)
            tokens.append((QUOTE if word.translate(None, _PLAIN) else ATOM, word))
    return tokens


def _atom(text: bytes, ends: bytes, position: int) -> tuple[bytes, int]:
    """The word that begins at position, and where it ends: never at a byte after a backslash."""
    parts = []
    while True:
        end = ends.find(1, position)
        if end < 0:
            end = len(text)
        parts.append(text[position:end])
        if text[end : end + 1] != b"\\":
            return b"".join(parts), end
        parts.append(text[end + 1 : end + 2])
        position = end + 2


def _enclosed(text: bytes, marks: bytes, position: int, closer: int) -> tuple[bytes, int]:
    """What stands between the delimiter at position and its partner, and where that ends.

    Comments nest; the inner parentheses are dropped.
    """
    opener = text[position]
    parts = []
    depth = 1
    position += 1
    while True:
        end = marks.find(1, position)
        if end < 0:
            raise Unparsable(text)
        parts.append(text[position:end])
        mark, position = text[end], end + 1
        if mark == closer:
            depth -= 1
            if not depth:
                return b"".join(parts), position
        elif mark == opener:
            depth += 1
        elif mark == _BACKSLASH:
            if position == len(text):
                raise Unparsable(text)
            parts.append(text[position : position + 1])
            position += 1
        else:
            parts.append(text[end:position])


def render(tokens: "Iterable[Token]") -> bytes:
    """Tokens as lines of a header: folded after commas only, however long a piece is; ends with LF."""
    pieces = _pieces(tokens)
    lines = []
    line = next(pieces)
    for piece in pieces:
        if len(line) + len(piece) <= LINE:
            line += piece
        else:
            lines.append(line)
            line = b" " + piece  # which begins with a space of its own, unless nothing follows the comma
    return b"\n".join([*lines, line, b""])


def _pieces(tokens: "Iterable[Token]") -> "Iterator[bytes]":
    """The text of the tokens, cut after each comma."""
    piece: list[bytes] = []
    previous = 0
    for kind, text in tokens:
        if previous and (
            previous in (COLON, COMMA) or kind == LEFT or (kind in WORDS and previous in WORDS)
        ):
            piece.append(b" ")
        piece.append(_DELIMITERS[kind] % _escape(text) if kind in WORDS else text)
        if kind == COMMA:
            yield b"".join(piece)
            piece = []
        previous = kind
    yield b"".join(piece)


def _escape(text: bytes) -> bytes:
    if len(text.translate(None, _ESCAPED)) == len(text):
        return text
    for byte in _ESCAPED:
        special = bytes((byte,))
        text = text.replace(special, b"\\" + special)
    return text


def unquote(tokens: "Iterable[Token]") -> bytes:
    """The address that tokens stand for, as it is in an envelope: nothing quoted, comments dropped."""
    return b"".join(
        b"[%s]" % text if kind == LITERAL else text for kind, text in tokens if kind != COMMENT
    )
