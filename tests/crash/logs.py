"""multilog: what is in a file stays there; what has not been read is for the next multilog"""

import array
import fcntl
import os
import stat
import subprocess
import termios
from pathlib import Path

from tests.crash.subject import KILLED, TEMPORARY, Subject
from tests.support.world import eventually

PIECES = 4
LINES = 80  # a piece; all pieces together fill four files


class Multilog(Subject):
    """A trial writes to a log of its own, and ends with a multilog that nothing disturbs."""

    module = "multilog"
    actions: tuple[str, ...] = ()

    def run(self, rules: list[str]) -> str:
        token = self.token()
        folder = self.place.path / f"log-{token}"
        reader, writer = os.pipe()
        command = ("multilog", "s4096", "n99", *self.actions, f"./{folder.name}")
        said = subprocess.DEVNULL
        running = self.place.start(*self.traced(rules, *command), stdin=reader, stderr=said)
        pieces = [_piece(number, token) for number in range(PIECES)]
        written = b"".join(pieces)
        for piece in pieces:
            os.write(writer, piece)
            eventually(lambda: running.process.poll() is not None or not _unread(reader), what="the reading")
        if running.process.poll() is None:
            os.close(writer)
            writer = -1
        code = running.wait()
        assert code in (0, KILLED, TEMPORARY), f"exit {code}"
        unread = _unread(reader)
        first = _text(folder)
        assert written.startswith(first), "not the beginning of what was written to it"
        if code == 0:
            assert first + written[len(written) - unread :] == written, "a line is lost"
        if writer >= 0:
            os.close(writer)
        again = self.place.start(*command, stdin=reader, stderr=said)
        assert again.wait() == 0
        os.close(reader)
        assert _text(folder) == first + written[len(written) - unread :], (
            "not all that was there and all that came"
        )
        left = {path.name for path in folder.iterdir() if not path.name.startswith("@")}
        assert left == {"current", "lock", "state"}, f"left over: {left}"
        modes = {stat.S_IMODE(path.stat().st_mode) for path in [*folder.glob("@*.s"), folder / "current"]}
        assert modes == {0o744}, f"modes {modes}"
        return {0: "done", KILLED: "killed", TEMPORARY: "refused"}[code]


def _piece(number: int, token: str) -> bytes:
    return b"".join(b"%d.%d the words of a line %s\n" % (number, n, token.encode()) for n in range(LINES))


def _unread(pipe: int) -> int:
    count = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


def _text(folder: Path) -> bytes:
    """What the files of a log hold, also where a rotation was interrupted."""
    finished = sorted(folder.glob("@*"))
    known = {path.stat().st_ino for path in finished}
    processed = folder / "processed"
    complete = processed.exists() and processed.stat().st_mode & stat.S_IXUSR
    rest = (processed if complete else folder / "previous", folder / "current")
    files = [*finished, *(path for path in rest if path.exists() and path.stat().st_ino not in known)]
    return b"".join(path.read_bytes() for path in files)


class MultilogWithProcessor(Multilog):
    actions = ("!cat",)
