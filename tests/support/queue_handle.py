"""A queue manager as administrators have them: reads and removes messages by the files of the queue alone

Like qmHandle: it trusts the layout and that the system is stopped while it removes something.
"""

from pathlib import Path
from typing import NamedTuple

SPLIT_KINDS = ("mess", "info", "local", "remote")
FLAT_KINDS = ("todo", "intd", "bounce")


class Listed(NamedTuple):
    """One line of the list."""

    sender: str
    recipients: list[str]  # those that are left, as CHANNEL:ADDRESS
    subject: str
    size: int


class Handle:
    """One queue."""

    def __init__(self, queue: Path) -> None:
        self._queue = queue
        self._split = len(list((queue / "mess").iterdir()))

    def _path(self, kind: str, number: int) -> Path:
        parts = (str(number % self._split),) if kind in SPLIT_KINDS else ()
        return self._queue.joinpath(kind, *parts, str(number))

    def numbers(self) -> list[int]:
        return sorted(int(path.name) for path in (self._queue / "mess").glob("*/*"))

    def text(self, number: int) -> bytes:
        return self._path("mess", number).read_bytes()

    def listed(self, number: int) -> Listed:
        if self._path("todo", number).exists():
            fields = self._path("todo", number).read_bytes().split(b"\0")[:-1]
            sender = next(field for field in fields if field.startswith(b"F"))
            recipients = [f"todo:{field[1:].decode()}" for field in fields if field.startswith(b"T")]
        else:
            sender = self._path("info", number).read_bytes().rstrip(b"\0")
            recipients = [r for channel in ("local", "remote") for r in self._left(channel, number)]
        header = self.text(number).partition(b"\n\n")[0]
        subjects = [line[9:] for line in header.split(b"\n") if line.startswith(b"Subject: ")]
        return Listed(sender[1:].decode(), recipients, subjects[0].decode(), len(self.text(number)))

    def _left(self, channel: str, number: int) -> list[str]:
        path = self._path(channel, number)
        fields = path.read_bytes().split(b"\0") if path.exists() else []
        return [f"{channel}:{field[1:].decode()}" for field in fields if field.startswith(b"T")]

    def remove(self, number: int) -> None:
        for kind in (*FLAT_KINDS, *SPLIT_KINDS):
            self._path(kind, number).unlink(missing_ok=True)
