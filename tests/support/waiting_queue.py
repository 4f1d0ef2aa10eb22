"""A queue and the parts of qmail-send that look at it, all in this process; the test is qmail-clean"""

import os
import select
import tempfile
from pathlib import Path

from pymail.formats import envelope
from pymail.queue import layout
from pymail.queue.cleaner import Cleaner
from pymail.queue.direct import Direct
from pymail.queue.settings import Settings
from pymail.queue.shared import Shared
from pymail.queue.todo import Intake
from pymail.unix.background import Background
from pymail.unix.controls import Controls
from pymail.unix.home import Home
from pymail.unix.record import Record

NOW = 2_000_000_000


class WaitingQueue:
    """A queue in the current directory, and everything that preprocessing talks to."""

    def __init__(self, path: Path) -> None:
        self.path = path / "queue"
        for name in (*layout.DIRECTORIES, *(f"{k}/{n}" for k in layout.SPLIT_DIRECTORIES for n in range(23))):
            (self.path / name).mkdir(exist_ok=True)
        os.mkfifo(self.path / layout.TRIGGER)
        (path / "control").mkdir()
        (path / "control/me").write_text("mail.test\n")
        self.log, theirs = tempfile.TemporaryFile(), os.pipe()
        self.commands, self.answers = os.pipe(), theirs
        self.background = Background()
        self.cleaner = Cleaner(self.commands[1], self.answers[0])
        self.shared = Shared(Record(self.log.fileno()), Settings(Controls(Home(str(path)))), [10, 20])
        self.direct = Direct(self.shared, self.cleaner)

    def intake(self) -> Intake:
        return Intake(self.shared, self.background, self.cleaner, self.direct)

    def put(self, number: int, *recipients: bytes) -> None:
        (self.path / layout.split_path("mess", number)).write_bytes(b"x")
        content = envelope.opening(1000, 45) + envelope.record(b"F", b"s@t")
        content += b"".join(envelope.record(b"T", recipient) for recipient in recipients)
        (self.path / layout.flat_path("todo", number)).write_bytes(content)

    def synced(self) -> None:
        """Wait for the batch that is being synced."""
        poll = select.poll()
        poll.register(self.background.fd, select.POLLIN)
        assert poll.poll(20000)
        self.background.collect()

    def asked(self) -> list[int]:
        """The messages that qmail-clean has newly been asked for."""
        self.cleaner.flush()
        os.set_blocking(self.commands[0], False)
        try:
            return [int(word[5:]) for word in os.read(self.commands[0], 65536).split(b"\0") if word]
        except BlockingIOError:
            return []

    def answer(self, numbers: list[int]) -> None:
        for number in numbers:
            (self.path / layout.flat_path("todo", number)).unlink(missing_ok=True)
        os.write(self.answers[1], b"+" * len(numbers))
        self.cleaner.read()

    def refuse(self, count: int) -> None:
        os.write(self.answers[1], b"!" * count)
        self.cleaner.read()

    def logged(self) -> list[bytes]:
        self.shared.record.flush()
        self.log.seek(0)
        return self.log.read().splitlines()

    def close(self) -> None:
        self.log.close()
        for fd in (*self.commands, *self.answers):
            os.close(fd)
