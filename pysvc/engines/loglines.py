"""Cuts what multilog reads into lines, labels them, and says what each log gets

A line is held back until its end has come or enough of it to decide about it; what follows of a longer
line goes through as it comes. So memory does not grow with the length of a line.
"""

from pysvc.engines.logdir import READ
from pysvc.formats import logscript

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pysvc.formats.logscript import Script


class Batch:
    """What to do with what was read.

    alerts, records: as in logscript.Selection. texts: for each directory, what is to be appended.
    """

    __slots__ = ("alerts", "records", "texts")

    def __init__(self, texts: list[bytes]) -> None:
        self.alerts: list[bytes] = []
        self.records: dict[int, bytes] = {}
        self.texts = texts


class Lines:
    """Everything between two reads: the beginning of a line, or who gets the rest of a long one."""

    __slots__ = ("_before", "_held", "_script", "_selective", "_taking")

    def __init__(self, script: "Script") -> None:
        self._script, self._selective = script, script.selective
        self._held = b""  # of a line that nothing was decided about
        self._taking: list[bool] | None = None  # for each directory; None unless in a long line
        self._before: tuple[bytes, list[bool] | None] = b"", None  # what the two were before the last take()

    @property
    def inside(self) -> bool:
        """Whether a line has begun and not ended."""
        return self._held != b"" or self._taking is not None

    def share(self, data: bytes, stamp: bytes, room: int) -> int:
        """How many bytes of data, of whole reads of the original, leave less than `room` in any directory.

        At least one read, which may be too much.
        """
        few, most = 0, len(self._held) + len(stamp)  # reads that leave less than `room`, and what they make
        many = len(data) // READ + 2  # reads that do not, or are not there
        some = many // 2
        while many - few > 1:
            part = data[few * READ : some * READ]
            newlines = len(part) - len(part.replace(b"\n", b""))  # several times as fast as count()
            made = (some - few) * READ + newlines * len(stamp)
            each = made // (some - few)
            if most + made < room:
                few, most = some, most + made
            else:
                many = some
            some = min(max(few + (room - most) // each, few + 1), many - 1)  # if the others are like these
        return min(max(few, 1) * READ, len(data))

    def take(self, data: bytes, stamp: bytes) -> Batch:
        """What to do with data.

        stamp: the label, with its space, of the lines that begin in data; empty for none.
        """
        taking = self._taking
        self._before = self._held, taking
        end = 0 if taking is None else data.find(b"\n") + 1 or len(data)
        rest = data[:end]
        if taking is not None and not rest.endswith(b"\n"):
            return Batch([rest if takes else b"" for takes in taking])
        self._taking = None
        batch = self._chosen(data[end:], stamp) if self._selective else self._all(data[end:], stamp)
        if taking is not None:
            own = zip(batch.texts, taking, strict=True)
            batch.texts = [rest + text if takes else text for text, takes in own]
        return batch

    def undo(self) -> None:
        """As if there had been no last take()."""
        self._held, self._taking = self._before

    def _all(self, data: bytes, stamp: bytes) -> Batch:
        """data, which begins in no long line, for every directory."""
        text = _labelled(self._held, data, stamp)
        whole = text.rfind(b"\n") + 1
        if len(text) - whole >= logscript.MATCHED:
            whole = len(text)
            self._taking = [True] * len(self._script.directories)
        self._held = text[whole:]
        return Batch([text[:whole]] * len(self._script.directories))

    def _chosen(self, data: bytes, stamp: bytes) -> Batch:
        """The same for those directories that the script chooses."""
        batch = Batch([b""] * len(self._script.directories))
        first = data.find(b"\n") + 1 if self._held or stamp else 0
        whole = data.rfind(b"\n") + 1
        if first:
            self._select(batch, (self._held or stamp) + data[:first], b"")
            self._held = b""
        self._select(batch, data[first:whole], stamp)
        if whole < len(data):
            self._held = (self._held or stamp) + data[whole:]
        if len(self._held) >= logscript.MATCHED:
            self._taking = self._select(batch, self._held, b"")
            self._held = b""
        return batch

    def _select(self, batch: Batch, text: bytes, stamp: bytes) -> list[bool]:
        """Add to the batch whole lines, or the beginning of a long one; which directories get the last.

        stamp: what is to be put before each.
        """
        most = logscript.MATCHED - len(stamp)
        taking = []
        for lines, long in _spans(text, most):
            chosen = self._script.select(lines[:most] if long else lines[:-1], stamp)
            batch.alerts += chosen.alerts
            batch.records.update(chosen.records)
            for at, own in enumerate(chosen.logs):
                batch.texts[at] += stamp + lines if own and long else own
            taking = list(map(bool, chosen.logs))
        return taking


def _spans(text: bytes, most: int) -> "Iterator[tuple[bytes, bool]]":
    """Cut text into runs of lines of `most` bytes or less, and longer ones each by itself: (lines, long)."""
    start = at = 0
    while at < len(text):
        newline = text.rfind(b"\n", at, at + most + 1)
        if newline >= 0:
            at = newline + 1
            continue
        if start < at:
            yield text[start:at], False
        start, at = at, text.find(b"\n", at) + 1 or len(text)
        yield text[start:at], True
        start = at
    if start < at:
        yield text[start:at], False


def _labelled(held: bytes, data: bytes, stamp: bytes) -> bytes:
    """held and data, with the stamp before each line that begins in data."""
    if not stamp or not data:
        return held + data
    text = (held or stamp) + data.replace(b"\n", b"\n" + stamp)
    return text[: -len(stamp)] if data.endswith(b"\n") else text
