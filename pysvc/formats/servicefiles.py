"""The files of a service directory that switch on more than daemontools knows

    finish               program run after each death: exit code, signal, service, process group
    timeout-finish       milliseconds until KILL for finish; 0 never; 5000 without this file
    permanent-failure    deaths after which run is not started again: `100 110-120 SEGV`
    timeout-kill         milliseconds between the signal of `svc -d` and KILL; 0 never
    flag-timeout-killpg  if it exists that KILL is for the whole process group
    down-signal          what `svc -d` sends instead of TERM: a name or a number
    backoff              `MAX [HEALTHY]`, seconds: wait 1, 2, 4 ... MAX between a death and the next start,
                         until a run has lasted HEALTHY seconds (10)
    notification-fd      descriptor on which run writes a line when it is ready
    max-death-tally      how many deaths supervise/death_tally remembers

Names and meanings, but for permanent-failure and backoff, are those of s6.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

FINISH_TIMEOUT = 5000  # milliseconds; s6
HEALTHY = 10           # seconds
TALLY, LARGEST_TALLY = 100, 4096  # deaths; s6
PERMANENT = 125        # exit code of finish that means: do not start it again; s6


class BadContent(Exception):
    """A file that does not hold what it should; the feature is as if it were missing."""


class Settings:
    """What the files say. Times in milliseconds, 0: none; signals are names, "TERM"."""

    __slots__ = (
        "backoff", "down_signal", "failures", "finish", "healthy", "kill_group", "notification", "tally",
        "timeout_finish", "timeout_kill",
    )  # fmt: skip

    def __init__(self) -> None:
        self.finish, self.timeout_finish = False, FINISH_TIMEOUT
        self.timeout_kill, self.kill_group, self.down_signal = 0, False, "TERM"
        self.failures: frozenset[str] = frozenset()
        self.backoff, self.healthy = 0, HEALTHY * 1000
        self.notification = self.tally = 0

    @property
    def own_session(self) -> bool:
        """Whether a process group is named to somebody who may kill it; it must not be svscan's."""
        return self.finish or self.kill_group


def number(text: bytes) -> int:
    """Raises BadContent."""
    if not text.isdigit() or len(text) > 9:
        raise BadContent("not a number")
    return int(text)


def signal_name(text: bytes, names: dict[int, str]) -> str:
    """The name of a signal given as `TERM`, `SIGTERM`, `term` or 15; "37" for a real-time one without a name.

    Raises BadContent.
    """
    name = text.decode("ascii", "replace").upper().removeprefix("SIG")
    if name.isdigit() and len(name) < 4 and 0 < int(name) <= max(names):
        return names.get(int(name), str(int(name)))
    if name not in names.values():
        raise BadContent("no signal")
    return name


def _failures(text: bytes, names: dict[int, str]) -> frozenset[str]:
    found: set[str] = set()
    for word in text.split():
        first, dash, last = word.partition(b"-")
        if first.isdigit():
            end = number(last) if dash else number(first)
            found.update(map(str, range(number(first), min(end, 255) + 1)))
        else:
            found.add(signal_name(word, names))
    return frozenset(found)


def parse(contents: "dict[str, bytes]", names: dict[int, str], bad: "Callable[[str, str], None]") -> Settings:
    """Read the files that exist.

    contents: by name. names: of signals, by number. bad(name, why): called for one that is not understood.
    """
    settings = Settings()
    for name, text in contents.items():
        try:
            _READERS[name](settings, text.strip(), names)
        except BadContent as error:
            bad(name, str(error))
    return settings


def _finish(settings: Settings, text: bytes, names: dict[int, str]) -> None:
    settings.finish = True


def _timeout_finish(settings: Settings, text: bytes, names: dict[int, str]) -> None:
    settings.timeout_finish = number(text)


def _permanent_failure(settings: Settings, text: bytes, names: dict[int, str]) -> None:
    settings.failures = _failures(text, names)


def _timeout_kill(settings: Settings, text: bytes, names: dict[int, str]) -> None:
    settings.timeout_kill = number(text)


def _kill_group(settings: Settings, text: bytes, names: dict[int, str]) -> None:
    settings.kill_group = True


def _down_signal(settings: Settings, text: bytes, names: dict[int, str]) -> None:
    settings.down_signal = signal_name(text, names)


def _backoff(settings: Settings, text: bytes, names: dict[int, str]) -> None:
    words = text.split()
    if len(words) not in (1, 2):
        raise BadContent("not one or two numbers")
    values = [number(word) for word in words]
    settings.backoff = values[0] * 1000
    settings.healthy = (values[1] if len(values) > 1 else HEALTHY) * 1000


def _notification(settings: Settings, text: bytes, names: dict[int, str]) -> None:
    found = number(text)
    if found < 3:
        raise BadContent("0, 1 and 2 are taken")
    settings.notification = found


def _tally(settings: Settings, text: bytes, names: dict[int, str]) -> None:
    settings.tally = min(number(text), LARGEST_TALLY) if text else TALLY


_READERS: "dict[str, Callable[[Settings, bytes, dict[int, str]], None]]" = {
    "finish": _finish, "timeout-finish": _timeout_finish, "permanent-failure": _permanent_failure,
    "timeout-kill": _timeout_kill, "flag-timeout-killpg": _kill_group, "down-signal": _down_signal,
    "backoff": _backoff, "notification-fd": _notification, "max-death-tally": _tally,
}  # fmt: skip
FILES = frozenset(_READERS)
