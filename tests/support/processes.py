"""What can be seen of processes from outside"""

import contextlib
import os
from pathlib import Path


def command_line(pid: int) -> bytes:
    """The arguments, each ended by a zero byte; empty for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def stat_fields(pid: int) -> list[str]:
    """What the kernel tells in /proc behind the name: state, parent and so on; empty for none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def process_state(pid: int) -> str:
    """The letter that ps shows: S sleeping, T stopped, Z zombie; "" for none."""
    fields = stat_fields(pid)
    return fields[0] if fields else ""


def alive(pid: int) -> bool:
    return process_state(pid) not in ("", "Z")


def cpu_ticks(pid: int) -> int:
    """The processor time that a process has used."""
    fields = stat_fields(pid)
    return int(fields[11]) + int(fields[12])


def links(pid: int) -> list[str]:
    """What a process has open."""
    found = []
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(path))
    return sorted(found)


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children")
    if found.exists():
        return [int(word) for word in found.read_text().split()]
    return [int(p) for p in os.listdir("/proc") if p.isdigit() and _parent(int(p)) == pid]


def _parent(pid: int) -> int:
    fields = stat_fields(pid)
    return int(fields[1]) if fields else 0
