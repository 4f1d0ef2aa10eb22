"""Local deliveries that qmail-lspawn asks a worker for together, and what the worker answers

A request is the operands of each delivery in turn; its descriptors are their messages. The answer is for
each delivery, in the same order, its exit code, a space, what it has said, and a zero byte; the code LEFT
says that nothing has been done, because it is to be done alone.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    Outcome = tuple[int, bytes]  # exit code, and what it has said

OPERANDS = 7  # of qmail-local, but for the default delivery: the same for all
LEFT = 255


def joined(requests: "Iterable[bytes]") -> bytes:
    """A request, from those of single deliveries."""
    return b"\0".join(requests)


def operands(request: bytes) -> list[list[bytes]]:
    """The operands of each delivery."""
    fields = request.split(b"\0")
    return [fields[start : start + OPERANDS] for start in range(0, len(fields), OPERANDS)]


def answer(outcomes: "Iterable[Outcome | None]") -> bytes:
    """What a worker says; None stands for a delivery that is left. Texts have no zero bytes."""
    return b"".join(b"%d %s\0" % (outcome or (LEFT, b"")) for outcome in outcomes)


def outcomes(said: bytes, count: int) -> "list[Outcome | None] | None":
    """The outcomes of so many deliveries, as for answer(); None if that is no answer."""
    *parts, rest = said.split(b"\0")
    found = [parsed for part in parts if (parsed := _outcome(part)) is not None]
    if rest or len(parts) != count or len(found) != count:
        return None
    return [None if outcome[0] == LEFT else outcome for outcome in found]


def _outcome(part: bytes) -> "Outcome | None":
    digits, space, text = part.partition(b" ")
    if not space or not digits.isdigit() or len(digits) > len(b"255") or int(digits) > LEFT:
        return None
    return int(digits), text
