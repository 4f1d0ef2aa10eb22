"""What supervise does about a service that has files of formats.servicefiles: events in, actions out

    up or ready --death--> finishing --end of finish--> waiting --time--> up
                                                    \\-> down, failed

The stages without a reason to be there are passed at once. Differences from the plain automaton: nothing
sleeps, so commands are obeyed at any time, and the second between two starts is one of the times to wait
for. A command that comes while nothing can be started yet is kept: the last of them decides.

Events besides those of Supervisor: advance, ready, finish_started, finish_not_started, finish_ended.
`clock` and the times compared with it are monotonic milliseconds; advance sets it before other events.
"""

from pysvc.engines.supervisor import ANNOUNCE, EXIT, SIGNALS, START, Supervisor
from pysvc.formats.servicefiles import PERMANENT, Settings
from pysvc.formats.state import State
from pysvc.formats.status import RUN_ONCE, WANT_DOWN, WANT_UP

STATE = "state"              # write the state file
FINISH = "finish"            # start ./finish, then call finish_started or finish_not_started
KILL_FINISH = "kill finish"
KILL_GROUP = "kill group"    # of the service

PACE = 1000        # milliseconds between two starts
NO_CHILD = 60_000  # milliseconds after a failed fork
ENDING = frozenset((b"t", b"k", b"i"))  # a death after one of these says nothing against the service


class Attended(Supervisor):
    """The state of one service.

    Invariants: run and finish never run at the same time; a start follows the previous one by PACE at least.
    """

    __slots__ = (
        "asked", "clock", "crashes", "failed", "finish", "finish_kill_at", "finishing", "kill_at",
        "last_death", "not_before", "ready_since", "settings", "start_at", "started_at", "told",
    )  # fmt: skip

    def __init__(self, plain: Supervisor, settings: Settings, clock: int, ran: int, asked: bool) -> None:
        """Take over from the plain automaton, which may have a service running.

        ran: for how many milliseconds; asked: whether a start is due.
        """
        self.pid, self.since, self.paused, self.want = plain.pid, plain.since, plain.paused, plain.want
        self.exit_requested, self.retry = plain.exit_requested, False
        self.settings, self.clock, self.asked = settings, clock, asked
        self.started_at, self.not_before = clock - ran, clock
        self.start_at: int | None = None        # the time waited for
        self.kill_at: int | None = None
        self.finish_kill_at: int | None = None
        self.finish, self.finishing = 0, False  # pid of finish; whether its end is awaited
        self.ready_since = 0
        self.told = self.failed = False         # told: to end
        self.crashes = 0                        # deaths in a row, each after too short a life
        self.last_death: tuple[int, str] | None = None

    def state(self) -> State:
        found = State(self.doing, self.since, self.pid)
        found.finish, found.ready, found.death = self.finish, self.ready_since, self.last_death
        return found

    @property
    def doing(self) -> str:
        if self.pid:
            return "ready" if self.ready_since else "up"
        if self.finishing:
            return "finishing"
        if self.start_at is not None:
            return "waiting"
        return "failed" if self.failed else "down"

    @property
    def deadline(self) -> int | None:
        """When advance is to be called at the latest."""
        times = (self.start_at, self.kill_at, self.finish_kill_at)
        return min((time for time in times if time is not None), default=None)

    def begin(self) -> list[str]:
        return self._settle()

    def advance(self, clock: int) -> list[str]:
        """Time has passed."""
        self.clock = clock
        actions = []
        if self.kill_at is not None and clock >= self.kill_at:
            self.kill_at = None
            actions.append(KILL_GROUP if self.settings.kill_group else "KILL")
        if self.finish_kill_at is not None and clock >= self.finish_kill_at:
            self.finish_kill_at = None
            actions.append(KILL_FINISH)
        return actions + self._settle()

    def started(self, pid: int, now: int) -> list[str]:
        self.asked = self.told = False
        self.started_at, self.not_before, self.start_at = self.clock, self.clock + PACE, None
        return super().started(pid, now)

    def not_started(self) -> list[str]:
        self.not_before = self.clock + NO_CHILD
        self._settle()
        return [STATE]

    def ready(self, now: int) -> list[str]:
        """The service has said that it serves."""
        if not self.pid or self.ready_since:
            return []
        self.ready_since = now
        return [STATE]

    def died(self, now: int, cause: str = "") -> list[str]:
        self.pid, self.since, self.last_death = 0, now, (now, cause)
        self.ready_since, self.kill_at = 0, None
        self._wait_after_crash()
        if cause in self.settings.failures and not self.asked:
            self._fail()
        if self.settings.finish:
            self.finishing = True
            return [ANNOUNCE, FINISH]
        return self._settled()

    def finish_started(self, pid: int) -> list[str]:
        self.finish = pid
        if self.settings.timeout_finish:
            self.finish_kill_at = self.clock + self.settings.timeout_finish
        return [STATE]

    def finish_not_started(self) -> list[str]:
        """There could be no child: it counts as having ended."""
        return self.finish_ended("")

    def finish_ended(self, cause: str) -> list[str]:
        self.finish, self.finishing, self.finish_kill_at = 0, False, None
        if cause == str(PERMANENT) and not self.asked:
            self._fail()
        return self._settled()

    def command(self, byte: bytes) -> list[str]:
        if byte in SIGNALS and self.pid:
            self.told |= byte in ENDING
        return super().command(byte)

    def up(self) -> list[str]:
        if self.pid and self.want == WANT_DOWN and not self.exit_requested:
            self.asked = True  # it is ending because it was told to: of whatever it dies, it comes back
        return self._start_wanted(WANT_UP)

    def once(self) -> list[str]:
        self.asked &= not self.pid
        return self._start_wanted(RUN_ONCE)

    def _start_wanted(self, want: bytes) -> list[str]:
        """Whoever asks does not wait for the back-off, only for finish and for the pace."""
        self.want, self.failed = want, False
        if not (self.pid or self.exit_requested):
            self.asked = True
            self.crashes = 0
            self.not_before = min(self.not_before, max(self.clock, self.started_at + PACE))
        return self._settled()

    def down(self) -> list[str]:
        self.want, self.asked = WANT_DOWN, False
        if not self.pid:
            return self._settled()
        self.paused, self.told = False, True
        if self.kill_at is None and self.settings.timeout_kill:
            self.kill_at = self.clock + self.settings.timeout_kill
        return [self.settings.down_signal, "CONT", ANNOUNCE]

    def exit(self) -> list[str]:
        self.exit_requested = True
        self.asked &= not self.pid
        return self._settled()

    def _wait_after_crash(self) -> None:
        healthy = self.told or self.clock - self.started_at >= self.settings.healthy
        self.crashes = 0 if healthy else self.crashes + 1
        if self.crashes and self.settings.backoff:
            wait = min(self.settings.backoff, 1000 << min(self.crashes - 1, 30))
            self.not_before = max(self.not_before, self.clock + wait)

    def _fail(self) -> None:
        """Permanent failure: down until somebody asks for a start."""
        self.want, self.failed = WANT_DOWN, True

    def _settled(self) -> list[str]:
        following = self._settle()  # first: what is announced depends on it
        return [ANNOUNCE, *following]

    def _settle(self) -> list[str]:
        """Where nothing runs: start, wait, exit or stay down."""
        self.start_at = None
        if self.pid or self.finishing:
            return []
        if self.asked or (self.want == WANT_UP and not self.exit_requested):
            if self.clock >= self.not_before:
                return [START]
            self.start_at = self.not_before
            return []
        return [EXIT] if self.exit_requested else []
