"""The children of the queue service: who is at work for whom, who is idle, and who is sent home

A child is known by its pid. Those idle the shortest time work first, so that the others can go.
"""

MOST_IDLE = 20    # children kept without work
IDLE_TIME = 2.0   # seconds for which one is kept
LIFE = 500        # messages after which a child is sent home


class Staff:
    """Knows each child from its start until it has ended; the caller does what is decided here."""

    __slots__ = ("_idle", "_served", "_working")

    def __init__(self) -> None:
        self._working: dict[int, int] = {}   # pid: uid of the client
        self._idle: dict[int, float] = {}    # pid: since when; the latest last
        self._served: dict[int, int] = {}    # pid: messages given to it

    @property
    def children(self) -> int:
        """How many have not ended yet."""
        return len(self._served)

    def start(self, child: int, uid: int) -> None:
        """A new child, at work for a client."""
        self._served[child] = 1
        self._working[child] = uid

    def take(self, uid: int) -> int | None:
        """An idle child, from now on at work for a client; None if there is none."""
        if not self._idle:
            return None
        child, _ = self._idle.popitem()
        self._working[child] = uid
        self._served[child] += 1
        return child

    def free(self, child: int, now: float) -> int | None:
        """A child's work is done: for whom it was; None if it had none, or is not known any more."""
        uid = self._working.pop(child, None)
        if uid is not None:
            self._idle[child] = now
        return uid

    def dismiss(self, now: float) -> list[int]:
        """Idle children to be sent home, as too old, too long idle or too many. They get no work any more."""
        going = [child for child in self._idle if self._served[child] >= LIFE]
        surplus = len(self._idle) - len(going) - MOST_IDLE
        for child, since in self._idle.items():
            if child not in going and (surplus > 0 or now - since >= IDLE_TIME):
                going.append(child)
                surplus -= 1
        for child in going:
            del self._idle[child]
        return going

    def end(self, child: int) -> int | None:
        """A child has ended: for whom it was at work; None if it was not, or is none of these."""
        self._served.pop(child, None)
        self._idle.pop(child, None)
        return self._working.pop(child, None)
