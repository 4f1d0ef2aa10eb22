"""Programs of a home that see another time than everybody else, as after the clock has been set"""

from pathlib import Path

SHIFT = """
import time
def _shifted(clock):
    def shifted():
        try:
            with open({path!r}) as file:
                return clock(int(file.read() or 0))
        except OSError:
            return clock(0)
    return shifted
_time, _time_ns = time.time, time.time_ns
time.time = _shifted(lambda shift: _time() + shift)
time.time_ns = _shifted(lambda shift: _time_ns() + shift * 1_000_000_000)
"""


class Clock:
    """The clock of some launchers; set() sets it, at once also for programs that run.

    The time stamps of files stay those of the machine. Programs with such a launcher are executed for
    real where they would else be run in the same process.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.set(0)

    def set(self, ahead: int) -> None:
        """ahead: seconds by which it differs from the machine's clock."""
        new = self._path.with_suffix(".new")
        new.write_text(str(ahead))
        new.chmod(0o644)
        new.rename(self._path)

    def govern(self, launcher: Path) -> None:
        """Put a program under this clock."""
        first, _, rest = launcher.read_text().partition("\n")
        launcher.write_text(f"{first}\n{SHIFT.format(path=str(self._path))}{rest}")
