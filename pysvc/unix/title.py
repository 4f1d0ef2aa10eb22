"""What ps shows of a process

Only the compiled half of setproctitle is loaded: its package imports logging, 13 ms and 1.5 MB.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

COMM = "/proc/thread-self/comm"  # unlike /proc/self/comm it stays writable after a change of ids

_set: "Callable[[str], None] | None" = None
_tried = False
_shown: list[str] = []


def _load() -> "Callable[[str], None] | None":
    for folder in sys.path:
        if os.path.isdir(f"{folder}/setproctitle"):
            break
    else:
        return None
    if "setproctitle" not in sys.modules:
        package = type(sys)("setproctitle")  # a bare package: only its extension module is wanted
        package.__path__ = [f"{folder}/setproctitle"]
        sys.modules["setproctitle"] = package
    try:
        from setproctitle._setproctitle import getproctitle, setproctitle
    except (ImportError, OSError):  # not there, or no descriptor to read it with
        return None
    try:
        if not getproctitle():  # the first call makes it look for the arguments
            return None  # without an environment it does not find them
    except UnicodeDecodeError:
        pass  # it has found them, but cannot read them
    return setproctitle  # type: ignore[no-any-return]


def load() -> None:
    """Load what set_title needs; before a fork, so that each child need not (it costs 0.7 MB of its own).

    Also before os.environ is changed: afterwards the place of the arguments cannot be found any more.
    """
    global _set, _tried
    if not _tried:
        _set, _tried = _load(), True


def set_title(argv: list[str]) -> None:
    """Show `argv` as this process's command line, and its first word as the process's name."""
    global _shown
    if argv == _shown:
        return
    _shown = argv
    load()
    base = argv[0].rsplit("/", 1)[-1]
    words = " ".join([base, *argv[1:]])
    shown, text = os.fsencode(words), words.encode("utf-8", "replace")
    if _set is not None:
        _set(text.decode())  # it takes nothing but UTF-8: `?` for other bytes
    if _set is None or text != shown:
        _overwrite(shown)
    try:
        fd = os.open(COMM, os.O_WRONLY)
    except OSError:
        return  # no /proc here: the name stays what it was
    try:
        os.write(fd, os.fsencode(base)[:15])
    finally:
        os.close(fd)


def room() -> int | None:
    """How many bytes a title can show: what the arguments and the environment took when the process began.

    None where that cannot be told. More is cut off at the right.
    """
    load()
    places = _places()
    if places is None:
        return None
    start, arguments, environment = places
    return (arguments if _set is None else environment) - start - 2  # what ends both


def _overwrite(shown: bytes) -> None:
    """Show bytes that the library cannot, or anything where it does not know the place of the arguments.

    Only there: the environment, which lies behind them, may still be in use.
    """
    places = _places()
    if places is None:
        return
    start, size = places[0], places[1] - places[0]
    if _set is None:
        shown = shown[: size - 1].ljust(size, b"\0")
    elif len(shown) >= size:
        return
    try:
        fd = os.open("/proc/self/mem", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.pwrite(fd, shown, start)
        finally:
            os.close(fd)
    except OSError:
        pass  # this process has changed its ids, or the kernel does not allow it


def _places() -> tuple[int, int, int] | None:
    """The addresses where the arguments begin, where they end, and where the environment does, if known."""
    try:
        with open("/proc/self/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return int(fields[45]), int(fields[46]), int(fields[48])
    except (OSError, IndexError, ValueError):
        return None
