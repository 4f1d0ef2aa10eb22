"""supervise/status: 18 bytes that say what a service is doing

    0   8   TAI64 seconds of the last start or death, big-endian
    8   4   nanoseconds of that moment, big-endian
    12  4   pid of ./run, little-endian, 0 while it is down
    16  1   nonzero while it is paused
    17  1   what supervise wants: u up, d down, NUL neither (run once)

Source: daemontools 0.76, supervise(8). Later supervisors append bytes; they are ignored.
"""

from pysvc.formats import tai64n

SIZE = 18
WANT_UP, WANT_DOWN, RUN_ONCE = b"u", b"d", b"\0"
_NANOSECONDS = 1_000_000_000


class BadFormat(Exception):
    """Fewer bytes than a status has."""


class Status:
    """since: unix time in nanoseconds; pid: 0 = down; want: WANT_UP, WANT_DOWN or RUN_ONCE."""

    __slots__ = ("paused", "pid", "since", "want")

    def __init__(self, since: int, pid: int, paused: bool, want: bytes) -> None:
        self.since, self.pid, self.paused, self.want = since, pid, paused, want

    def seconds(self, now: int) -> int:
        """Seconds from `since` to `now` (nanoseconds); 0 where `since` lies ahead.

        The classic svstat looks at the clock's seconds alone: from 0.9 to 1.1 is one second.
        """
        passed = max(0, now // _NANOSECONDS - self.since // _NANOSECONDS)
        return int(float(passed))  # which has 53 bits for an absurd `since`, as there


def pack(status: Status) -> bytes:
    """The 18 bytes; a service that is down is not shown as paused."""
    return b"%b%b%c%b" % (
        tai64n.pack(status.since),
        status.pid.to_bytes(4, "little"),
        bool(status.pid and status.paused),
        status.want,
    )


def unpack(data: bytes) -> Status:
    """Raises BadFormat."""
    if len(data) < SIZE:
        raise BadFormat
    seconds, nanoseconds = tai64n.unpack(data)
    pid = int.from_bytes(data[12:16], "little")
    return Status(seconds * _NANOSECONDS + nanoseconds, pid, bool(data[16]), data[17:18])
