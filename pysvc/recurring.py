"""A server's process that serves one client after the other

To fork an interpreter, set up a program in it and take it apart again costs ten times what a short
conversation does. So a process whose programs allow it, by `REUSABLE = True` in their modules, is a worker:
it may serve a next client, with the same rights. That client's programs find what they would find in a
process of its own: ids, environment, directory, umask, signals, descriptors. Where a program has taken other
ids, has left a child or was in trouble, the process ends like any other.
"""

import _socket
import os
import sys

from pysvc import launch
from pysvc.unix import descriptors, environment, launchers, signals
from pysvc.unix.strerr import TEMPORARY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pysvc.workers.worker import Channel


TURNS = 12  # of a rehearsal


class Ground:
    """What a process had when this was made."""

    __slots__ = ("_environment", "_folder", "_ids", "_umask")

    def __init__(self) -> None:
        self._environment = environment.current()
        self._folder = _own_folder()
        self._ids = _ids()
        self._umask = os.umask(0)
        os.umask(self._umask)

    def lost(self) -> bool:
        """Whether something has changed that cannot be restored."""
        return self._folder < 0 or _ids() != self._ids or _has_children()

    def restore(self) -> None:
        """Bring back the rest. Raises OSError."""
        signals.alarm(0)
        signals.reset_caught()
        signals.ignore(signals.SIGPIPE)
        environment.replace(self._environment)
        os.fchdir(self._folder)
        os.umask(self._umask)
        descriptors.close_all_but(launch.KEPT)


def _own_folder() -> int:
    """The directory of the process; -1 where its user has no access to it, as in a service of root's."""
    try:
        folder = os.open(".", os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return -1
    launch.KEPT.add(folder)
    return folder


def _ids() -> tuple[object, ...]:
    return os.getresuid(), os.getresgid(), os.getgroups()


def _has_children() -> bool:
    """Whether any is alive; those that have ended are buried."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def rehearse(program: launchers.Launcher, argv: list[str]) -> None:
    """Before the first fork, have a program that allows it talk to nobody a few times.

    Its module says what the client shall have sent, as REHEARSAL. The interpreter changes code that it runs
    for the first times: what has been changed here is shared by all children. Descriptors 0 and 1 are lost,
    nothing comes out of 2, the directory stays; the program changes nothing else of its process. Where
    something is wrong there is no rehearsal.
    """
    words: bytes | None = getattr(sys.modules[program.module], "REHEARSAL", None)
    if words is None:
        return
    kept: list[int] = []
    try:
        kept.append(os.open(".", os.O_PATH | os.O_CLOEXEC))
        kept.append(os.dup(2))
        kept.append(os.open("/dev/null", os.O_WRONLY | os.O_CLOEXEC))
        if min(kept) > 2:  # else the conversations would take their places
            _rehearse(lambda: _talk_to_nobody(program, argv, words), *kept)
    except OSError:
        pass
    for fd in kept:
        os.close(fd)


def _rehearse(talk: "Callable[[], None]", folder: int, stderr: int, null: int) -> None:
    os.dup2(null, 2)
    try:
        for _ in range(TURNS):
            talk()
    finally:
        os.dup2(stderr, 2)
        os.fchdir(folder)


def _talk_to_nobody(program: launchers.Launcher, argv: list[str], words: bytes) -> None:
    client, server = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        client.sendall(words)
        client.shutdown(_socket.SHUT_WR)
        for fd in (0, 1):
            os.dup2(server.fileno(), fd, inheritable=False)
        launch.call(program, argv)
    except Exception:
        pass  # whatever is wrong with it will be said by the process that serves a client
    finally:
        client.close()
        server.close()


def serve(channel: "Channel", name: str, work: "Callable[[bytes], int]") -> int:
    """Do one piece of work after the other; the exit code, if one of them must be the last.

    name: of the program that does them; it ignores SIGPIPE. work(request) may chain to programs, the last of
    which ps goes on to show.
    """
    signals.ignore(signals.SIGPIPE)
    ground = Ground()
    while (request := channel.take()) is not None:
        entered: list[launchers.Launcher] = []
        code = launch.run(name, lambda: work(request), entered)
        if code == TEMPORARY or not all(map(launch.reusable, entered)) or ground.lost():
            return code
        try:
            ground.restore()
        except OSError:
            return code
        channel.answer(code)
    return 0
