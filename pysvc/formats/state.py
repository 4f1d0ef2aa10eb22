"""supervise/state: what the 18 bytes of supervise/status have no room for, as text

    doing finishing                         up ready finishing waiting down failed
    since @4000000068f0...                  of the last start or death: the same as in supervise/status
    pid 0
    finish 4712
    ready @4000000068f0...                  only while ready
    death @4000000068f0... 111              the last: when, and the exit code or the signal's name

The file exists only for a service with files of formats.servicefiles. It belongs to the status of the same
`since`; one is replaced just after the other. Lines with other words are for later versions.
"""

from pysvc.formats import tai64n

LONGEST = 4096  # bytes; no state comes near
_PRINTABLE = bytes(byte if 32 <= byte <= 126 or byte == 10 else ord("?") for byte in range(256))


class State:
    """Times: unix time in nanoseconds; ready: 0 if it is not; death: (time, exit code or signal name)."""

    __slots__ = ("death", "doing", "finish", "pid", "ready", "since")

    def __init__(self, doing: str, since: int, pid: int) -> None:
        self.doing, self.since, self.pid = doing, since, pid
        self.finish = self.ready = 0
        self.death: tuple[int, str] | None = None


def pack(state: State) -> bytes:
    lines = [
        f"doing {state.doing}", f"since {_label(state.since)}", f"pid {state.pid}", f"finish {state.finish}",
    ]  # fmt: skip
    if state.ready:
        lines.append(f"ready {_label(state.ready)}")
    if state.death is not None:
        lines.append(f"death {_label(state.death[0])} {state.death[1]}")
    return "".join(f"{line}\n" for line in lines).encode()


def unpack(data: bytes) -> State:
    """What is missing is 0 or empty; times have lost what lies below a microsecond.

    What is no text that a terminal can show becomes `?`.
    """
    words: dict[str, list[str]] = {}
    for line in data.translate(_PRINTABLE).decode().split("\n"):
        name, *rest = line.split(" ")
        words[name] = rest
    doing = next(iter(words.get("doing", [])), "")
    found = State(doing, _time(words.get("since")), _number(words.get("pid")))
    found.finish, found.ready = _number(words.get("finish")), _time(words.get("ready"))
    death = words.get("death", [])
    if len(death) == 2:
        found.death = (_time(death), death[1])
    return found


def cause(word: str) -> str:
    """A death in words."""
    return f"exit code {word}" if word.isdigit() else f"signal {word}"


def _label(nanoseconds: int) -> str:
    return tai64n.label(nanoseconds).decode()


def _time(words: list[str] | None) -> int:
    try:
        return tai64n.time(words[0]) if words else 0
    except ValueError:
        return 0


def _number(words: list[str] | None) -> int:
    return int(words[0]) if words and words[0].isdigit() and len(words[0]) < 11 else 0
