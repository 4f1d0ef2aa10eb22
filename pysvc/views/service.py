"""Everything that is known of one service"""

import errno
import os
import shlex
import time
from typing import Any

from pysvc.formats import state, tai64n, tally
from pysvc.formats.status import WANT_DOWN, WANT_UP
from pysvc.supervision import waiting
from pysvc.unix import fifo
from pysvc.unix.files import read_all, read_file
from pysvc.unix.strerr import reason
from pysvc.views.processes import Processes

TALLY = "supervise/death_tally"
WANTS = {WANT_UP: "up", WANT_DOWN: "down"}
TAIL = 4096  # bytes of a log, and of its run script, that are looked at
LINE = 200   # bytes of a log looked at for each line, where more are asked for
NO_READER = (errno.ENXIO, errno.ENOENT)  # a fifo that nobody reads, or none


def services(scan: str) -> list[str]:
    """The directories in a directory of services, each followed by its log."""
    found = []
    for name in sorted(os.listdir(scan)):
        path = f"{scan}/{name}"
        if not name.startswith(".") and os.path.isdir(path):
            found += [folder for folder in (path, f"{path}/log") if os.path.isdir(folder)]
    return found


def examine(directory: str, lines: int, processes: Processes) -> dict[str, Any]:
    """One service, as it is shown by --json; times are unix seconds, memory is in bytes.

    lines: how many lines of its log.
    """
    found, more = waiting.read(directory)
    supervised, trouble = answers(directory)
    seen: dict[str, Any] = {
        "service": directory, "supervised": supervised, "state": "unknown", "trouble": trouble, "pid": None,
        "since": None, "seconds": None, "want": None, "paused": False, "death": None,
        "normally": "down" if os.path.exists(f"{directory}/down") else "up", "processes": 0, "cpu": None,
        "memory": None, "ready": None, "finish": None, "deaths": deaths(directory),
        "log": log_tail(directory, lines) if lines else [],
    }  # fmt: skip
    if not supervised:
        seen["state"] = "unknown" if trouble else "not supervised"
    elif found is not None:
        seen["state"] = more.doing if more is not None else "up" if found.pid else "down"
        seen.update(pid=found.pid or None, paused=found.paused, want=WANTS.get(found.want, "once"))
        seen.update(since=found.since / 1e9, seconds=found.seconds(time.time_ns()))
        seen.update(processes.usage(found.pid))
    if more is not None and more.death is not None:
        seen["death"] = {"time": more.death[0] / 1e9, "cause": state.cause(more.death[1])}
    if more is not None and supervised:
        seen.update(ready=more.ready / 1e9 if more.ready else None, finish=more.finish or None)
    return seen


def deaths(directory: str) -> list[dict[str, Any]]:
    """What supervise/death_tally remembers, the latest last."""
    try:
        text = read_file(f"{directory}/{TALLY}", tally.LONGEST, follow=False)
    except OSError:
        return []
    return [{"time": time / 1e9, "cause": state.cause(cause)} for time, cause in tally.entries(text)]


def answers(directory: str) -> tuple[bool, str | None]:
    """Whether a supervise has the service's `ok` open; what keeps us from telling."""
    try:
        fifo.knock(f"{directory}/supervise/ok")
    except OSError as error:
        return False, None if error.errno in NO_READER else f"supervise/ok: {reason(error)}"
    return True, None


def log_tail(directory: str, lines: int) -> list[str]:
    """The last lines that the service's multilog has written, with times that people read."""
    for folder in log_directories(f"{directory}/log"):
        try:
            fd = os.open(f"{folder}/current", os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            size = max(TAIL, lines * LINE)
            begin = max(0, os.fstat(fd).st_size - size)
            os.lseek(fd, begin, os.SEEK_SET)
            text = read_all(fd, size)
        except OSError:
            continue
        finally:
            os.close(fd)
        whole = text.splitlines()[1 if begin else 0 :]
        return [readable(line) for line in whole[-lines:]]
    return []


def log_directories(log: str) -> list[str]:
    """Where the run script of a log has multilog write."""
    try:
        script = read_file(f"{log}/run", TAIL).decode(errors="replace").replace("\\\n", " ")
    except OSError:
        return []
    for line in script.splitlines():
        before, multilog, arguments = line.partition("multilog")
        if multilog and not before.lstrip().startswith("#"):
            return [os.path.join(log, word) for word in words(arguments) if word[:1] in ("/", ".")]
    return []


def words(arguments: str) -> list[str]:
    """As a shell would part them, if it can."""
    try:
        return shlex.split(arguments)
    except ValueError:
        return arguments.split()


def readable(line: bytes) -> str:
    """A log line with local time for its label, and nothing that could upset a terminal."""
    text = line.decode(errors="replace")
    if line.startswith(b"@") and len(line) > tai64n.LABEL_SIZE:
        try:
            seconds, _ = tai64n.unpack(bytes.fromhex(text[1 : tai64n.LABEL_SIZE]))
            text = time.strftime("%F %T", time.localtime(seconds)) + text[tai64n.LABEL_SIZE :]
        except (ValueError, OverflowError, OSError):
            pass
    return "".join(letter if letter.isprintable() else "?" for letter in text)
