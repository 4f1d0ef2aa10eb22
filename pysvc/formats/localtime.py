"""TAI64N labels at the start of lines, turned into local time

`@` and lower-case hex digits, however many: the last 8 are nanoseconds, those before them seconds. Lines
whose seconds no calendar can show stay as they are. Source: daemontools manual, tai64nlocal(8).
"""

import struct
from operator import itemgetter

from pysvc.formats import tai64n

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from time import struct_time
    from typing import TypeVar

    T = TypeVar("T")

DIGITS = b"0123456789abcdef"
USUAL = 24  # digits of the labels that are made today
LARGEST = 999_999_999  # nanoseconds; what claims more takes more than nine digits
_LABEL, _REST = itemgetter(slice(USUAL + 1)), itemgetter(slice(USUAL + 1, None))  # with the space; of a row
_TWO = [b"%02d" % second for second in range(60)]


class Converter:
    """localtime: turns unix seconds into a struct_time, or raises OSError or OverflowError."""

    __slots__ = ("_localtime", "_minutes")

    def __init__(self, localtime: "Callable[[int], struct_time]") -> None:
        self._localtime = localtime
        self._minutes: dict[int, bytes] = {}  # text of the minutes seen last; b"" for irregular ones

    def convert(self, text: bytes) -> bytes:
        """text: whole lines; the last may be unfinished, but not within its label."""
        before, *rows = (b"\n" + text).split(b"\n@")
        if not rows:
            return text
        converted = self._together(rows)
        if converted is None:
            converted = b"\n".join(map(self._one, rows))
        return (before + b"\n" + converted)[1:]

    def _together(self, rows: list[bytes]) -> bytes | None:
        """Convert rows that all begin with 24 digits and a space; None if one does not or cannot be shown."""
        labels, rest = list(map(_LABEL, rows)), list(map(_REST, rows))
        different = list(dict.fromkeys(labels))
        if len(different) * 2 > len(rows):
            return self._shown(labels, rest)
        shown = self._shown(different, [b""] * len(different))  # many lines of a busy log have the same label
        if shown is None:
            return None
        known = dict(zip(different, shown.split(b"\n"), strict=True))
        return b"".join(_alternating([list(map(known.__getitem__, labels)), rest, [b"\n"] * len(rows)]))[:-1]

    def _shown(self, labels: list[bytes], rest: list[bytes]) -> bytes | None:
        """Labels converted, each with its rest; None as for _together."""
        count = len(labels)
        text = b"".join(labels)
        spaces = text[USUAL :: USUAL + 1]
        if len(text) != (USUAL + 1) * count or not text.translate(None, DIGITS) == spaces == b" " * count:
            return None
        fields = struct.unpack(">" + "QI" * count, bytes.fromhex(text.decode()))
        seconds, nanoseconds = fields[::2], fields[1::2]
        dates = {second: self._date(second) or b"" for second in dict.fromkeys(seconds)}
        if max(nanoseconds) > LARGEST or b"" in dates.values():
            return None
        if len(dates) == 1:  # the usual case in a busy log
            template, columns = b"%b.%%09d %%b\n" % dates[seconds[0]], [nanoseconds, rest]
        else:
            template, columns = b"%b.%09d %b\n", [list(map(dates.__getitem__, seconds)), nanoseconds, rest]
        return (template * count % tuple(_alternating(columns)))[:-1]

    def _one(self, row: bytes) -> bytes:
        """Convert any row, given without its `@`."""
        rest = row.lstrip(DIGITS)
        digits = row[: len(row) - len(rest)][-USUAL:]
        date = self._date(int(digits[:-8] or b"0", 16))
        return b"@" + row if date is None else b"%b.%09d%b" % (date, int(digits[-8:], 16), rest)

    def _date(self, tai: int) -> bytes | None:
        """The text of a TAI64 second, without its fraction; None if there is none."""
        minute, second = divmod(tai - tai64n.EPOCH, 60)
        if minute not in self._minutes:
            if len(self._minutes) >= 1024:
                self._minutes.clear()
            self._minutes[minute] = self._minute(minute * 60)
        known = self._minutes[minute]
        return known + _TWO[second] if known else self._show(minute * 60 + second)

    def _minute(self, start: int) -> bytes:
        """What the dates of 60 seconds begin with; b"" where these are not one minute of the clock."""
        first, last = self._show(start) or b"", self._show(start + 59) or b""
        regular = first[:-2] == last[:-2] and first[-2:] == b"00" and last[-2:] == b"59"
        return first[:-2] if regular else b""

    def _show(self, second: int) -> bytes | None:
        try:
            year, *others = self._localtime(second)[:6]
        except (OSError, OverflowError):
            return None
        return b"%d-%02d-%02d %02d:%02d:%02d" % (year % (1 << 64), *others)  # the original knows no sign


def _alternating(columns: "list[Sequence[T]]") -> "list[T]":
    """The first of each column, then the second of each, and so on."""
    cells: list[T] = [columns[0][0]] * (len(columns) * len(columns[0]))
    for at, column in enumerate(columns):
        cells[at :: len(columns)] = column
    return cells


def unfinished_label(line: bytes) -> bool:
    """Whether it takes more of a line to know where its label ends."""
    return line[:1] == b"@" and not line[1:].strip(DIGITS)


def lines(blocks: "Iterable[bytes]", longest: int) -> "Iterable[tuple[bytes, bytes]]":
    """Cut blocks into (rest of a line, text for convert()), holding back labels that are not finished.

    An unfinished label at the end of the input is dropped. More than `longest` digits are no label.
    """
    begins, held = True, b""
    for block in blocks:
        text = held + block
        start = 0 if begins else text.find(b"\n") + 1 or len(text)  # where the first new line begins
        begins = begins or text[start - 1 : start] == b"\n"
        last = max(text.rfind(b"\n") + 1, start)
        held = text[last:] if begins and unfinished_label(text[last:]) else b""
        if len(held) > longest:
            start, begins, held = len(text), False, b""
        yield text[:start], text[start : len(text) - len(held)]
        begins = held != b"" or text.endswith(b"\n")
