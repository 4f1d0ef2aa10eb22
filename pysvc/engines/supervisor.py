"""What supervise does about one service: events in, actions out

Events: begin, started, not_started, died, a command byte, tick. Each returns the actions to take, in
order. Nothing here waits: the second that follows a start, in which no command is read, is the
program's; commands keep in the fifo meanwhile, so none is lost.

    command  running                  down
    u        keep it running          start
    d        TERM, CONT; keep it down -
    o        no restart after death   start
    x        exit after its death     exit
    p c      STOP, CONT               -
    h a i t k  HUP ALRM INT TERM KILL -
"""

from pysvc.formats.status import RUN_ONCE, WANT_DOWN, WANT_UP, Status

ANNOUNCE = "announce"  # write the status file
START = "start"        # start ./run, then call started or not_started
EXIT = "exit"          # leave with exit code 0

SIGNALS = {b"h": "HUP", b"a": "ALRM", b"i": "INT", b"t": "TERM", b"k": "KILL"}
# Every other action is the name of a signal to send to the service's pid.
INTENTS = {b"u": "up", b"d": "down", b"o": "once", b"x": "exit", b"p": "pause", b"c": "go_on"}


class Supervisor:
    """The state of one service.

    Invariants: the time changes only with the pid; once an exit was asked for nothing is restarted.
    """

    __slots__ = ("exit_requested", "paused", "pid", "retry", "since", "want")

    def __init__(self, now: int, up: bool) -> None:
        """now: unix time in nanoseconds; up: whether the service is normally up."""
        self.pid, self.since, self.paused = 0, now, False
        self.want = WANT_UP if up else WANT_DOWN
        self.exit_requested = False
        self.retry = False  # the last start failed

    def status(self) -> Status:
        return Status(self.since, self.pid, self.paused, self.want)

    def begin(self) -> list[str]:
        """supervise has taken the directory."""
        return [START] if self.want == WANT_UP else []

    def started(self, pid: int, now: int) -> list[str]:
        self.pid, self.since = pid, now
        self.paused = self.retry = False
        return [ANNOUNCE]

    def not_started(self) -> list[str]:
        """There could be no child; tick will try again, unless commands change what is wanted."""
        self.retry = True
        return []

    def died(self, now: int, cause: str = "") -> list[str]:
        """cause: the exit code or the name of the signal; it makes no difference here."""
        self.pid, self.since = 0, now
        if self.exit_requested:
            return [ANNOUNCE, EXIT]
        return [ANNOUNCE, START] if self.want == WANT_UP else [ANNOUNCE]

    def tick(self) -> list[str]:
        """No command waits: make good for a start that failed."""
        again = self.retry and not self.pid and self.want == WANT_UP
        self.retry = False
        return [START] if again else []

    def command(self, byte: bytes) -> list[str]:
        """One byte of supervise/control; unknown ones mean nothing."""
        if byte in SIGNALS:
            return [SIGNALS[byte]] if self.pid else []
        intent = INTENTS.get(byte)
        actions: list[str] = getattr(self, intent)() if intent is not None else []
        return actions

    def up(self) -> list[str]:
        self.want = WANT_UP
        return [ANNOUNCE] if self.pid else [ANNOUNCE, START]

    def down(self) -> list[str]:
        self.want = WANT_DOWN
        if not self.pid:
            return [ANNOUNCE]
        self.paused = False
        return ["TERM", "CONT", ANNOUNCE]

    def once(self) -> list[str]:
        self.want = RUN_ONCE
        return [ANNOUNCE] if self.pid else [ANNOUNCE, START]

    def exit(self) -> list[str]:
        self.exit_requested = True
        return [ANNOUNCE] if self.pid else [ANNOUNCE, EXIT]

    def pause(self) -> list[str]:
        self.paused = True
        return ["STOP", ANNOUNCE] if self.pid else [ANNOUNCE]

    def go_on(self) -> list[str]:
        self.paused = False
        return ["CONT", ANNOUNCE] if self.pid else [ANNOUNCE]
