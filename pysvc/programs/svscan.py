"""svscan - keep a supervise running for each service directory

Synopsis:    svscan [directory]

Looks every five seconds for subdirectories of the directory (default: the current one) whose names do
not begin with a dot, and starts `supervise NAME` for each. If NAME/log exists when NAME is first seen,
`supervise log` is started in NAME too, and NAME's standard output goes to it through a pipe that stays
open whichever of them dies. A supervise that has died is started again at the next look. Where supervise
processes have survived another svscan, their pipe is taken over.

Where the kernel tells of changes in the directory, a new service that has its run file already is started
at once; one that is still being written waits until nothing has changed in it for a moment, and without a
run file for the next look. SIGALRM makes svscan look at once.

Exit codes:  111 the directory cannot be entered; otherwise svscan never exits

supervise is found along PATH. If it is one of this installation it runs in a forked child, as all
programs do that supervise then starts: they share the memory of what svscan has loaded.
"""

import fcntl
import os
import stat
import time

from pysvc import launch
from pysvc.engines.scanner import LIMIT, Scanner, Service
from pysvc.supervision import preloaded
from pysvc.supervision.survivors import Survivors
from pysvc.unix import chain, signals, title
from pysvc.unix.strerr import TEMPORARY, unable_to, warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pysvc.unix import launchers

PAUSE = 5           # seconds between two looks
SETTLE = 0.02       # seconds from a change to a look: changes come in swarms
QUIET = 0.2         # seconds without a change after which nobody is writing a service any more
LONGEST_NAME = 255  # bytes of a name whose log is considered
SPARE = 32          # descriptors that svscan needs besides pipes, and may have been given
CHANGED, LOOK = signals.SIGIO, signals.SIGALRM

restore_limit: "Callable[[], None] | None" = None  # on descriptors, in a child; None: it is as it was


def main(argv: list[str]) -> int:
    if len(argv) > 1:
        with unable_to(f"chdir to {argv[1]}"):
            os.chdir(argv[1])
    preloaded.load()
    title.set_title(argv)  # free here: what it needs is loaded for the children
    signals.heed(signals.SIGCHLD)
    signals.block(CHANGED, LOOK)  # taken by pause alone; the children unblock them
    notice_changes()
    scanner = Scanner()
    while True:
        reap(scanner)
        look(scanner)
        pause(scanner)


def notice_changes() -> None:
    """Have the kernel send CHANGED for each entry that comes to the directory or leaves it.

    This is dnotify: inotify would need ctypes. Where there is neither, a look every PAUSE must do.
    """
    try:
        fd = os.open(".", os.O_RDONLY | os.O_CLOEXEC)  # open for good
        events = fcntl.DN_CREATE | fcntl.DN_DELETE | fcntl.DN_RENAME
        fcntl.fcntl(fd, fcntl.F_NOTIFY, events | fcntl.DN_MULTISHOT)
    except (OSError, AttributeError):
        pass


def pause(scanner: Scanner) -> None:
    """Wait for the next look, and meanwhile start what is new; the death of a child cuts nothing short."""
    end = time.monotonic() + PAUSE
    growing = False
    while (left := end - time.monotonic()) > 0:  # however many changes come
        found = signals.wait((CHANGED, LOOK), min(left, QUIET) if growing else left)
        if found == LOOK or not (found or growing):
            break
        if found:
            time.sleep(SETTLE)
        growing = look(scanner, complete=True)


def reap(scanner: Scanner) -> None:
    """Bury all dead children, whosever they were."""
    try:
        while pid := os.waitpid(-1, os.WNOHANG)[0]:
            scanner.died(pid)
    except ChildProcessError:
        pass


def look(scanner: Scanner, complete: bool = False) -> bool:
    """One pass over the directory; whether a service was left alone that will soon be complete.

    complete: leave alone new services that have no run file, or that somebody may be writing now.
    """
    scanner.begin()
    try:
        names = os.listdir(".")
    except OSError as error:
        warn("svscan", "unable to read directory", error)
        return False
    survivors = Survivors()
    names = [name for name in names if not name.startswith(".")]
    unfinished: list[str] | None = [] if complete else None
    found = [(name, visit(scanner, survivors, name, unfinished)) for name in names]
    program = launch.preload("supervise")
    # The forks come close together: a page that is written between two of them is another copy.
    for name, service in found:
        if service is not None:
            run(name, service, program)
    for service in scanner.forget():
        for fd in service.pipe or ():
            os.close(fd)
    return bool(unfinished)


def growing(name: str) -> bool:
    """Whether somebody may be writing a service: its log is decided once, so it must not be started yet."""
    try:
        changes = [os.stat(path).st_mtime for path in (name, f"{name}/run")]
    except OSError:
        return False  # it waits for the next look
    return any(0 <= time.time() - change < QUIET for change in changes)


def visit(
    scanner: Scanner, survivors: Survivors, name: str, unfinished: list[str] | None
) -> Service | None:
    """One entry of the directory; None if it is no service, or none yet.

    unfinished: gets the name of a new one that somebody may be writing; None: each is taken as it is.
    """
    try:
        found = os.stat(name)
    except OSError as error:
        warn("svscan", f"unable to stat {name}", error)
        return None
    if not stat.S_ISDIR(found.st_mode):
        return None
    identity = (found.st_dev, found.st_ino)
    known = scanner.seen(identity)
    if known is not None:
        return known
    if unfinished is not None:
        if growing(name):
            unfinished.append(name)
            return None
        if not os.path.exists(f"{name}/run"):
            return None
    return accept(scanner, survivors, identity, name)


def run(name: str, service: Service, program: "launchers.Launcher | None") -> None:
    """Start whichever supervise of a service does not run; program: ours, if it is that."""
    pipe = service.pipe
    if not service.pid:
        service.pid = start(name, lambda: supervise(name, pipe, False, program))
    if pipe is not None and not service.log_pid:
        service.log_pid = start(f"{name}/log", lambda: supervise(name, pipe, True, program))


def accept(
    scanner: Scanner, survivors: Survivors, identity: tuple[int, int], name: str
) -> Service | None:
    """A service seen for the first time; None if it must wait for another look."""
    if scanner.full:
        warn("svscan", f"unable to start {name}: running too many services")
        return None
    try:
        logged = has_log(name)
    except OSError as error:
        warn("svscan", f"unable to stat {name}/log", error)
        return None
    try:
        pipe = None
        if logged:
            make_room(len(scanner.services) + 1)
            pipe = survivors.pipe(name) or os.pipe2(os.O_CLOEXEC)
    except OSError as error:
        warn("svscan", f"unable to create pipe for {name}", error)
        return None
    return scanner.add(identity, pipe)


def make_room(pipes: int) -> None:
    """Allow svscan as many descriptors as so many pipes need, as far as it may."""
    global restore_limit
    limit = os.sysconf("SC_OPEN_MAX")  # -1: none
    if restore_limit is None and 0 < limit < 2 * pipes + SPARE:
        from pysvc.supervision import descriptors  # few machines have so many logs

        restore_limit = descriptors.allow(2 * LIMIT + SPARE)


def has_log(name: str) -> bool:
    """Whether NAME/log exists, as whatever kind of file. Raises OSError."""
    if len(os.fsencode(name)) > LONGEST_NAME:
        return False
    try:
        os.stat(f"{name}/log")
    except FileNotFoundError:
        return False
    return True


def start(what: str, child: "Callable[[], int]") -> int:
    """Fork one supervise; its pid, or 0 for another try at the next look."""
    try:
        return launch.fork("svscan", child)
    except OSError as error:
        warn("svscan", f"unable to fork for {what}", error)
        return 0


def supervise(
    name: str, pipe: tuple[int, int] | None, log: bool, program: "launchers.Launcher | None"
) -> int:
    """In the child: become the supervise of a service, or of its log.

    All in one: a function that runs in children alone is 8 KB more in each.
    """
    signals.unblock(CHANGED, LOOK)
    if restore_limit is not None:
        restore_limit()
    what = f"{name}/log" if log else name
    if pipe is not None:
        with _warning(f"set up descriptors for {what}"):
            end = 0 if log else 1
            _move(pipe[end], end)
    if log:
        with _warning(f"switch to {name}"):
            os.chdir(name)
    elif pipe is not None:
        launch.KEPT.add(pipe[0])  # by supervise, not by the service: what is in the pipe outlives svscan
    argv = ["supervise", "log" if log else name]
    if program is None:
        with _warning(f"start supervise {what}"):
            chain.run(argv)
    return launch.enter(program, argv)


def _warning(doing: str) -> unable_to:
    return unable_to(doing, TEMPORARY, "warning")  # the child ends, svscan goes on


def _move(fd: int, to: int) -> None:
    os.dup2(fd, to)
    os.set_inheritable(to, True)  # a pipe made while `to` was closed may have got that very number
