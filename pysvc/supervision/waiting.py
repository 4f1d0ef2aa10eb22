"""Wait until services are as somebody wants them

supervise replaces supervise/status, and supervise/state where there is one, at each change: they are
looked at twenty times a second. inotify would need ctypes, which takes longer to load than most waits.
"""

import os
import time

from pysvc.formats import state, status
from pysvc.unix import fifo, files
from pysvc.unix.strerr import say, warn

INTERVAL = 0.05  # seconds
AS_WANTED, FAILED, TIME_OVER, NO_SUPERVISE = 0, 1, 99, 102  # exit codes of s6-svwait
STATES = {"u": "up", "U": "ready", "d": "down", "D": "down and finished", "r": "restarted",
          "R": "restarted and ready"}  # fmt: skip
WORDS = {FAILED: "it has failed for good", NO_SUPERVISE: "supervise not running"}


class Waiting:
    """Some services and what is waited for; made before commands are sent, so that no restart is missed.

    event: u up, U ready, d down, D down and finished, r restarted, R restarted and ready.
    """

    def __init__(self, directories: list[str], event: str) -> None:
        self.services = [Wanted(directory, event) for directory in directories]

    def wait(self, limit: int | None) -> int:
        """Wait, for `limit` milliseconds at most; the exit code."""
        end = None if limit is None else time.monotonic() + limit / 1000
        left = self.services
        while True:
            left = [service for service in left if service.answer() != AS_WANTED]
            for service in left:
                if service.last_answer is not None:
                    say(f"svc: fatal: {service.directory}: {WORDS[service.last_answer]}")
                    return service.last_answer
            if not left:
                return AS_WANTED
            rest = INTERVAL if end is None else end - time.monotonic()
            if rest <= 0:
                for service in left:
                    say(f"svc: fatal: {service.directory}: not {STATES[service.event]} in {limit} ms")
                return TIME_OVER
            time.sleep(min(INTERVAL, rest))


class Wanted:
    """One service that shall reach a state."""

    def __init__(self, directory: str, event: str) -> None:
        self.directory, self.path, self.event = directory, os.path.abspath(directory), event
        self.last_answer: int | None = None
        found = _status(self.path)  # whether or not a state belongs to it
        self.since = found.since if found is not None else 0
        if event in "UR" and not os.path.exists(f"{self.path}/notification-fd"):
            warn("svc", f"{directory}/notification-fd does not exist: waiting for up, not for ready")
            self.event = {"U": "u", "R": "r"}[event]

    def answer(self) -> int | None:
        """How it stands: an exit code, or None as long as nothing is decided."""
        supervised = alive(self.path)  # looked at first: what the last supervise has written counts
        found, more = read(self.path)
        self.last_answer = None
        if found is not None and (supervised or not found.pid) and self._is_wanted(found, more):
            self.last_answer = AS_WANTED
        elif not supervised:
            self.last_answer = NO_SUPERVISE
        elif found is not None and more is not None and more.doing == "failed" and self.event not in "dD":
            # A failure from before the commands may be what they shall end.
            self.last_answer = FAILED if found.since != self.since else None
        return self.last_answer

    def _is_wanted(self, found: status.Status, more: state.State | None) -> bool:
        if self.event in "dD":
            finishing = more is not None and more.doing == "finishing"
            return not found.pid and not (self.event == "D" and finishing)
        if self.event in "UR" and (more is None or more.doing != "ready"):
            return False
        return found.pid != 0 and (self.event in "uU" or found.since != self.since)


def read(path: str) -> tuple[status.Status | None, state.State | None]:
    """The status of a service, and the state that belongs to it; None where there is none to be read.

    The directory's owner may have put anything there: no more is read than supervise writes.
    """
    found = _status(path)
    if found is None:
        return None, None
    try:
        more = state.unpack(files.read_file(f"{path}/supervise/state", state.LONGEST, follow=False))
    except OSError:
        return found, None
    # In between the two replacements the one that is not believed is the older one.
    return (found, more) if more.since == found.since else (None, None)


def _status(path: str) -> status.Status | None:
    try:
        return status.unpack(files.read_file(f"{path}/supervise/status", status.SIZE, follow=False))
    except (OSError, status.BadFormat):
        return None


def alive(path: str) -> bool:
    """Whether a supervise has its `ok` open."""
    try:
        fifo.knock(f"{path}/supervise/ok")
    except OSError:
        return False
    return True
