"""pysvc top: the table again and again, with what each service uses now, until somebody has enough"""

import os
import select
import shutil
import signal
import termios
import time
import tty
from collections.abc import Callable
from types import TracebackType
from typing import Any

from pysvc.views.table import table

QUIT = b"qQ\x03\x04"  # also as control characters, where the terminal does not make signals of them
Services = list[dict[str, Any]]


class Screen:
    """A terminal whose keys are read at once, as long as this is entered; where there is none, nothing."""

    def __init__(self) -> None:
        self._interactive = os.isatty(0) and os.isatty(1)

    def __enter__(self) -> "Screen":
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)  # the terminal is to be put right first
        if self._interactive:
            self._before = termios.tcgetattr(0)
            tty.setcbreak(0)
        return self

    def __exit__(self, kind: type[BaseException] | None, _: object, trace: TracebackType | None) -> bool:
        if self._interactive:
            termios.tcsetattr(0, termios.TCSADRAIN, self._before)
        return kind is KeyboardInterrupt

    def show(self, found: Services) -> list[str]:
        """The lines of one picture, as many and as long as fit."""
        size = shutil.get_terminal_size()
        rows = [time.strftime("%F %T"), *table(found, size.columns if os.isatty(1) else 0)]
        return rows[: max(1, size.lines - 1)] if os.isatty(1) else rows

    def rest(self, seconds: float) -> bool:
        """Wait; False if somebody has enough."""
        if not self._interactive:
            time.sleep(seconds)
            return True
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([0], [], [], left)[0]:
                keys = os.read(0, 64)
                if not keys or any(key in QUIT for key in keys):
                    return False
        return True


class Rates:
    """The share of a processor that each service has used since the last picture."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, int | None], float] = {}
        self._at = 0.0

    def add(self, found: Services) -> None:
        """Give each service its `percent`, from the second picture on."""
        now = time.monotonic()
        used = {(one["service"], one["pid"]): one["cpu"] for one in found if one["cpu"] is not None}
        for one in found:
            before = self._last.get((one["service"], one["pid"]))
            if before is not None and one["cpu"] is not None and now > self._at:
                one["percent"] = max(0.0, 100 * (one["cpu"] - before) / (now - self._at))
        self._last, self._at = used, now


def watch(
    look: Callable[[], Services], draw: Callable[[list[str]], None], interval: float, count: int
) -> None:
    """Show what look() finds; count: pictures, 0: until somebody has enough."""
    rates, shown = Rates(), 0
    with Screen() as screen:
        while True:
            found = look()
            rates.add(found)
            draw(screen.show(found))
            shown += 1
            if shown == count or not screen.rest(interval):
                return
