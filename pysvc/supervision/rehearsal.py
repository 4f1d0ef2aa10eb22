"""What each supervise does first, done a few times before any is forked

The interpreter changes code that it runs for the first times, where the code lies. What svscan has run often
enough is not changed any more: a forked supervise has 0.2 MB less of its own.
"""

import os

from pysvc import launch
from pysvc.supervision.keeper import Keeper, attended
from pysvc.unix.launchers import Launcher

PROGRAM = Launcher("pysvc", "supervise")
TURNS = 20
COMMANDS = b"dx"  # nothing is started; supervise waits once and exits
ROOM = 16384  # bytes that are written first: on a full disk a supervise would complain
DESCRIPTORS = "/proc/self/fd"  # what is listed of the listing itself is gone afterwards


def rehearse() -> None:
    """Supervise a service that does not exist, in a directory that is removed again; nothing is started."""
    place = f"/tmp/.svscan.{os.getpid()}"
    kept = frozenset(launch.KEPT)
    here = os.open(".", os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.mkdir(place, 0o700)
    except OSError:  # it is only for thrift
        os.close(here)
        return
    try:
        down = os.open(f"{place}/down", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        os.write(down, bytes(ROOM))
        os.close(down)
        os.mkdir(f"{place}/supervise", 0o700)
        os.mkfifo(f"{place}/supervise/control", 0o600)
        for _ in range(TURNS):
            known = _descriptors()
            launch.KEPT.update(known)
            code = _run_idle(place) or launch.run(PROGRAM.name, lambda: _start_nothing(place))
            launch.KEPT.clear()
            launch.KEPT.update(kept)
            if code:
                break
    except OSError:
        pass
    finally:
        os.fchdir(here)
        os.close(here)
        _remove(place)


def _run_idle(place: str) -> int:
    """The whole program, in which nothing is started."""
    known = _descriptors()
    control = os.open(f"{place}/supervise/control", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    os.write(control, COMMANDS)
    launch.KEPT.add(control)
    code = launch.enter(PROGRAM, ["supervise", place])
    _close_all_but(known)
    return code


def _start_nothing(place: str) -> int:
    """What supervise does before and after its fork."""
    known = _descriptors()
    keeper = Keeper(place)
    attended()
    keeper.started(os.getpid())
    keeper.unwatch()
    _close_all_but(known)
    return 0


def _close_all_but(known: set[int]) -> None:
    for fd in _descriptors() - known:
        os.close(fd)


def _descriptors() -> set[int]:
    return {int(fd) for fd in os.listdir(DESCRIPTORS) if os.path.exists(f"{DESCRIPTORS}/{fd}")}


def _remove(place: str) -> None:
    for name in ("supervise/lock", "supervise/control", "supervise/ok", "supervise/status", "down"):
        try:
            os.unlink(f"{place}/{name}")
        except OSError:
            pass
    for name in ("supervise", ""):
        try:
            os.rmdir(f"{place}/{name}")
        except OSError:
            pass
