"""Cuts what multilog reads into lines, labels them, and says what each log gets

A line is held back until its end has come or enough of it to decide about it; what follows of a longer
line goes through as it comes. So memory does not grow with the length of a line.
"""

from itertools import compress

from pysvc.engines.logdir import READ
from pysvc.formats import logscript

TYPE_CHECKING = False
if TYPE_CHECKING:
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

    __slots__ = ("_held", "_script", "_selective", "_taking")

    def __init__(self, script: "Script") -> None:
        self._script, self._selective = script, script.selective
        self._held = b""  # of a line that nothing was decided about
        self._taking: list[bool] | None = None  # for each directory; None unless in a long line

    @property
    def inside(self) -> bool:
        """Whether a line has begun and not ended."""
        return self._held != b"" or self._taking is not None

    def share(self, data: bytes, stamp: bytes, room: int) -> int:
        """How many bytes of data, of whole reads of the original, leave less than `room` in any directory.

        At least one read, which may be too much.
        """
        most = len(self._held) + len(stamp)
        if most + len(data) * (1 + len(stamp)) < room:  # nothing but newlines would do
            return len(data)
        for start in range(0, len(data), READ):
            most += READ + data.count(b"\n", start, start + READ) * len(stamp)
            if most >= room:
                return start or READ
        return len(data)

    def take(self, data: bytes, stamp: bytes) -> Batch:
        """What to do with data.

        stamp: the label, with its space, of the lines that begin in data; empty for none.
        """
        taking = self._taking
        end = 0 if taking is None else data.find(b"\n") + 1 or len(data)
        text = _labelled(self._held, data[end:], stamp)
        whole = text.rfind(b"\n") + 1
        if len(text) - whole >= logscript.MATCHED:
            whole = len(text)
        self._held = text[whole:]
        if taking is None:
            return self._route(text[:whole])
        rest = data[:end]
        if not rest.endswith(b"\n"):
            return Batch([rest if takes else b"" for takes in taking])
        batch = self._route(text[:whole])
        batch.texts = [rest + own if takes else own for own, takes in zip(batch.texts, taking, strict=True)]
        return batch

    def _route(self, text: bytes) -> Batch:
        """text: whole lines, and perhaps the beginning of a long one."""
        directories = len(self._script.directories)
        unfinished = text != b"" and not text.endswith(b"\n")
        self._taking = [True] * directories if unfinished else None
        if not self._selective:
            return Batch([text] * directories)
        lines = text.split(b"\n")
        last = lines.pop()
        seen = [*lines, last] if unfinished else lines
        if max(map(len, seen), default=0) > logscript.MATCHED:
            seen = [line[: logscript.MATCHED] for line in seen]
        chosen = self._script.select(seen)
        if unfinished:
            self._taking = [flags[-1] for flags in chosen.logs]
        batch = Batch([_joined(lines, flags, last) for flags in chosen.logs])
        batch.alerts, batch.records = chosen.alerts, chosen.records
        return batch


def _joined(lines: list[bytes], flags: list[bool], last: bytes) -> bytes:
    """The chosen lines, each with its newline, and the beginning of the last if that is chosen too."""
    return b"\n".join([*compress(lines, flags), last if last and flags[-1] else b""])


def _labelled(held: bytes, data: bytes, stamp: bytes) -> bytes:
    """held and data, with the stamp before each line that begins in data."""
    if not stamp or not data:
        return held + data
    text = (held or stamp) + data.replace(b"\n", b"\n" + stamp)
    return text[: -len(stamp)] if data.endswith(b"\n") else text
