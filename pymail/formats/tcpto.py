"""The table of hosts that lately timed out, queue/lock/tcpto

64 records of 16 bytes: IPv4 address, number of recent timeouts (0: free), 3 unused bytes, time of the
last one (unix seconds, little-endian, 32 bits), 4 unused bytes. A change is given as (offset, bytes),
to be written there. Source: qmail tcpto.c.
"""

RECORD, RECORDS = 16, 64
SIZE = RECORD * RECORDS
MOST = 10            # timeouts counted
SUSPECT = 2          # timeouts after which a host is left alone
MERGED = 120         # seconds in which a further timeout tells nothing new
PATIENCE = 60 * 64   # seconds that a suspect is left alone, at least
SPREAD = 64          # seconds more for each of the low five bits of the process id


class Timeout:
    """One host's record: address (4 bytes), timeouts counted, unix time of the last."""

    __slots__ = ("address", "count", "when")

    def __init__(self, record: bytes) -> None:
        self.address = record[:4]
        self.count = record[4]
        self.when = int.from_bytes(record[8:12], "little")


def _records(table: bytes) -> list[bytes]:
    usable = min(len(table) // RECORD, RECORDS) * RECORD
    return [table[at : at + RECORD] for at in range(0, usable, RECORD)]


def recent(table: bytes) -> list[Timeout]:
    """The hosts with timeouts, in the order of the table."""
    return [found for found in map(Timeout, _records(table)) if found.count]


def _position(table: bytes, address: bytes) -> int | None:
    for number, record in enumerate(_records(table)):
        if record[:4] == address:
            return number
    return None


def known(table: bytes, address: bytes) -> bool:
    """Whether the table has a record of that address, whatever its count."""
    return _position(table, address) is not None


def shunned(table: bytes, address: bytes, now: int, pid: int) -> bool:
    """Whether a host timed out so often and so lately that it is not worth an attempt now.

    pid: spreads the first new attempts of the processes that wait for the same host.
    """
    number = _position(table, address)
    if number is None:
        return False
    found = Timeout(_records(table)[number])
    # A time that lies ahead was noted by a clock that has been set back since.
    return found.count >= SUSPECT and 0 <= now - found.when < PATIENCE + (pid & 31) * SPREAD


def timed_out(table: bytes, address: bytes, now: int) -> tuple[int, bytes] | None:
    """The change after a connection attempt timed out; None if the record stays as it is."""
    records = _records(table)
    if not records:
        return None
    number = _position(table, address)
    count = 1
    if number is None:
        number = _victim(records)
    else:
        found = Timeout(records[number])
        if found.count and now < found.when + MERGED:
            return None
        count = min(found.count + 1, MOST)
    old = records[number]
    when = (now & 0xFFFFFFFF).to_bytes(4, "little")
    return number * RECORD, address + bytes((count,)) + old[5:8] + when + old[12:]


def _victim(records: list[bytes]) -> int:
    """The record to give up: a free one, else the oldest and least often counted."""
    entries = [Timeout(record) for record in records]
    for number, entry in enumerate(entries):
        if not entry.count:
            return number
    return min(range(len(entries)), key=lambda n: entries[n].when + 1024 * entries[n].count)


def answered(table: bytes, address: bytes) -> tuple[int, bytes] | None:
    """The change after a host was reached, or refused: its count is 0, address and time stay."""
    number = _position(table, address)
    return None if number is None else (number * RECORD + 4, b"\0")
