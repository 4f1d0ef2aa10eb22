"""Everything that is known of one service"""

import os
import time
from typing import Any

import psutil

from pysvc.formats import state, tai64n, tally
from pysvc.formats.status import WANT_DOWN, WANT_UP
from pysvc.supervision import waiting
from pysvc.unix.files import read_all, read_file

WANTS = {WANT_UP: "up", WANT_DOWN: "down"}
TAIL = 4096  # bytes of a log, and of its run script, that are looked at


def services(scan: str) -> list[str]:
    """The directories in a directory of services, each followed by its log."""
    found = []
    for name in sorted(os.listdir(scan)):
        path = f"{scan}/{name}"
        if not name.startswith(".") and os.path.isdir(path):
            found += [folder for folder in (path, f"{path}/log") if os.path.isdir(folder)]
    return found


def examine(directory: str, lines: int) -> dict[str, Any]:
    """One service, as it is shown by --json; times are unix seconds, memory is in bytes.

    lines: how many lines of its log.
    """
    found, more = waiting.read(directory)
    seen: dict[str, Any] = {
        "service": directory, "supervised": waiting.alive(directory), "state": "unknown", "pid": None,
        "since": None, "seconds": None, "want": None, "paused": False, "death": None,
        "normally": "down" if os.path.exists(f"{directory}/down") else "up", "processes": 0, "cpu": None,
        "memory": None, "ready": None, "finish": None, "deaths": deaths(directory),
        "log": log_tail(directory, lines) if lines else [],
    }  # fmt: skip
    if not seen["supervised"]:
        seen["state"] = "not supervised"
    elif found is not None:
        seen["state"] = more.doing if more is not None else "up" if found.pid else "down"
        seen.update(pid=found.pid or None, paused=found.paused, want=WANTS.get(found.want, "once"))
        seen.update(since=found.since / 1e9, seconds=found.seconds(time.time_ns()))
        seen.update(usage(found.pid))
    if more is not None and more.death is not None:
        seen["death"] = {"time": more.death[0] / 1e9, "cause": state.cause(more.death[1])}
    if more is not None and seen["supervised"]:
        seen.update(ready=more.ready / 1e9 if more.ready else None, finish=more.finish or None)
    return seen


def deaths(directory: str) -> list[dict[str, Any]]:
    """What supervise/death_tally remembers, the latest last."""
    try:
        text = read_file(f"{directory}/supervise/death_tally", tally.LONGEST, follow=False)
    except OSError:
        return []
    return [{"time": time / 1e9, "cause": state.cause(cause)} for time, cause in tally.entries(text)]


def usage(pid: int) -> dict[str, Any]:
    """CPU seconds and memory of a process and all that it has started."""
    try:
        first = psutil.Process(pid) if pid else None
        family = [first, *first.children(recursive=True)] if first is not None else []
    except psutil.Error:
        return {}
    cpu, memory, count = 0.0, 0, 0
    for process in family:
        try:
            times = process.cpu_times()
            memory += process.memory_info().rss
        except psutil.Error:
            continue  # it has just ended
        cpu, count = cpu + times.user + times.system, count + 1
    return {"processes": count, "cpu": round(cpu, 2), "memory": memory} if count else {}


def log_tail(directory: str, lines: int) -> list[str]:
    """The last lines that the service's multilog has written, with times that people read."""
    for folder in log_directories(f"{directory}/log"):
        try:
            fd = os.open(f"{folder}/current", os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            begin = max(0, os.fstat(fd).st_size - TAIL)
            os.lseek(fd, begin, os.SEEK_SET)
            text = read_all(fd, TAIL)
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
            return [os.path.join(log, word) for word in arguments.split() if word[0] in "/."]
    return []


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
