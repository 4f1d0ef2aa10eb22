"""Lists of addresses in a header, read from right to left

From that end they are easy: an address is complete where a second word, a comma or a bracket is met,
and what stands before `<…>` or a group's colon is only a name.
Source: RFC 822 section 6.1; qmail token822.c (token822_addrlist), whose order of results is kept.
"""

from pymail.formats.token822 import (
    AT,
    ATOM,
    COLON,
    COMMA,
    COMMENT,
    DOT,
    LEFT,
    LITERAL,
    QUOTE,
    RIGHT,
    SEMI,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pymail.formats.token822 import Token

    Rewrite = Callable[[list[Token]], list[Token]]

_PHRASE = (COMMENT, ATOM, QUOTE, AT, DOT)  # what the name before `<` may consist of
_A_COMMA = (COMMA, b",")


class BadList(Exception):
    """The tokens are no list of addresses."""


def rewrite_list(field: "list[Token]", rewrite: "Rewrite") -> "tuple[list[Token], list[list[Token]]]":
    """Rewrite each address of a field, whose first two tokens are its name and the colon.

    The new field, with commas where they were missing, and the rewritten addresses, the rightmost
    first. Raises BadList.
    """
    walk = _Walk(field[2:], rewrite)
    walk.run()
    return [*field[:2], *reversed(walk.out)], walk.addresses


class _Walk:
    """left: what has not been looked at; out: the new list, its last token first."""

    __slots__ = ("addresses", "in_group", "left", "out", "pending", "rewrite", "word_ok")

    def __init__(self, tokens: "list[Token]", rewrite: "Rewrite") -> None:
        self.left, self.rewrite = tokens, rewrite
        self.out: list[Token] = []
        self.addresses: list[list[Token]] = []
        self.pending: list[Token] = []  # an address, its last token first
        self.in_group = False
        self.word_ok = True  # whether a word would still belong to the pending address

    def run(self) -> None:
        while self.left:
            _MEETING.get(self.left[-1][0], _Walk.part)(self)
        self.finish()

    def finish(self, comma: bool = False) -> None:
        """The pending address, if there is one, is complete."""
        if self.pending:
            self.address()
            if comma:
                self.out.append(_A_COMMA)

    def address(self) -> None:
        address = self.rewrite(self.pending[::-1])
        self.pending = []
        self.addresses.append(address)
        self.out.extend(reversed(address))

    def emit(self) -> None:
        self.out.append(self.left.pop())

    def semicolon(self) -> None:
        self.finish(comma=True)
        if self.in_group:
            raise BadList
        self.in_group = self.word_ok = True
        self.emit()

    def colon(self) -> None:
        """The start of a group: what is left of it, to the next comma, is the group's name."""
        self.finish()
        if not self.in_group:
            raise BadList
        self.in_group, self.word_ok = False, True
        while self.left and self.left[-1][0] != COMMA:
            self.emit()
        if self.left:
            self.emit()

    def bracket(self) -> None:
        """`name <address>`; also an empty address counts."""
        self.finish(comma=True)
        self.emit()
        while self.left and self.left[-1][0] != LEFT:
            self.pending.append(self.left.pop())
        self.address()
        if not self.left:
            raise BadList
        self.emit()
        while self.left and self.left[-1][0] in _PHRASE:
            self.emit()
        self.word_ok = False

    def word(self) -> None:
        if not self.word_ok:
            self.finish(comma=True)
        self.word_ok = False
        self.pending.append(self.left.pop())

    def comma(self) -> None:
        self.finish()
        self.word_ok = True
        self.emit()

    def part(self) -> None:
        self.word_ok = True
        self.pending.append(self.left.pop())


_MEETING: "dict[int, Callable[[_Walk], None]]" = {
    SEMI: _Walk.semicolon, COLON: _Walk.colon, RIGHT: _Walk.bracket, COMMA: _Walk.comma,
    ATOM: _Walk.word, QUOTE: _Walk.word, LITERAL: _Walk.word,
    COMMENT: _Walk.emit,  # a comment is a blank: it ends up behind the address that it stands in
}  # fmt: skip
