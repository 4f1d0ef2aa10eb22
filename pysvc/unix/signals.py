"""Signals, by the C half of the standard module: `signal` itself imports enum, 4 ms and 0.7 MB

What a program catches is recorded, so that the next program of a chain finds caught signals at their
default and ignored ones ignored, as execve leaves them.
"""

import _signal
import os

from pysvc.unix.strerr import unable_to

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SIGHUP = int(_signal.SIGHUP)
SIGINT = int(_signal.SIGINT)
SIGQUIT = int(_signal.SIGQUIT)
SIGTERM = int(_signal.SIGTERM)
SIGKILL = int(_signal.SIGKILL)
SIGALRM = int(_signal.SIGALRM)
SIGCHLD = int(_signal.SIGCHLD)
SIGPIPE = int(_signal.SIGPIPE)
SIGCONT = int(_signal.SIGCONT)
SIGSTOP = int(_signal.SIGSTOP)
SIGUSR1 = int(_signal.SIGUSR1)
SIGUSR2 = int(_signal.SIGUSR2)
SIGVTALRM = int(_signal.SIGVTALRM)
SIGPROF = int(_signal.SIGPROF)
SIGXCPU = int(_signal.SIGXCPU)
SIGXFSZ = int(_signal.SIGXFSZ)
SIGIO = int(_signal.SIGIO)

_caught: set[int] = set()


def number(name: str) -> int:
    """The number of a signal: number("TERM"), or number("37") of one that has no name."""
    return int(name) if name.isdigit() else int(getattr(_signal, f"SIG{name}"))


def names() -> dict[int, str]:
    """The names of all signals by their numbers: names()[15] is "TERM"."""
    found: dict[int, str] = {}
    for name in dir(_signal):  # in alphabetical order, CHLD before CLD
        if name.startswith("SIG") and "_" not in name:
            found.setdefault(int(getattr(_signal, name)), name[3:])
    return found


def catch(number: int, handler: "Callable[[], None] | None" = None) -> None:
    """Call handler() at each arrival of a signal; without one the arrival only interrupts or wakes."""
    _signal.signal(number, (lambda *_: handler()) if handler else (lambda *_: None))
    _caught.add(number)


def ignore(number: int) -> None:
    """Ignore a signal. Threads other than the first may do so where it is ignored already."""
    if _signal.getsignal(number) != _signal.SIG_IGN:
        _signal.signal(number, _signal.SIG_IGN)
    _caught.discard(number)


def default(number: int) -> None:
    _signal.signal(number, _signal.SIG_DFL)
    _caught.discard(number)


def block(*numbers: int) -> None:
    _signal.pthread_sigmask(_signal.SIG_BLOCK, numbers)


def unblock(*numbers: int) -> None:
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, numbers)


def heed(number: int) -> None:
    """A signal that whoever started this process ignored: the default again.

    Where SIGCHLD is ignored no child leaves a wait status.
    """
    if _signal.getsignal(number) == _signal.SIG_IGN:
        default(number)


def wait(numbers: "Iterable[int]", seconds: float) -> int:
    """Wait for one of some blocked signals and take it; 0 when the time is over. No other ends the wait."""
    found = _signal.sigtimedwait(numbers, seconds)
    return found.si_signo if found is not None else 0


def unblock_all() -> None:
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())


def alarm(seconds: int) -> None:
    """Have SIGALRM sent in so many seconds; 0 cancels."""
    _signal.alarm(seconds)


def undo_interpreter() -> None:
    """Undo what the interpreter did to signals at its start.

    It ignores SIGPIPE and SIGXFSZ and catches SIGINT; a classic program starts with whatever its
    parent left. What the parent had set for the first two is lost: they become the default.
    """
    for number in (_signal.SIGPIPE, _signal.SIGXFSZ):
        _signal.signal(number, _signal.SIG_DFL)
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)


def reset_caught() -> None:
    """What execve does: caught signals back to their default; ignored and blocked ones stay so."""
    if not _caught:
        return  # the common case; each page that a forked child touches is its own
    _signal.set_wakeup_fd(-1)
    for number in _caught:
        _signal.signal(number, _signal.SIG_DFL)
    _caught.clear()


class SelfPipe:
    """A descriptor that becomes readable when one of some signals arrives.

    The interpreter writes the signal's number into the pipe at once, also when the signal comes
    between a look at the flags and a wait; so a loop that polls `fd` misses nothing.
    """

    def __init__(self, numbers: "Iterable[int]") -> None:
        """Fatal if there can be no pipe."""
        with unable_to("create pipe"):
            self.fd, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        _signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)  # first: what is caught is also told of
        for number in numbers:
            catch(number)

    def arrived(self) -> set[int]:
        """The signals that came since the last call; never waits."""
        seen: set[int] = set()
        try:
            while data := os.read(self.fd, 4096):
                seen.update(data)
        except BlockingIOError:
            pass
        return seen
