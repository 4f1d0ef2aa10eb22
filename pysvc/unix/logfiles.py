"""The files of one log directory, and of multilog's status files

What goes wrong at the start is Fatal. Later nothing is: it is said, and after 5 seconds the same step is
tried again, so that no line is lost. What a crash leaves behind is put in order at the next start:

    current with bit 0100          complete and on disk: goes on
    processed with bit 0100        becomes .s, previous is dropped, state is lost
    processed without it           dropped, previous becomes .u
    previous                       becomes .u; dropped where it has been linked to its name already
    current without bit 0100       becomes .u
"""

import os
import stat
import time

from pysvc.formats import logname
from pysvc.unix import files, lock
from pysvc.unix.strerr import reason, say, unable_to, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from pysvc.formats.logscript import Directory

    T = TypeVar("T")

PAUSE = 5  # seconds between two attempts
APPEND = os.O_WRONLY | os.O_NONBLOCK | os.O_APPEND | os.O_CREAT
TRUNCATE = os.O_WRONLY | os.O_NONBLOCK | os.O_TRUNC | os.O_CREAT
IN_USE, COMPLETE = 0o644, 0o744


def insist(doing: str, call: "Callable[[], T]") -> "T":
    """Call until it raises no OSError; what it returned."""
    while True:
        try:
            return call()
        except OSError as error:
            _complain(f"unable to {doing}, pausing: {reason(error)}")


def _complain(text: str) -> None:
    say(f"multilog: warning: {text}")
    time.sleep(PAUSE)


class StatusFile:
    """A file that holds the last line selected for it."""

    __slots__ = ("_fd", "_name")

    def __init__(self, name: bytes) -> None:
        self._name = os.fsdecode(name)
        with unable_to(f"create {self._name}"):
            os.close(os.open(name, APPEND, 0o600))
        with unable_to(f"write {self._name}"):
            self._fd = os.open(name, os.O_WRONLY | os.O_NONBLOCK)

    def write(self, record: bytes) -> None:
        """Overwrite the beginning of the file."""
        insist(f"move to beginning of {self._name}", lambda: os.lseek(self._fd, 0, os.SEEK_SET))
        done = 0

        def write() -> int:
            return os.write(self._fd, record[done:])

        while done < len(record):
            done += insist(f"write {self._name}", write)


class LogFiles:
    """One log directory, locked as long as the process lives.

    size: the bytes in `current`, as found. fork(body): starts a child that runs body, as launch.fork.
    Every method but the first enters the directory and stays there.
    """

    __slots__ = ("_directory", "_fd", "_folder", "_fork", "_name", "size")

    def __init__(self, directory: "Directory", fork: "Callable[[Callable[[], int]], int]") -> None:
        """Open a directory, named from the current one, and put it in order. Fatal if that cannot be."""
        self._directory, self._fork = directory, fork
        self._name = name = os.fsdecode(directory.name)
        try:
            os.mkdir(directory.name, 0o700)
        except OSError:
            pass  # it is there, or opening it will tell
        with unable_to(f"open directory {name}"):
            self._folder = os.open(directory.name, os.O_RDONLY | os.O_NONBLOCK)
            os.fchdir(self._folder)
        with unable_to(f"lock directory {name}"):
            lock.try_lock(lock.open_lock("lock"))
        found = self._stat("current")
        if found is None or not found.st_mode & stat.S_IXUSR:
            self._recover()
            found = None
        with unable_to(f"{'append' if found else 'write'} to {name}/current"):
            self._fd = os.open("current", APPEND, 0o600)
        with unable_to(f"set mode of {name}/current"):
            os.fchmod(self._fd, IN_USE)
        self.size = found.st_size if found else 0

    def _stat(self, file: str) -> os.stat_result | None:
        with unable_to(f"stat {self._name}/{file}"):
            try:
                return os.stat(file)
            except FileNotFoundError:
                return None

    def _recover(self) -> None:
        """Finish what a crash interrupted."""
        _drop("state")
        _drop("newstate")
        processed = self._stat("processed")
        if processed is not None and processed.st_mode & stat.S_IXUSR:
            _drop("previous")
            self._finish("processed", logname.SAFE)
        else:
            _drop("processed")
            self._finish("previous", logname.UNFINISHED)
        self._finish("current", logname.UNFINISHED)
        with unable_to(f"write to {self._name}/state"):
            os.close(os.open("state", TRUNCATE, 0o644))

    def append(self, data: bytes) -> None:
        """Put all of data into `current`."""
        view = memoryview(data)
        while view:
            try:
                written = os.write(self._fd, view)
            except OSError as error:
                self._write_failed(reason(error))
                continue
            if not written:
                self._write_failed(words(0))
            view = view[written:]

    def _write_failed(self, why: str) -> None:
        _complain(f"unable to write to {self._name}/current, pausing: {why}")

    def rotate(self) -> None:
        """Finish `current`, begin a new one."""
        name = self._name
        insist(f"switch to {name}", lambda: os.fchdir(self._folder))
        insist(f"write {name}/current to disk", lambda: os.fsync(self._fd))
        os.close(self._fd)
        insist(f"rename current to previous in directory {name}", lambda: os.rename("current", "previous"))
        self._fd = insist(f"create {name}/current", lambda: os.open("current", APPEND, 0o600))
        insist(f"set mode of {name}/current", lambda: os.fchmod(self._fd, IN_USE))
        insist(f"set mode of {name}/previous", lambda: os.chmod("previous", COMPLETE))
        if self._directory.processor is None:
            self._finish("previous", logname.SAFE)
        else:
            self._process(self._directory.processor)

    def close(self) -> None:
        """Mark `current` as complete."""
        insist(f"write {self._name}/current to disk", lambda: os.fsync(self._fd))
        insist(f"set mode of {self._name}/current", lambda: os.fchmod(self._fd, COMPLETE))

    def _finish(self, file: str, code: bytes) -> None:
        """Give a file its final name, and remove files that are too old."""
        name = self._name

        def links() -> int:
            try:
                return os.stat(file).st_nlink
            except FileNotFoundError:
                return 0

        count = insist(f"stat {name}/{file}", links)
        if not count:
            return
        # With more links it got its name before a crash.
        names = self._link(file, code) if count == 1 else os.listdir(b".")
        insist(f"remove {name}/{file}", lambda: os.unlink(file))
        try:
            self._prune(names)
        except OSError:  # perhaps somebody else has removed one
            insist(f"read {name}", lambda: self._prune(os.listdir(b".")))

    def _link(self, file: str, code: bytes) -> list[bytes]:
        """Give a file its final name; the names that are now in the directory."""
        while True:
            label = logname.name(time.time_ns(), code)
            try:
                names = os.listdir(b".")
                label = logname.after(label, names)
                os.link(file, label)
                return [*names, label]
            except OSError as error:
                _complain(f"unable to link to {self._name}/{label.decode()}, pausing: {reason(error)}")

    def _prune(self, names: list[bytes]) -> None:
        """Remove the files that are too old; names: what is in the directory."""
        for old in logname.surplus(names, self._directory.number):
            os.unlink(old)

    def _process(self, processor: bytes) -> None:
        """Have `previous` processed, however often that takes, and finish what comes out."""
        while not self._processed(processor):
            _complain(f"processor failed in {self._name}, pausing")
        self._secure("processed", COMPLETE)
        self._secure("newstate", None)
        insist(f"write {self._name}/processed to disk", lambda: files.sync_directory("."))
        insist(f"remove {self._name}/previous", lambda: os.unlink("previous"))
        insist(f"rename newstate to state in directory {self._name}", lambda: os.rename("newstate", "state"))
        self._finish("processed", logname.SAFE)

    def _processed(self, processor: bytes) -> bool:
        """Run the processor once; whether it is content."""
        from pysvc.unix.logprocessor import run

        where = f"processor in {self._name}"
        pid = insist(f"fork for {where}", lambda: self._fork(lambda: run(os.fsdecode(processor))))
        try:
            _, status = os.waitpid(pid, 0)
        except OSError as error:
            _complain(f"wait failed for {where}, pausing: {reason(error)}")
            return False
        if os.WIFSIGNALED(status):
            _complain(f"processor crashed in {self._name}, pausing: {words(0)}")
        return status == 0

    def _secure(self, file: str, mode: int | None) -> None:
        """Make a file that the processor wrote durable."""
        path = f"{self._name}/{file}"
        fd = insist(f"create {path}", lambda: os.open(file, APPEND, 0o600))
        insist(f"write {path} to disk", lambda: os.fsync(fd))
        if mode is not None:
            insist(f"set mode of {path}", lambda: os.fchmod(fd, mode))
        os.close(fd)


def _drop(file: str) -> None:
    try:
        os.unlink(file)
    except OSError:
        pass  # it was not there; or what needs its name will tell
