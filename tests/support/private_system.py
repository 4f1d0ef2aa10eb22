"""A private home with its mail system: started, stopped and looked at"""

import os
import shutil
import signal
from pathlib import Path

from pymail.installation.hierarchy import make_tree
from pymail.queue import layout
from tests.support.homes import private_home
from tests.support.world import Place, Running, eventually


class PrivateSystem:
    """The home, its queue and its log; mail for box@mail.test goes into alias/box.mbox."""

    def __init__(self, place: Place, split: int = layout.SPLIT) -> None:
        """split: into how many parts the queue is split."""
        self.place, self.split = place, split
        self.home = private_home(place)
        self.queue = Path(self.home.file("queue"))
        if split != layout.SPLIT:
            for kind in layout.SPLIT_DIRECTORIES:
                shutil.rmtree(self.queue / kind)
            os.makedirs(self.queue / "mess" / str(split - 1))
            make_tree(self.home)
        Path(self.home.file("control/me")).write_text("mail.test\n")
        self.instructions("box", "./box.mbox\n")
        self.log = place.path / "log"
        self.running: Running

    def instructions(self, name: str, text: str) -> None:
        path = Path(self.home.file("alias", f".qmail-{name}"))
        path.write_text(text)
        os.chown(path, self.home.owner, self.home.gid("qmail"))

    def path(self, kind: str, number: int) -> Path:
        """Where a file of a message belongs, counted here and not by the programs' table."""
        return Path(self.home.file("queue", kind, str(number % self.split), str(number)))

    def program(self, name: str, *arguments: str, stdin: bytes = b"") -> str:
        done = self.place.run(self.home.file("bin", name), *arguments, stdin=stdin)
        assert (done.returncode, done.stderr) == (0, b"")
        return bytes(done.stdout).decode()

    def start(self, *arguments: str) -> None:
        """With these arguments of qmail-start."""
        with self.log.open("wb") as log, Path("/dev/null").open() as null:
            self.running = self.place.start(
                self.home.file("bin/qmail-start"), *arguments,
                env={"PATH": f"{self.home.path}/bin:/usr/bin:/bin"}, stdin=null, stdout=log,
            )  # fmt: skip

    def stop(self) -> None:
        self.running.signal(signal.SIGTERM)
        assert self.running.wait() == 0

    def logged(self, text: str) -> None:
        eventually(lambda: f"{text}\n" in self.log.read_text(), what=text)

    def numbers(self) -> set[int]:
        """The messages in the queue. No file is read: strays that were would count as young."""
        return {int(path.name) for path in self.queue.rglob("*") if path.name.isdigit() and path.is_file()}
