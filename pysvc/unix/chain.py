"""Run the next program of a chain

`softlimit … tcpserver … qmail-smtpd`: where the next program is one of this installation's own
launchers, raising Next makes pysvc.launch run it in this process, 8 ms and 3 MB cheaper than a fresh
interpreter; anything else is executed for real. Busybox calls this NOEXEC. The search along PATH is
that of the classic programs, which differs from execvp in the errors it remembers.
"""

import errno
import os

from pysvc.unix import environment, launchers, signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import NoReturn

REMEMBERED = (errno.EACCES, errno.EPERM, errno.EISDIR)  # the search goes on, but these are reported
DEFAULT_PATH = "/bin:/usr/bin"


class Next(BaseException):
    """The process becomes another program of this installation; only pysvc.launch catches it.

    `prepare(True)` is called when that program's code is loaded, just before it starts.
    """

    def __init__(
        self,
        program: "launchers.Launcher",
        argv: list[str],
        env: dict[bytes, bytes] | None,
        prepare: "Callable[[bool], None] | None",
    ) -> None:
        super().__init__(program.name)
        self.program, self.argv, self.env, self.prepare = program, argv, env, prepare


def candidates(name: str) -> "Iterator[str]":
    """The paths that `name` may stand for, by the PATH of this process's own environment."""
    if "/" in name:
        yield name
        return
    for folder in os.environ.get("PATH", DEFAULT_PATH).split(":"):
        yield f"{folder or '.'}/{name}"


def run(
    argv: list[str],
    env: dict[bytes, bytes] | None = None,
    prepare: "Callable[[bool], None] | None" = None,
    name: str | None = None,
) -> "NoReturn":
    """Become the program argv[0]; never returns.

    env: the program's whole environment (default: this process's). prepare(in_process): called last
    thing before the program runs, False where it will be executed for real. name: what an executed
    program finds as its argv[0], instead of the word that was searched for; a script never finds it.
    Raises OSError: why nothing could be run.
    """
    if env is not None:
        env = environment.named(env)
    refused = errno.ENOENT  # a number: an exception would hold the frames of this program
    for path in candidates(argv[0]):
        launcher = launchers.recognise(path)
        if launcher is not None:
            raise Next(launcher, [path, *argv[1:]], env, prepare)
        try:
            # An empty word names the directories of PATH, of which each says why it cannot be run.
            _execute(path, [name or argv[0] or path, *argv[1:]], env, prepare)
        except OSError as error:
            if error.errno in REMEMBERED:
                refused = error.errno
            elif error.errno != errno.ENOENT:
                raise
    raise OSError(refused, os.strerror(refused), argv[0])


def spawn(argv: list[str], env: dict[bytes, bytes], fd: int) -> int:
    """Start a program of others as a child, with a connection as descriptors 0 and 1; its pid.

    The kernel makes the child without a copy of this process. Raises OSError: why it could not be run.
    """
    actions = [(os.POSIX_SPAWN_DUP2, fd, 0), (os.POSIX_SPAWN_DUP2, fd, 1)]
    env = environment.named(env)
    for path in candidates(argv[0]):
        try:
            return os.posix_spawn(
                path, argv, env, file_actions=actions, setsigdef=(signals.SIGPIPE,), setsigmask=()
            )
        except FileNotFoundError:
            continue
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), argv[0])


def _execute(
    path: str, argv: list[str], env: dict[bytes, bytes] | None, prepare: "Callable[[bool], None] | None"
) -> None:
    if prepare is not None and launchers.executable(path):
        prepare(False)
    if env is None:
        os.execv(path, argv)
    os.execve(path, argv, env)
