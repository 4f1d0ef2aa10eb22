"""Service directories, and what can be seen of them from outside"""

import subprocess
from pathlib import Path

from pysvc.formats import status
from tests.support.processes import children, command_line, process_state
from tests.support.world import Place, Running, eventually

REFUSED = "supervise: fatal: unable to"
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


def supervising(place: Place, name: str = "x", **options: object) -> Running:
    """supervise over a service."""
    return place.start("supervise", name, **options)  # type: ignore[arg-type]


def svc(place: Place, letters: str, name: str = "x") -> None:
    done = place.run("svc", f"-{letters}", name)
    assert (done.returncode, done.stderr) == (0, b"")


def lines(path: Path) -> list[str]:
    """Those of a file, none where it is not there."""
    return path.read_text().splitlines() if path.exists() else []


def scanning(place: Place, **options: object) -> Running:
    """svscan over the directory `service`."""
    return place.start("svscan", "service", **{"stdin": subprocess.DEVNULL, **options})  # type: ignore[arg-type]


def supervises(running: Running) -> dict[str, int]:
    """The pids of a svscan's supervise processes by their argument."""
    found = {}
    for pid in children(running.pid):
        words = command_line(pid).rstrip(b"\0").replace(b"\0", b" ").split()
        if len(words) > 1 and words[-2].endswith(b"supervise") and process_state(pid) != "Z":
            found[words[-1].decode()] = pid
    return found
