"""Who may have how many requests at the queue service, so that no user can keep mail from flowing

A connection on which messages come whole counts as one request from its first message to its end.
"""

TOTAL = 200     # requests at one time
ORDINARY = 150  # of these, for all ordinary users together; the rest is kept for the mail system's own
EACH = 20       # for one ordinary user


class Admission:
    """Counts the requests of each user that are open; `exempt`: the ids that only TOTAL binds."""

    __slots__ = ("_exempt", "_open", "_ordinary")

    def __init__(self, exempt: "frozenset[int]") -> None:
        self._exempt = exempt
        self._open: dict[int, int] = {}
        self._ordinary = 0

    def admit(self, uid: int) -> bool:
        """Count one more request of a user, unless that would be too many."""
        ordinary = uid not in self._exempt
        if ordinary and (self._ordinary >= ORDINARY or self._open.get(uid, 0) >= EACH):
            return False
        if sum(self._open.values()) >= TOTAL:
            return False
        self._open[uid] = self._open.get(uid, 0) + 1
        self._ordinary += ordinary
        return True

    def release(self, uid: int) -> None:
        """One request that was admitted is over."""
        self._open[uid] -= 1
        self._ordinary -= uid not in self._exempt
        if not self._open[uid]:
            del self._open[uid]
