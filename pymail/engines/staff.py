"""The children of the queue service: who is at work for whom, who is idle, and who is sent home

A child is known by its pid. It works for one client, or for several that share it. Those idle the shortest
time work first, so that the others can go.
"""

MOST_IDLE = 20    # children kept without work
IDLE_TIME = 2.0   # seconds for which one is kept
SHARED = 4        # children that are shared by clients
CLIENTS = 20      # of one of these, before another takes some


class Staff:
    """Knows each child from its start until it has ended; the caller does what is decided here."""

    __slots__ = ("_idle", "_shared", "_working")

    def __init__(self) -> None:
        self._working: dict[int, list[int]] = {}  # pid: uids of its clients
        self._shared: set[int] = set()            # pids of those that take more than one client
        self._idle: dict[int, float] = {}         # pid: since when; the latest last

    @property
    def children(self) -> int:
        """How many have not ended yet."""
        return len(self._working)

    def start(self, child: int, uid: int, shared: bool = False) -> None:
        """A new child, at work for a client."""
        self._working[child] = [uid]
        if shared:
            self._shared.add(child)

    def take(self, uid: int, shared: bool = False) -> int | None:
        """A child for a client, from now on at work for it; None if a new one is needed.

        shared: one that other clients have too is good enough. Otherwise, one that was idle.
        """
        child = self._companion() if shared else None
        if child is None:
            if not self._idle:
                return None
            child, _ = self._idle.popitem()
            if shared:
                self._shared.add(child)
        self._working[child].append(uid)
        return child

    def _companion(self) -> int | None:
        """The shared child with the fewest clients; None if there should be one more."""
        child = min(self._shared, key=lambda child: len(self._working[child]), default=None)
        if child is None or (len(self._shared) < SHARED and len(self._working[child]) >= CLIENTS):
            return None
        return child

    def free(self, child: int, uid: int, now: float) -> bool:
        """A child has done with a client; whether it was at work for it."""
        uids = self._working.get(child, [])
        if uid not in uids:
            return False
        uids.remove(uid)
        if not uids:
            self._shared.discard(child)
            self._idle[child] = now
        return True

    def dismiss(self, now: float) -> list[int]:
        """Idle children to be sent home, as too long idle or too many. They get no work any more."""
        surplus = len(self._idle) - MOST_IDLE
        going = []
        for child, since in self._idle.items():
            if surplus > 0 or now - since >= IDLE_TIME:
                going.append(child)
                surplus -= 1
        for child in going:
            del self._idle[child]
        return going

    def end(self, child: int) -> list[int]:
        """A child has ended: for whom it was at work."""
        self._idle.pop(child, None)
        self._shared.discard(child)
        return self._working.pop(child, [])
