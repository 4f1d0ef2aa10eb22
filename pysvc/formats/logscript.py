"""The script of multilog: its actions, its patterns, and which lines they select

Every argument is one action, told by its first byte; they are obeyed in order, for each line. What the
patterns before an action select becomes one regular expression, which finds the lines in a whole block:
patterns can be told so exactly, because they never look back.
"""

from pysvc.formats import number

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re

    Condition = tuple[bool, bytes]  # a line meets it if it matches the expression; with False, if it does not

SIZE, SMALLEST, LARGEST = 99999, 4096, 16777215  # bytes of a log file: default and bounds
NUMBER, FEWEST = 10, 2                           # log files in a directory: default and minimum
MATCHED = 1000                                   # bytes of a line that the actions look at
SHOWN = 200                                      # of these, how many an alert shows
SELECT, DESELECT, ALERT, STATUS, LOG = b"+", b"-", b"e", b"=", b"/"
NEWLINE = 10
ALL, NONE = b"", b"(?!)"                         # regular expressions: of every line, of no line
EVERY = (False, NONE)                            # the condition that every line meets
TESTS = 100                                      # compiled expressions to keep; there are seldom so many


class Directory:
    """A log directory as the script describes it."""

    __slots__ = ("name", "number", "processor", "size")

    def __init__(self, name: bytes, size: int = SIZE, number: int = NUMBER, processor: bytes | None = None):
        self.name, self.size, self.number, self.processor = name, size, number, processor


class Selection:
    """What a script does with some lines.

    alerts: lines to show at once, in order. records: by the index of the status file, the last line
    selected for it. logs: for each directory, the lines it gets, each with its newline.
    """

    __slots__ = ("alerts", "logs", "records")

    def __init__(self) -> None:
        self.alerts: list[bytes] = []
        self.records: dict[int, bytes] = {}
        self.logs: list[bytes] = []


class Pattern:
    """A pattern of a script.

    expression: the regular expression, from the beginning of a line, of the lines that it matches.
    needle: what is in each of them.
    """

    __slots__ = ("_rests", "_text", "expression", "needle")

    def __init__(self, text: bytes) -> None:
        self._text = text
        self.expression = expression(text)
        self.needle = max(text.split(b"*"), key=len)
        self._rests: dict[bytes, Pattern] = {}

    def after(self, start: bytes) -> "Pattern | None":
        """The pattern for what follows `start` in a line; None if it can match no such line."""
        text = remainder(self._text, start)
        if text is None:
            return None
        if text not in self._rests:  # each is an end of the pattern: there are few
            self._rests[text] = Pattern(text)
        return self._rests[text]


class Script:
    """A parsed script.

    timestamp: whether lines get a label. files: the status files. directories: the logs.
    selective: whether anything depends on what is in a line.
    """

    __slots__ = ("_steps", "_tests", "directories", "files", "timestamp")

    def __init__(self, arguments: list[bytes]) -> None:
        self.timestamp = arguments[:1] != [] and arguments[0][:1] == b"t"
        self.files: list[bytes] = []
        self.directories: list[Directory] = []
        self._steps: list[tuple[bytes, Pattern | None]] = []
        self._tests: dict[bytes, re.Pattern[bytes]] = {}
        self._parse(arguments)

    @property
    def selective(self) -> bool:
        return any(kind != LOG for kind, _ in self._steps)

    def _parse(self, arguments: list[bytes]) -> None:
        size, count, processor = SIZE, NUMBER, None
        for argument in arguments:
            kind, text = argument[:1], argument[1:]
            if kind == b"s":
                size = min(max(_number(text), SMALLEST), LARGEST)
            elif kind == b"n":
                count = max(_number(text), FEWEST)
            elif kind == b"!":
                processor = text
            elif kind in (b".", b"/"):
                self._steps.append((LOG, None))
                self.directories.append(Directory(argument, size, count, processor))
            elif kind in (SELECT, DESELECT):
                self._steps.append((kind, Pattern(text)))
            elif kind == STATUS:
                self._steps.append((STATUS, None))
                self.files.append(text)
            elif kind == ALERT:
                self._steps.append((ALERT, None))

    def select(self, text: bytes, stamp: bytes = b"") -> Selection:
        """Obey the script for some lines; the last is without its newline.

        stamp: what is going to stand before each of them. With it, none has more than MATCHED bytes.
        """
        done = Selection()
        lines = b"\n" + text
        conditions = EVERY, EVERY
        alerts: list[Condition] = []
        files = 0
        for kind, pattern in self._steps:
            if pattern is not None:
                known = pattern.after(stamp) if stamp else pattern
                if known is not None:
                    conditions = _with(conditions, kind == SELECT, known, text)
            elif kind == ALERT:
                alerts.append(conditions[0])
            elif kind == LOG:
                chosen = self._chosen(conditions, lines)
                done.logs.append(chosen and chosen.replace(b"\n", b"\n" + stamp)[1:] + b"\n")
            else:
                if chosen := self._chosen(conditions, lines):
                    done.records[files] = stamp + chosen[chosen.rindex(b"\n") + 1 :]
                files += 1
        done.alerts = [stamp + line for line in self._alerts(alerts, lines)]
        return done

    def _chosen(self, conditions: "tuple[Condition, Condition]", lines: bytes) -> bytes:
        """The lines that meet conditions, as _with makes them; before each of them is a newline."""
        (wanted, expression), (all_wanted, possible) = conditions
        if possible == NONE:
            return b"" if all_wanted else lines
        test = self._test(expression)
        return b"".join(test.findall(lines)) if wanted else test.sub(b"", lines)

    def _alerts(self, conditions: "list[Condition]", lines: bytes) -> list[bytes]:
        """What is to be shown, line by line, though the script goes action by action."""
        found: list[re.Match[bytes]] = []
        for wanted, expression in conditions:
            found += self._test(expression if wanted else b"(?!%b)" % expression).finditer(lines)
        found.sort(key=lambda match: match.start())
        return [match[0][1:] for match in found]

    def _test(self, expression: bytes) -> "re.Pattern[bytes]":
        if expression not in self._tests:
            import re

            if len(self._tests) >= TESTS:
                self._tests.clear()
            self._tests[expression] = re.compile(rb"\n" + expression + b".*", re.MULTILINE)
        return self._tests[expression]


def _with(
    conditions: "tuple[Condition, Condition]", select: bool, pattern: Pattern, text: bytes
) -> "tuple[Condition, Condition]":
    """The condition after one more pattern, and what it is for this text, where some can match no line.

    Only if the second is simple is it of use: one test for each that comes up would be too many.
    """
    whole, here = conditions
    if text.find(pattern.needle) >= 0:
        here = changed(here, select, pattern.expression)
    return changed(whole, select, pattern.expression), here


def changed(condition: "Condition", select: bool, pattern: bytes) -> "Condition":
    """The condition after one more pattern, given as an expression, that selects or deselects."""
    wanted, expression = condition
    if pattern == ALL:
        return not select, NONE
    if select == wanted:
        return wanted, pattern if expression == NONE else b"(?:%b|%b)" % (pattern, expression)
    return wanted, expression if expression == NONE else b"(?!%b)%b" % (pattern, expression)


def _number(text: bytes) -> int:
    return number.scan(text)[0] & 0xFFFFFFFFFFFFFFFF


def alert(line: bytes) -> bytes:
    """How a line is shown: its beginning, `...` if that is not all."""
    return (line if len(line) <= SHOWN else line[:SHOWN] + b"...") + b"\n"


def record(line: bytes) -> bytes:
    """What a status file holds for a line: always one byte more than is ever looked at."""
    return line.ljust(MATCHED + 1, b"\n")


def remainder(pattern: bytes, start: bytes) -> bytes | None:
    """The pattern for what follows `start` in a line: an end of the pattern; None if nothing can match."""
    while start:
        if pattern[:1] != b"*":
            if pattern[:1] != start[:1]:
                return None
            pattern, start = pattern[1:], start[1:]
        elif pattern == b"*" or (at := start.find(pattern[1:2])) < 0:
            return pattern
        else:
            pattern, start = pattern[1:], start[at:]
    return pattern


def expression(pattern: bytes) -> bytes:
    """The regular expression, from the beginning of a line, of the lines that a pattern matches.

    A star skips to the first occurrence of the byte after it and never looks back; at the end it takes
    the rest. Before another star it skips to a star in the line, and the other is a star again.
    """
    if pattern == b"*":
        return ALL
    if b"\n" in pattern:
        return NONE  # no line has one
    from re import escape

    parts = []
    for at in range(len(pattern)):
        byte, sought = pattern[at : at + 1], pattern[at + 1 : at + 2]
        if byte != b"*":
            parts.append(escape(byte))
        elif sought:
            parts.append(_others(sought[0]) + (rb"*+(?=\*)" if sought == b"*" else b"*+"))
        else:
            return b"".join(parts)
    return b"".join(parts) + b"$"


def _others(byte: int) -> bytes:
    """The class of all bytes but that one and the newline; told by its ranges it is tested fastest."""
    without = sorted({byte, NEWLINE})
    ranges = zip([0, *(one + 1 for one in without)], [*(one - 1 for one in without), 255], strict=True)
    return b"[%b]" % b"".join(rb"\x%02x-\x%02x" % (low, high) for low, high in ranges if low <= high)
