"""How long a step of a delivery may take"""

from pysvc.unix import signals
from pysvc.unix.strerr import Fatal


class within:
    """`with within(30, Fatal("too late")):` raises that when the block is not done after so many seconds.

    One at a time in a process: it is the alarm clock.
    """

    def __init__(self, seconds: int, expired: Fatal) -> None:
        self._seconds, self._expired = seconds, expired

    def __enter__(self) -> None:
        signals.catch(signals.SIGALRM, self._expire)
        signals.alarm(self._seconds)

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        signals.alarm(0)
        signals.default(signals.SIGALRM)

    def _expire(self) -> None:
        raise self._expired
