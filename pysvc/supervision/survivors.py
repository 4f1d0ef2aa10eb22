"""The log pipes of supervise processes that have survived their svscan

A new svscan that made another pipe would part a service from its log as soon as one of the two supervise
processes is replaced, and what is in the old pipe would be lost. So it takes over the pipe of whoever holds
their locks, which /proc/locks tells: descriptor 0 of the log's supervise; or descriptor 1 of the service's,
if that process has the other end too, as ours has: otherwise it may be what the old svscan wrote to.
"""

import os
import stat

READ, WRITE = 0, 1  # the descriptors of a log's supervise and of a service's that are the pipe


class Survivors:
    """Who holds locks; /proc/locks is read once, when it is first asked for."""

    __slots__ = ("_holders",)

    def __init__(self) -> None:
        self._holders: dict[str, list[str]] | None = None

    def pipe(self, name: str) -> tuple[int, int] | None:
        """Both ends of the pipe between a service and its log, if one of their supervises is alive."""
        for process in self._supervises(f"{name}/log"):
            if found := _open_pipe(f"{process}/fd/{READ}"):
                return found
        for process in self._supervises(name):
            if _has_both_ends(process) and (found := _open_pipe(f"{process}/fd/{WRITE}")):
                return found
        return None

    def _supervises(self, directory: str) -> list[str]:
        """/proc/PID of who holds the lock of a service directory, is there, and is not another user's."""
        try:
            lock = os.stat(f"{directory}/supervise/lock", follow_symlinks=False)
            here = os.stat(directory)
        except OSError:
            return []
        if self._holders is None:
            self._holders = _lock_holders()
        return [it for it in self._holders.get(str(lock.st_ino), []) if _is_ours(it, here)]


def _lock_holders() -> dict[str, list[str]]:
    """/proc/PID of the processes that hold flock locks, by the inode's number."""
    found: dict[str, list[str]] = {}
    try:
        with open("/proc/locks", encoding="ascii") as file:
            for words in map(str.split, file):
                if words[1] == "FLOCK":  # not `->`, which waits for one
                    found.setdefault(words[5].rpartition(":")[2], []).append(f"/proc/{words[4]}")
    except (OSError, ValueError, IndexError):
        pass  # no /proc, or one of another kind: as if there were none
    return found


def _is_ours(process: str, directory: os.stat_result) -> bool:
    try:
        same = os.path.samestat(os.stat(f"{process}/cwd"), directory)
        return same and os.stat(process).st_uid == os.geteuid()
    except OSError:
        return False


def _has_both_ends(process: str) -> bool:
    """Whether a process can also read from the pipe that it writes to; the modes of the links tell."""
    try:
        pipe = os.readlink(f"{process}/fd/{WRITE}")
        return any(
            os.readlink(path) == pipe and os.lstat(path).st_mode & stat.S_IRUSR  # how it is open
            for path in (f"{process}/fd/{fd}" for fd in os.listdir(f"{process}/fd"))
        )
    except OSError:
        return False


def _open_pipe(path: str) -> tuple[int, int] | None:
    """Both ends of a pipe, given a link to one of them in /proc."""
    ends: list[int] = []
    try:
        if not stat.S_ISFIFO(os.stat(path).st_mode):
            return None
        for mode in (os.O_RDONLY, os.O_WRONLY):  # in this order: a writer finds a reader
            ends.append(os.open(path, mode | os.O_NONBLOCK | os.O_CLOEXEC))
            os.set_blocking(ends[-1], True)
    except OSError:
        for fd in ends:
            os.close(fd)
        return None
    return ends[0], ends[1]
