"""The slots of a spawner: which requests may start, and when a delivery is over

A delivery is over when its exit code is known and everybody who held the other end of its pipe is gone:
what a background job of a dot-qmail command says belongs to the report. Source: qmail's spawn.c.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pymail.protocols.spawn import Request

COUNT = 120           # slots; conf-spawn
LONGEST_MESSID = 99   # bytes

TOO_BIG = b"ZInternal error: delnum too big. (#4.3.5)\n"
IN_USE = b"ZInternal error: delnum in use. (#4.3.5)\n"
NONNUMERIC = b"DInternal error: messid has nonnumerics. (#5.3.5)\n"
TOO_LONG = b"DInternal error: messid too long. (#5.3.5)\n"
TOO_SHORT = b"DInternal error: messid too short. (#5.3.5)\n"
NO_HOST = b"DSorry, address must include host name. (#5.1.3)\n"
UNABLE_TO_OPEN = b"Zqmail-spawn unable to open message. (#4.3.0)\n"
UNABLE_TO_STAT = b"Zqmail-spawn unable to fstat message. (#4.3.0)\n"
WRONG_TYPE = b"ZSorry, message has wrong type. (#4.3.5)\n"
WRONG_OWNER = b"ZSorry, message has wrong owner. (#4.3.5)\n"
NO_PIPE = b"Zqmail-spawn unable to create pipe. (#4.3.0)\n"
NO_CHILD = b"Zqmail-spawn unable to fork. (#4.3.0)\n"


class _Slot:
    __slots__ = ("code", "eof", "output")

    def __init__(self) -> None:
        self.output, self.eof = b"", False
        self.code: int | None = None  # until it is known


class Slots:
    """The deliveries that are going on, by delnum."""

    def __init__(
        self, report: "Callable[[int, bytes], bytes]", keep: "Callable[[bytes], bytes] | None" = None
    ) -> None:
        """report: makes letter and text of an exit code (negative: a signal) and the output;
        keep: what to keep of the output so far."""
        self._report, self._keep = report, keep
        self._busy: dict[int, _Slot] = {}

    def refusal(self, request: "Request") -> bytes | None:
        """The report that answers a request at once; None if the delivery may start."""
        messid = request.messid
        if request.delnum >= COUNT:
            return TOO_BIG
        if request.delnum in self._busy:
            return IN_USE
        if messid.translate(None, b"0123456789/") or messid.startswith(b"/"):
            return NONNUMERIC
        if len(messid) > LONGEST_MESSID:
            return TOO_LONG
        if not messid:
            return TOO_SHORT
        return None if b"@" in request.recipient else NO_HOST

    def start(self, delnum: int) -> None:
        """A delivery has begun."""
        self._busy[delnum] = _Slot()

    def fail(self, delnum: int, report: bytes) -> bytes:
        """Give a delivery up for which no process could be had; its report."""
        del self._busy[delnum]
        return report

    def busy(self) -> bool:
        """Whether any delivery is going on."""
        return bool(self._busy)

    def output(self, delnum: int, data: bytes) -> bytes | None:
        """Take what the delivery said, b"" at the end; its report if it is over now."""
        slot = self._busy[delnum]
        slot.eof = not data
        slot.output += data
        if self._keep is not None:
            slot.output = self._keep(slot.output)
        return self._over(delnum, slot)

    def ended(self, delnum: int, code: int) -> bytes | None:
        """Take the delivery's exit code; its report if it is over now."""
        slot = self._busy[delnum]
        slot.code = code
        return self._over(delnum, slot)

    def _over(self, delnum: int, slot: _Slot) -> bytes | None:
        if slot.code is None or not slot.eof:
            return None
        del self._busy[delnum]
        return self._report(slot.code, slot.output)
