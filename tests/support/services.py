"""Service directories, and what can be seen of them from outside"""

import os
from pathlib import Path

from pysvc.formats import status
from tests.support.world import Place, eventually

SLEEP = "#!/bin/sh\nexec sleep 1000\n"


def service(place: Place, name: str, run: str = SLEEP, down: bool = False) -> Path:
    """Make a service directory, owned by who runs the programs; name: may have slashes ("x/log")."""
    path = place.path / name
    path.mkdir(parents=True)
    script(path, run)
    if down:
        (path / "down").touch()
    place.own()
    return path


def script(path: Path, text: str) -> None:
    (path / "run").write_text(text)
    (path / "run").chmod(0o755)


def state(path: Path) -> status.Status:
    return status.unpack((path / "supervise/status").read_bytes())


def pid_of(path: Path) -> int:
    """The pid of ./run, 0 if it is down or never was up."""
    try:
        return state(path).pid
    except FileNotFoundError:
        return 0


def up(path: Path, but: int = 0) -> int:
    """Wait until the service is up, under another pid than `but`; its pid."""
    return int(str(eventually(lambda: pid_of(path) not in (0, but) and pid_of(path), what=f"{path} up")))


def down(path: Path) -> None:
    eventually(lambda: state(path).pid == 0, what=f"{path} down")


def command_line(pid: int) -> bytes:
    """The arguments, each ended by a zero byte; empty for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def process_state(pid: int) -> str:
    """The letter that ps shows: S sleeping, T stopped, Z zombie; "" for none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def alive(pid: int) -> bool:
    return process_state(pid) not in ("", "Z")


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children")
    if found.exists():
        return [int(word) for word in found.read_text().split()]
    return [int(p) for p in os.listdir("/proc") if p.isdigit() and _parent(int(p)) == pid]


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0
