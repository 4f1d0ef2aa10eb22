"""How many connections an address and its network may have: at a time, and in a while

An address is a whole IPv4 address or the /64 of an IPv6 one, its network the /24 or the /48: nobody gets
more by using many of the addresses that are his. What is remembered stays small: of connections at a time as
many entries as there are connections, of rates MOST_RATES, the busiest.
"""

from pysvc.formats import ip

ADDRESS = (32, 64)  # bits of an IPv4 and of an IPv6 address that count
NETWORK = (24, 48)
SUFFIXES = b"IP", b"C"  # of the names of their limits
MOST_RATES = 4096
EXACT = 0.999  # sums of fractions are not


class Malformed(Exception):
    """A word that is no limit."""


class Limit:
    """At most `most` connections at a time, and `count` in `seconds`; None and 0: as many as they like.

    message: what those who are turned away are sent.
    """

    __slots__ = ("count", "message", "most", "seconds")

    def __init__(
        self, most: int | None = None, count: int = 0, seconds: int = 0, message: bytes = b""
    ) -> None:
        self.most, self.count, self.seconds, self.message = most, count, seconds, message

    @classmethod
    def parse(cls, word: bytes) -> "Limit":
        """`[most][,count/seconds][:message]`. Raises Malformed."""
        figures, _, message = word.partition(b":")
        most, comma, rate = figures.partition(b",")
        count, _, seconds = rate.partition(b"/")
        if not most and not comma:
            raise Malformed
        limit = cls(_number(most) if most else None, message=message)
        if comma:
            limit.count, limit.seconds = _number(count), _number(seconds)
            if not limit.count or not limit.seconds:
                raise Malformed
        return limit


def _number(digits: bytes) -> int:
    if not digits.isdigit() or len(digits) > 9:
        raise Malformed
    return int(digits)


class Refusal:
    """Why a connection is turned away: a limit's name in the log, its figure, and what the client is sent."""

    __slots__ = ("figure", "message", "name")

    def __init__(self, name: bytes, figure: bytes, message: bytes) -> None:
        self.name, self.figure, self.message = name, figure, message


class Group:
    """The connections of addresses (or of networks), each counted under its first bits.

    A rate is remembered as the time until which what came so far has used it up; `count` may come at once,
    then one every `seconds / count`.
    """

    __slots__ = ("_bits", "_limit", "_open", "_rates", "_suffix")

    def __init__(self, bits: tuple[int, int], suffix: bytes, limit: Limit | None) -> None:
        self._bits, self._suffix, self._limit = bits, suffix, limit or Limit()
        self._open: dict[bytes, int] = {}
        self._rates: dict[bytes, float] = {}

    def key(self, packed: bytes) -> bytes:
        return packed[: self._bits[len(packed) == 16] // 8]

    def refusal(self, key: bytes, now: float) -> Refusal | None:
        """Why one more would be too many; None if it is not."""
        limit = self._limit
        found = _over(self.there(key), limit.most, self._suffix, limit.message)
        if found is None and limit.count:
            step = limit.seconds / limit.count
            if self._rates.get(key, now) - now > limit.seconds - step * EXACT:
                rate = b"%d/%d" % (limit.count, limit.seconds)
                return Refusal(b"MAXRATE" + self._suffix, rate, limit.message)
        return found

    def there(self, key: bytes) -> int:
        """How many there are."""
        return self._open.get(key, 0)

    def admit(self, key: bytes, now: float) -> None:
        """Count one more."""
        self._open[key] = self._open.get(key, 0) + 1
        if self._limit.count:
            if len(self._rates) >= MOST_RATES:
                self._forget(now)
            used = max(self._rates.get(key, now), now)
            self._rates[key] = used + self._limit.seconds / self._limit.count

    def end(self, key: bytes) -> None:
        """One has ended."""
        left = self._open.get(key, 0) - 1
        if left > 0:
            self._open[key] = left
        else:
            self._open.pop(key, None)

    def _forget(self, now: float) -> None:
        """Make room: those whose time is over go, and if that is not half of all, the least busy."""
        busy = sorted(((until, key) for key, until in self._rates.items() if until > now), reverse=True)
        self._rates = {key: until for until, key in busy[: MOST_RATES // 2]}


def _over(there: int, most: int | None, suffix: bytes, message: bytes) -> Refusal | None:
    if most is None or there < most:
        return None
    return Refusal(b"MAXCONN" + suffix, b"%d" % most, message)


def refusal_by(
    there: tuple[int, int], most: tuple[int | None, int | None], message: bytes
) -> Refusal | None:
    """Why a rule turns a connection away; None if it does not.

    there: how many its address and its network have besides. most: how many they may have with it.
    """
    each = zip(there, most, SUFFIXES, strict=True)
    found = (_over(count, figure, suffix, message) for count, figure, suffix in each)
    return next(filter(None, found), None)


class Gate:
    """Which connections are let in, and those that are there, by the pid of the process that serves each."""

    __slots__ = ("_groups", "_keys")

    def __init__(self, address: Limit | None, network: Limit | None) -> None:
        self._groups = (Group(ADDRESS, SUFFIXES[0], address), Group(NETWORK, SUFFIXES[1], network))
        self._keys: dict[int, list[bytes]] = {}

    def refusal(self, packed: bytes, now: float) -> Refusal | None:
        """Why a connection from this address is turned away; None if it is let in. now: monotonic seconds."""
        packed = ip.plain(packed)
        found = (group.refusal(group.key(packed), now) for group in self._groups)
        return next(filter(None, found), None)

    def there(self, packed: bytes) -> tuple[int, int]:
        """How many connections an address and its network have."""
        packed = ip.plain(packed)
        address, network = (group.there(group.key(packed)) for group in self._groups)
        return address, network

    def admit(self, packed: bytes, now: float, pid: int) -> None:
        """A connection was let in, and a process serves it."""
        packed = ip.plain(packed)
        self._keys[pid] = [group.key(packed) for group in self._groups]
        for group, key in zip(self._groups, self._keys[pid], strict=True):
            group.admit(key, now)

    def end(self, pid: int) -> None:
        """A process has ended."""
        for group, key in zip(self._groups, self._keys.pop(pid, ()), strict=False):
            group.end(key)
