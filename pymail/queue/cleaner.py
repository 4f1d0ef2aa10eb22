"""qmail-send's side of the conversation with qmail-clean

Commands go out together; the answers come one byte each in the order of the commands.
"""

from pymail.queue.layout import flat_path
from pysvc.unix.files import read_once, write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

ANSWERS = 4096  # bytes read at a time


class Lost(Exception):
    """qmail-clean is gone."""


class Cleaner:
    """Asks qmail-clean to remove what qmail-send may not; `alive` until it is lost.

    Between two waits fewer commands are asked than a pipe holds, so writing them never waits for long.
    """

    __slots__ = ("_asked", "_commands", "_write", "alive", "fd")

    def __init__(self, write: int, read: int) -> None:
        """write, read: the descriptors of the pipes to and from qmail-clean."""
        self._write, self.fd = write, read
        self._commands: list[bytes] = []
        self._asked: list[Callable[[bool], None]] = []
        self.alive = True

    @property
    def waiting(self) -> bool:
        """Whether an answer is still to come."""
        return bool(self._asked)

    def ask(self, kind: str, number: int, then: "Callable[[bool], None]") -> None:
        """Have the files of a message removed; then(whether it could be done) follows later.

        kind: "todo" for its files in intd and todo, "foop" for those in intd and mess.
        """
        if self.alive:
            self._commands.append(flat_path(kind, number).encode() + b"\0")
            self._asked.append(then)

    def flush(self) -> None:
        """Send what was asked. Raises Lost."""
        text, self._commands = b"".join(self._commands), []
        try:
            write_all(self._write, text)
        except OSError:
            self._lose()

    def read(self) -> None:
        """Take the answers that are there. Raises Lost."""
        answers = read_once(self.fd, ANSWERS)
        if not answers:
            self._lose()
        answered, self._asked = self._asked[: len(answers)], self._asked[len(answers) :]
        for then, answer in zip(answered, answers, strict=False):
            then(answer == ord("+"))

    def _lose(self) -> None:
        self.alive = False
        self._asked.clear()
        self._commands.clear()
        raise Lost
