"""The script of multilog: its actions, its patterns, and which lines they select

Every argument is one action, told by its first byte; they are obeyed in order, for each line.
"""

from itertools import compress

from pysvc.formats import number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Matcher = Callable[[bytes], bool]

SIZE, SMALLEST, LARGEST = 99999, 4096, 16777215  # bytes of a log file: default and bounds
NUMBER, FEWEST = 10, 2                           # log files in a directory: default and minimum
MATCHED = 1000                                   # bytes of a line that the actions look at
SHOWN = 200                                      # of these, how many an alert shows
SELECT, DESELECT, ALERT, STATUS, LOG = b"+", b"-", b"e", b"=", b"/"


class Directory:
    """A log directory as the script describes it."""

    __slots__ = ("name", "number", "processor", "size")

    def __init__(self, name: bytes, size: int = SIZE, number: int = NUMBER, processor: bytes | None = None):
        self.name, self.size, self.number, self.processor = name, size, number, processor


class Selection:
    """What a script does with some lines.

    alerts: lines to show at once, in order. records: by the index of the status file, the last line
    selected for it. logs: for each directory, which of the lines it gets.
    """

    __slots__ = ("alerts", "logs", "records")

    def __init__(self) -> None:
        self.alerts: list[bytes] = []
        self.records: dict[int, bytes] = {}
        self.logs: list[list[bool]] = []


class Script:
    """A parsed script.

    timestamp: whether lines get a label. files: the status files. directories: the logs.
    selective: whether anything depends on what is in a line.
    """

    __slots__ = ("_steps", "directories", "files", "timestamp")

    def __init__(self, arguments: list[bytes]) -> None:
        self.timestamp = arguments[:1] != [] and arguments[0][:1] == b"t"
        self.files: list[bytes] = []
        self.directories: list[Directory] = []
        self._steps: list[tuple[bytes, Matcher]] = []
        self._parse(arguments)

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
                self._steps.append((LOG, _anything))
                self.directories.append(Directory(argument, size, count, processor))
            elif kind in (SELECT, DESELECT):
                self._steps.append((kind, matcher(text)))
            elif kind == STATUS:
                self._steps.append((STATUS, _anything))
                self.files.append(text)
            elif kind == ALERT:
                self._steps.append((ALERT, _anything))

    @property
    def selective(self) -> bool:
        return any(kind != LOG for kind, _ in self._steps)

    def select(self, lines: list[bytes]) -> Selection:
        """Obey the script for lines, each without its newline and cut to MATCHED bytes."""
        done = Selection()
        alerts: list[tuple[int, bytes]] = []
        files = 0
        chosen = [True] * len(lines)
        for kind, matches in self._steps:
            if kind == SELECT:
                chosen = _select(chosen, lines, matches)
            elif kind == DESELECT:
                chosen = [not yes for yes in _select([not yes for yes in chosen], lines, matches)]
            elif kind == LOG:
                done.logs.append(chosen)
            elif kind == ALERT:
                alerts += [(at, line) for at, line in enumerate(lines) if chosen[at]]
            else:
                for line in compress(lines, chosen):
                    done.records[files] = line
                files += 1
        alerts.sort(key=lambda alert: alert[0])  # line by line, though the loop went action by action
        done.alerts = [line for _, line in alerts]
        return done


def _select(chosen: list[bool], lines: list[bytes], matches: "Matcher") -> list[bool]:
    """What is chosen, and what matches."""
    if matches is _anything:
        return [True] * len(lines)
    if not any(chosen):
        return list(map(matches, lines))
    return [yes or matches(line) for yes, line in zip(chosen, lines, strict=True)]


def _number(text: bytes) -> int:
    return number.scan(text)[0] & 0xFFFFFFFFFFFFFFFF


def _anything(_: bytes) -> bool:
    return True


def alert(line: bytes) -> bytes:
    """How a line is shown: its beginning, `...` if that is not all."""
    return (line if len(line) <= SHOWN else line[:SHOWN] + b"...") + b"\n"


def record(line: bytes) -> bytes:
    """What a status file holds for a line: always one byte more than is ever looked at."""
    return line.ljust(MATCHED + 1, b"\n")


def matcher(pattern: bytes) -> "Matcher":
    """The test for a pattern: does it match the whole line?

    A star skips to the first occurrence of the byte after it and never looks back; at the end it takes
    the rest. Before another star it skips to a star in the line, and the other is a star again.
    """
    first, *others = pattern.split(b"*")
    if not others:
        return pattern.__eq__
    if others == [b""]:
        return (lambda line: line.startswith(first)) if first else _anything
    open_end = not others[-1]
    parts = [(part[:1], part) if part else (b"*", b"") for part in others[: -1 if open_end else None]]

    if len(parts) == 1 and open_end and not first:
        return _contains(*parts[0])

    def matches(line: bytes) -> bool:
        if not line.startswith(first):
            return False
        at = len(first)
        for sought, part in parts:
            at = line.find(sought, at)
            if at < 0 or not line.startswith(part, at):
                return False
            at += len(part)
        return open_end or at == len(line)

    return matches


def _contains(sought: bytes, part: bytes) -> "Matcher":
    """The most common pattern, `*part*`: the first byte like that of part begins it."""

    def matches(line: bytes) -> bool:
        at = line.find(sought)
        return at >= 0 and line.startswith(part, at)

    return matches
