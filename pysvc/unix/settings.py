"""What the options of tcpserver and tcpclient do: each sets an attribute; and how much the two say

Flags maps a letter to (attribute, value), Values a letter to (attribute, what reads the option's value).
"""

import os

from pysvc.formats import number
from pysvc.unix.options import options
from pysvc.unix.strerr import Fatal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Flags = Mapping[str, tuple[str, object]]
    Values = Mapping[str, tuple[str, Callable[[str], object]]]

ULONG = 0xFFFFFFFFFFFFFFFF
SILENT, ERRORS, STATUS = range(3)  # verbosity
COMMON: "Flags" = {
    "q": ("verbosity", SILENT), "Q": ("verbosity", ERRORS), "v": ("verbosity", STATUS),
    "d": ("delay", True), "D": ("delay", False),
    "h": ("remote_name", True), "H": ("remote_name", False),
    "r": ("remote_info", True), "R": ("remote_info", False),
    "4": ("ipv4_only", True), "6": ("six", True),
}  # fmt: skip


def count(value: str) -> int:
    """The number that a value begins with, 0 if it begins with none."""
    return number.scan(os.fsencode(value))[0] & ULONG


COMMON_VALUES: "Values" = {
    "t": ("timeout", count), "l": ("local_name", os.fsencode), "I": ("interface", str),
}  # fmt: skip


def take(
    settings: object, arguments: list[str], flags: "Flags", values: "Values",
    effects: "Mapping[str, Callable[[], None]]",
) -> None:  # fmt: skip
    """Take the options off the arguments, left to right. Raises BadOption, and what a reader raises.

    effects: what other letters without a value do.
    """
    for letter, value in options(arguments, "".join((*flags, *effects, *(f"{name}:" for name in values)))):
        if letter in flags:
            setattr(settings, *flags[letter])
        elif letter in effects:
            effects[letter]()
        else:
            name, read = values[letter]
            setattr(settings, name, read(value))


class heard:
    """`with heard(verbosity):` takes the words off a Fatal if nothing shall be said; the code stays."""

    def __init__(self, verbosity: int) -> None:
        self._silent = verbosity == SILENT

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self._silent and isinstance(error, Fatal):
            raise Fatal("", error.code) from error
