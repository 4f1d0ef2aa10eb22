"""supervise - start a service and keep it running

Synopsis:    supervise dir

Starts dir/run in dir, and starts it again when it ends: at once, or one second after the last start if
it ended within that second. Commands come from svc; one that arrives in that second waits for its end.

Files:       run                  what is started: any program, without arguments
             down                 if it exists when supervise starts, the service waits for `svc -u`
             supervise/lock       locked as long as supervise lives
             supervise/control    fifo: one byte a command
             supervise/ok         fifo: supervise holds it open for reading
             supervise/status     18 bytes, replaced at each change
Exit codes:  0 `svc -x` was obeyed; 100 wrong usage; 111 cannot begin

Signals other than CHLD have their default effect: supervise dies, the service goes on unsupervised.

A run script that consists of `exec` and the plain words of one of this installation's programs is not
handed to /bin/sh: the program is run as the shell would run it, without the shell.

The supervise directory may belong to another user than the service's. Where lock, control, ok or
status.new is a link, or a fifo is none, supervise refuses instead of following.
"""

import os
import select
import time

from pysvc import launch
from pysvc.engines.supervisor import ANNOUNCE, EXIT, START, Supervisor
from pysvc.formats import status
from pysvc.unix import fifo, files, lock, script, signals
from pysvc.unix.strerr import unable_to, usage, warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

PACE = 1          # seconds after a start in which nothing is done
NO_CHILD = 60     # seconds after a failed fork
NEW_STATUS = "supervise/status.new"


def main(argv: list[str]) -> int:
    if len(argv) != 2:
        raise usage(__doc__)
    return Keeper(argv[1]).keep()


class Keeper:
    """One Supervisor and the files around it.

    The descriptors of lock, ok and the write end of control are kept open by nothing but never being closed.
    """

    __slots__ = ("control", "directory", "supervisor", "wake")

    def __init__(self, directory: str) -> None:
        """Take the directory. Fatal where that is impossible."""
        self.directory = directory
        with unable_to(f"create pipe for {directory}"):
            self.wake = signals.SelfPipe((signals.SIGCHLD,))
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
        self.announce()
        # Only now: whoever finds a reader of `ok` may count on a status.
        fifo.make("supervise/ok")
        with unable_to(f"read {directory}/supervise/ok"):
            fifo.open_end("supervise/ok", os.O_RDONLY)

    def _open_control(self) -> None:
        """Both ends of control: with no writer left, a reader sees nothing but the end of file."""
        fifo.make("supervise/control")
        with unable_to(f"read {self.directory}/supervise/control"):
            self.control = fifo.open_end("supervise/control", os.O_RDONLY)
        with unable_to(f"write {self.directory}/supervise/control"):
            fifo.open_end("supervise/control", os.O_WRONLY)

    def keep(self) -> int:
        """Serve until told to exit; the exit code."""
        launch.freeze()
        poll = select.poll()
        poll.register(self.wake.fd, select.POLLIN)
        poll.register(self.control, select.POLLIN)
        going = self.act(self.supervisor.begin())
        while going:
            poll.poll(0 if self.supervisor.retry else None)
            going = self.act(self._deaths()) and self.act(self._command())
        return 0

    def _deaths(self) -> list[str]:
        """Reap children until the service itself is found dead."""
        self.wake.arrived()
        while pid := _reap():
            if pid == self.supervisor.pid:
                return self.supervisor.died(time.time_ns())
        return []

    def _command(self) -> list[str]:
        """One command a turn, so that deaths are seen between any two."""
        try:
            byte = os.read(self.control, 1)
        except OSError:
            return self.supervisor.tick()
        return self.supervisor.command(byte)

    def act(self, actions: "Iterable[str]") -> bool:
        """Do what the supervisor decided; whether to go on."""
        for action in actions:
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
        try:
            pid = launch.fork("supervise", self._child)
        except OSError as error:
            warn("supervise", f"unable to fork for {self.directory}, sleeping {NO_CHILD} seconds", error)
            self.act(self.supervisor.not_started())
            time.sleep(NO_CHILD)
            return
        self.act(self.supervisor.started(pid, time.time_ns()))
        time.sleep(PACE)  # on the monotonic clock; a signal does not cut it short

    def _child(self) -> int:
        with unable_to(f"start {self.directory}/run"):
            script.run("./run")

    def announce(self) -> None:
        """Replace supervise/status; trouble is said and survived."""
        warning = f"unable to open {self.directory}/{NEW_STATUS}"
        try:
            fd = _create(NEW_STATUS)
            warning = f"unable to write {self.directory}/{NEW_STATUS}"
            try:
                files.write_all(fd, status.pack(self.supervisor.status()))
            finally:
                os.close(fd)
            warning = f"unable to rename {self.directory}/{NEW_STATUS} to status"
            os.rename(NEW_STATUS, "supervise/status")
        except OSError as error:
            warn("supervise", warning, error)


def _exists(path: str) -> bool:
    """Whether there is a file, through links. Raises OSError where that cannot be told."""
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
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o644)
    except FileExistsError:
        os.unlink(path)
        return os.open(path, flags, 0o644)


def _reap() -> int:
    """The pid of a child that has ended; 0 if there is none."""
    try:
        return os.waitpid(-1, os.WNOHANG)[0]
    except ChildProcessError:
        return 0
