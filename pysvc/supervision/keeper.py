"""One service under supervise: the automaton, and the files and the process around it

What runs here runs once for each service of a machine, so little is loaded and little is touched: each
page of memory that a forked supervise writes to, be it a reference count, is its own.
"""

import os
import select
import time

from pysvc import launch
from pysvc.engines.supervisor import ANNOUNCE, EXIT, START, Supervisor
from pysvc.formats import status
from pysvc.formats.servicefiles import FILES
from pysvc.unix import fifo, files, lock, script, signals
from pysvc.unix.strerr import unable_to, warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

PACE = 1          # seconds after a start in which nothing is done
NO_CHILD = 60     # seconds after a failed fork
IDLE = 1_000_000  # milliseconds between two looks for children that are not the service's
UNWATCHED = 500   # milliseconds between two looks where there is no pidfd
STALE = 5000      # milliseconds until a status is written again that could not be written
CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
STATE = "supervise/state"  # of an attended service; formats.state


class Attend(Exception):
    """A file of formats.servicefiles has been found: the service is for supervision.attended from here on.

    death: the wait status of the service if it has just died; None: it was about to be started.
    """

    def __init__(self, death: int | None) -> None:
        super().__init__()
        self.death = death


class Keeper:
    """One Supervisor and the files around it.

    The descriptors of lock, ok and the write end of control are kept open by nothing but never being closed.
    """

    __slots__ = ("control", "directory", "poll", "stale", "supervisor", "watched")

    def __init__(self, directory: str) -> None:
        """Take the directory. Fatal where that is impossible."""
        self.directory = directory
        self.watched = -1   # a descriptor that becomes readable when the child dies
        self.stale = False  # supervise/status does not say what is so
        signals.unblock(signals.SIGCHLD)
        with unable_to(f"chdir to {directory}"):
            os.chdir(directory)
        with unable_to(f"stat {directory}/down"):
            up = not _exists("down")
        _make_directory()
        with unable_to(f"acquire {directory}/supervise/lock"):
            lock.try_lock(lock.open_lock("supervise/lock", follow=False))
        self._open_control()
        self.supervisor = Supervisor(time.time_ns(), up)
        if os.access(STATE, os.F_OK):
            _remove(STATE)
        self.announce()
        # Only now: whoever finds a reader of `ok` may count on a status.
        fifo.make("supervise/ok")
        with unable_to(f"read {directory}/supervise/ok"):
            fifo.open_end("supervise/ok", os.O_RDONLY)
        self.poll = select.poll()
        self.poll.register(self.control, select.POLLIN)

    def _open_control(self) -> None:
        """Both ends of control: with no writer left, a reader sees nothing but the end of file."""
        fifo.make("supervise/control")
        with unable_to(f"read {self.directory}/supervise/control"):
            self.control = fifo.open_end("supervise/control", os.O_RDONLY)
        with unable_to(f"write {self.directory}/supervise/control"):
            write = fifo.open_end("supervise/control", os.O_WRONLY)
            one, other = os.fstat(self.control), os.fstat(write)
            if one.st_ino != other.st_ino or one.st_dev != other.st_dev:
                raise OSError("replaced meanwhile")

    def keep(self) -> None:
        """Serve until told to exit. Raises Attend."""
        if not launch.frozen():  # by svscan, which has done both
            signals.heed(signals.SIGCHLD)
            launch.freeze()
        going = self.act(self.supervisor.begin())
        while going and self.act(self.deaths()) and self.act(self.command()):
            self.poll.poll(self.longest_wait())
            self.refresh()

    def longest_wait(self) -> int:
        """Milliseconds until there is something to do even if no descriptor tells of it."""
        if self.supervisor.retry:
            return 0
        return self.idle(bool(self.supervisor.pid))

    def idle(self, child: bool) -> int:
        """Milliseconds until another look; child: whether there is one that might have ended unseen."""
        wait = UNWATCHED if child and self.watched < 0 else IDLE
        return min(wait, STALE) if self.stale else wait

    def deaths(self) -> list[str]:
        """Reap children until the service itself is found dead."""
        pid, death = reap()
        while pid:
            if pid == self.supervisor.pid:
                self.unwatch()
                if attended():
                    raise Attend(death)
                return self.supervisor.died(time.time_ns())
            pid, death = reap()
        return []

    def command(self) -> list[str]:
        """One command a turn, so that deaths are seen between any two."""
        if not self.poll.poll(0):
            return self.supervisor.tick()
        try:
            byte = os.read(self.control, 1)
        except OSError:
            return self.supervisor.tick()
        return self.supervisor.command(byte)

    def act(self, actions: "Iterable[str]") -> bool:
        """Do what the supervisor decided; whether to go on."""
        for action in actions:  # noqa: SIM110 - each thing that is used is another page: all, map, a generator
            if not self.do(action):
                return False
        return True

    def do(self, action: str) -> bool:
        """One action; False for the last one of all."""
        if action == EXIT:
            return False
        if action == ANNOUNCE:
            self.announce()
        elif action == START:
            self.start()
        else:
            self._signal(action)
        return True

    def _signal(self, name: str) -> None:
        try:
            os.kill(self.supervisor.pid, signals.number(name))
        except OSError:
            pass  # it has changed its user, or a zombie's death is about to be seen

    def start(self) -> None:
        if attended():
            raise Attend(None)
        try:
            pid = launch.fork("supervise", self._child)
        except OSError as error:
            warn("supervise", f"unable to fork for {self.directory}, sleeping {NO_CHILD} seconds", error)
            self.act(self.supervisor.not_started())
            time.sleep(NO_CHILD)
            return
        self.started(pid)
        time.sleep(PACE)  # on the monotonic clock; a signal does not cut it short

    def started(self, pid: int) -> None:
        """The service has been started."""
        self.watch(pid)
        self.act(self.supervisor.started(pid, time.time_ns()))

    def _child(self) -> int:
        with unable_to(f"start {self.directory}/run"):
            script.run("./run")

    def watch(self, pid: int) -> None:
        """Have the death of a child end the wait, without the pages that a caught SIGCHLD would touch."""
        try:
            self.watched = os.pidfd_open(pid)
        except OSError:
            return  # Linux before 5.3, or no descriptor left: UNWATCHED
        self.poll.register(self.watched, select.POLLIN)

    def unwatch(self) -> None:
        if self.watched >= 0:
            self.poll.unregister(self.watched)
            os.close(self.watched)
            self.watched = -1

    def announce(self) -> None:
        """Replace supervise/status."""
        self.stale = not self.replace("supervise/status", status.pack(self.supervisor.status()))

    def refresh(self) -> None:
        """Make good for a status that could not be written."""
        if self.stale:
            self.announce()

    def replace(self, path: str, content: bytes) -> bool:
        """Replace a file of the directory `supervise`; whether that worked. Trouble is said and survived."""
        new = f"{path}.new"
        doing = "open"
        try:
            fd = _create(new)
            doing = "write"
            try:
                files.write_all(fd, content)
            finally:
                os.close(fd)
            doing = "rename"
            os.rename(new, path)
        except OSError as error:
            to = f" to {path.rpartition('/')[2]}" if doing == "rename" else ""
            warn("supervise", f"unable to {doing} {self.directory}/{new}{to}", error)
            return False
        return True


def attended() -> bool:
    """Whether the service directory has a file that asks for more than daemontools did."""
    try:
        return not FILES.isdisjoint(os.listdir("."))
    except OSError:
        return False


def _exists(path: str) -> bool:
    """Whether there is a file in this directory, through links. Raises OSError where that cannot be told."""
    try:
        if path not in os.listdir("."):
            return False
    except OSError:
        pass  # it may be entered, but not read
    try:
        os.stat(path)
    except FileNotFoundError:
        return False
    return True


def _make_directory() -> None:
    """Make `supervise`, or what the link `supervise` points to; opening the lock tells of failures."""
    try:
        os.mkdir("supervise", 0o700)
    except FileExistsError:
        try:
            os.mkdir(os.readlink("supervise"), 0o700)
        except OSError:
            pass
    except OSError:
        pass


def _create(path: str) -> int:
    """Create a file in a directory where its user may have left anything under that name."""
    try:
        return os.open(path, CREATE, 0o644)
    except FileExistsError:
        os.unlink(path)
        return os.open(path, CREATE, 0o644)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass


def reap() -> tuple[int, int]:
    """The pid of a child that has ended, 0 if there is none, and its wait status."""
    try:
        return os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return 0, 0
