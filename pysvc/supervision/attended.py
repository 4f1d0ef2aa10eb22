"""A service with files of formats.servicefiles under supervise; loaded only where there is such a file"""

import os
import select
import time

from pysvc import launch
from pysvc.engines.attended import FINISH, KILL_FINISH, KILL_GROUP, STATE, Attended
from pysvc.formats import servicefiles, state, tally
from pysvc.supervision.keeper import STATE as STATE_FILE
from pysvc.supervision.keeper import Keeper, reap
from pysvc.unix import files, script, signals
from pysvc.unix.strerr import unable_to, warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

TALLY = "supervise/death_tally"
LONGEST = 4096    # bytes read of a settings file
NO_EXIT = "256"   # finish's first argument where a signal has killed the service; s6


def attend(plain: Keeper, death: int | None) -> None:
    """Take over from the keeper of a plain service, and serve until told to exit.

    death: the wait status of the service that has just died; None: a start is due.
    """
    AttendedKeeper(plain, death is None).serve(death)


class AttendedKeeper(Keeper):
    """As Keeper, with finish, time limits and readiness."""

    __slots__ = ("ended", "notified")
    supervisor: Attended

    def __init__(self, plain: Keeper, start_due: bool) -> None:
        self.control, self.directory = plain.control, plain.directory
        self.poll, self.watched, self.stale = plain.poll, plain.watched, plain.stale
        self.notified = -1  # the end of the notification pipe that is read
        self.ended: list[str] = []  # the arguments of finish
        ran = (time.time_ns() - plain.supervisor.since) // 1_000_000
        settings = self._settings(servicefiles.Settings())
        self.supervisor = Attended(plain.supervisor, settings, _clock(), ran, start_due)

    def serve(self, death: int | None) -> None:
        going = self.act(self.supervisor.begin() if death is None else self._died(death))
        while going:
            self.poll.poll(self.longest_wait())
            going = all(map(self.act, self._events()))
            self.refresh()

    def _events(self) -> "Iterator[list[str]]":
        """What has happened, each seen after what the one before has led to."""
        yield self.supervisor.advance(_clock())
        yield self.deaths()
        yield self._notice()
        yield self.command()

    def longest_wait(self) -> int:
        wait = self.idle(bool(self.supervisor.pid or self.supervisor.finish))
        if self.supervisor.deadline is None:
            return wait
        return max(0, min(wait, self.supervisor.deadline - _clock()))

    def do(self, action: str) -> bool:
        if action == FINISH:
            return self.act(self._finish())
        if action == STATE:
            self._save()
        elif action == KILL_GROUP:
            kill_group(self.supervisor.pid)
        elif action == KILL_FINISH:
            kill_group(self.supervisor.finish)
        else:
            return super().do(action)
        return True

    def announce(self) -> None:
        """The state first: who finds a status without one takes the service for a plain one."""
        self._save()
        super().announce()

    def _save(self) -> None:
        self.replace(STATE_FILE, state.pack(self.supervisor.state()))

    def _settings(self, before: servicefiles.Settings) -> servicefiles.Settings:
        """What the files say now; what is wrong with one is said, and it counts as missing.

        before: what holds on where the directory cannot be read.
        """
        try:
            names = servicefiles.FILES.intersection(os.listdir("."))
        except OSError as error:
            warn("supervise", f"unable to read {self.directory}", error)
            return before
        contents = {}
        for name in names:
            try:
                contents[name] = b"" if name == "finish" else _read(name)
            except OSError as error:
                warn("supervise", f"unable to read {self.directory}/{name}", error)
        return servicefiles.parse(contents, signals.names(), self._not_understood)

    def _not_understood(self, name: str, why: str) -> None:
        warn("supervise", f"unable to use {self.directory}/{name}: {why}")

    def start(self) -> None:
        self.supervisor.settings = self._settings(self.supervisor.settings)
        write = self._notification_pipe()
        try:
            pid = launch.fork("supervise", lambda: self._run(write))
        except OSError as error:
            warn("supervise", f"unable to fork for {self.directory}, sleeping 60 seconds", error)
            self.act(self.supervisor.not_started())
        else:
            self.started(pid)
        if write >= 0:
            os.close(write)

    def _run(self, notification: int) -> int:
        """In the child: become the service."""
        with unable_to(f"start {self.directory}/run"):
            if self.supervisor.settings.own_session:
                os.setsid()
            if notification >= 0:
                self._pass_on(notification)
            script.run("./run")

    def _pass_on(self, notification: int) -> None:
        number = self.supervisor.settings.notification
        with unable_to(f"use descriptor {number} of {self.directory}/notification-fd"):
            os.dup2(notification, number)
            os.set_inheritable(number, True)

    def _notification_pipe(self) -> int:
        """The end of a new pipe that the service is to have; -1: none."""
        self._close_notification()
        if not self.supervisor.settings.notification:
            return -1
        try:
            self.notified, write = os.pipe2(os.O_CLOEXEC)
        except OSError as error:
            warn("supervise", f"unable to create pipe for {self.directory}", error)
            return -1
        os.set_blocking(self.notified, False)
        self.poll.register(self.notified, select.POLLIN)
        return write

    def _close_notification(self) -> None:
        if self.notified >= 0:
            self.poll.unregister(self.notified)
            os.close(self.notified)
            self.notified = -1

    def _notice(self) -> list[str]:
        """What the service says on its notification descriptor: a line means that it is ready."""
        if self.notified < 0:
            return []
        try:
            data = os.read(self.notified, LONGEST)
        except BlockingIOError:
            return []
        if not data or b"\n" in data:
            self._close_notification()
        return self.supervisor.ready(time.time_ns()) if b"\n" in data else []

    def deaths(self) -> list[str]:
        pid, death = reap()
        while pid:
            if pid == self.supervisor.pid:
                return self._died(death)
            if pid == self.supervisor.finish:
                self.unwatch()
                return self.supervisor.finish_ended(cause(death))
            pid, death = reap()
        return []

    def _died(self, death: int) -> list[str]:
        self.unwatch()
        self._close_notification()
        settings = self.supervisor.settings = self._settings(self.supervisor.settings)
        code = os.waitstatus_to_exitcode(death)
        first = NO_EXIT if code < 0 else str(code)
        self.ended = [first, str(max(0, -code)), self.directory, str(self.supervisor.pid)]
        now = time.time_ns()
        if settings.tally:
            self._remember(now, cause(death), settings.tally)
        return self.supervisor.died(now, cause(death))

    def _remember(self, now: int, of: str, most: int) -> None:
        try:
            known = _read(TALLY, tally.LONGEST)
        except OSError:
            known = b""
        self.replace(TALLY, tally.add(known, now, of, most))

    def _finish(self) -> list[str]:
        try:
            pid = launch.fork("supervise", self._become_finish)
        except OSError as error:
            warn("supervise", f"unable to fork for {self.directory}/finish", error)
            return self.supervisor.finish_not_started()
        self.watch(pid)
        return self.supervisor.finish_started(pid)

    def _become_finish(self) -> int:
        with unable_to(f"start {self.directory}/finish"):
            os.setsid()
            os.execv("./finish", ["./finish", *self.ended])


def _clock() -> int:
    return time.monotonic_ns() // 1_000_000


def _read(path: str, limit: int = LONGEST) -> bytes:
    """The beginning of a file. Raises OSError, also for a link: it may lead to what its maker cannot read."""
    return files.read_file(path, limit, follow=False)


def cause(death: int) -> str:
    """What a wait status tells: the exit code, or the name of the signal."""
    code = os.waitstatus_to_exitcode(death)
    return str(code) if code >= 0 else signals.names().get(-code, f"SIG{-code}")


def kill_group(leader: int) -> None:
    """KILL to a session's process group, or to the leader that has not made it yet."""
    for kill in (os.killpg, os.kill):
        try:
            kill(leader, signals.SIGKILL)
        except ProcessLookupError:
            continue
        except OSError:
            pass
        return
