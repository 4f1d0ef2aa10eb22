"""The option parser of the classic programs (subgetopt, sgetopt)

Letters cluster (`-Rt5`), a value is the rest of the word or the next word, parsing stops at the first
word that does not begin with `-`, after one that begins with `--`, or before a lone `-`.
"""

import os

from pysvc.unix.strerr import PERMANENT, Fatal

TYPE_CHECKING = False  # typing costs 8 ms to import
if TYPE_CHECKING:
    from collections.abc import Iterator


class BadOption(Exception):
    """The complaint of the parser itself, without the program's name."""


def options(arguments: list[str], letters: str) -> "Iterator[tuple[str, str]]":
    """Yield (letter, value) left to right and remove what was read from `arguments`.

    letters: as for getopt, a `:` after a letter that takes a value, `::` after one whose value is only
    ever the rest of its word. Options without one yield "".
    The list is consumed as the generator goes, so that effects happen in order and what is left
    when it ends are the operands. Raises BadOption.
    """
    while arguments and len(arguments[0]) > 1 and arguments[0][0] == "-":
        word = arguments.pop(0)
        if word[1] == "-":
            return
        rest = word[1:]
        while rest:
            letter, rest = rest[0], rest[1:]
            position = letters.find(letter)
            if letter == ":" or position < 0:
                raise BadOption(f"illegal option -- {_first_byte(letter)}")
            if letters[position + 1 : position + 2] != ":":
                yield letter, ""
                continue
            if letters[position + 2 : position + 3] == ":":
                yield letter, rest
                break
            if not rest and not arguments:
                raise BadOption(f"option requires an argument -- {letter}")
            yield letter, rest or arguments.pop(0)
            break


def _first_byte(letter: str) -> str:
    """What the originals take for a letter."""
    return os.fsdecode(os.fsencode(letter)[:1])


def complaint(argv0: str, bad: BadOption, usage_line: str, code: int = PERMANENT) -> Fatal:
    """`base: illegal option -- x`, then the whole usage line: what a program says of a BadOption."""
    base = argv0.rsplit("/", 1)[-1]
    return Fatal(f"{base}: {bad}\n{usage_line}", code, kind="")
