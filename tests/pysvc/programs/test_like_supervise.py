"""supervise in generated directories: ours does what the C program does

Links and other things in place of lock, control and ok are refused by ours alone.
"""

import os
import signal
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.classic import CLASSIC, MISSING, put, remove, some, tree
from tests.support.world import Place, Running, eventually

pytestmark = pytest.mark.skipif(MISSING, reason="the classic daemontools are not installed")

KINDS = st.sampled_from(["absent", "absent", "file", "directory", "fifo", "dangling", "loop"])
ODDITIES = st.fixed_dictionaries(
    {
        "run": st.sampled_from(["sleep", "sleep", "absent", "directory", "no header"]),
        "down": KINDS,
        "supervise": st.sampled_from(["absent", "directory", "directory", "file", "dangling", "loop"]),
        "lock": st.sampled_from(["absent", "file", "directory", "fifo"]),
        "control": st.sampled_from(["absent", "fifo"]),
        "ok": st.sampled_from(["absent", "fifo"]),
        "status": st.sampled_from(["absent", "file", "directory"]),
        "status.new": st.sampled_from(["absent", "file", "directory"]),
    }
)
ENDS = st.one_of(
    st.sampled_from([signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL, signal.SIGUSR1]),
    st.sampled_from([b"dx", b"xd", b"xk", b"uzdx", b"oxk", b"pxd", b"dxu"]),
)  # fmt: skip


@some(6, shrink=False)
@given(ODDITIES, ENDS, st.lists(st.sampled_from([0, 1]), max_size=1))
def test_supervise(place: Place, parts: dict[str, str], end: "int | bytes", closed: list[int]) -> None:
    results = []
    for program in (place.world.bin / "supervise", CLASSIC / "supervise"):
        x = place.path / "x"
        if x.exists():  # of an example that failed
            remove(x)
        x.mkdir()
        _furnish_service(x, parts)
        place.own()
        redirections = "".join(f" {fd}>&-" for fd in closed)
        running = place.start(
            "/bin/sh", "-c", f'exec "$@"{redirections}', "sh", program, "x", stderr=subprocess.PIPE
        )
        results.append((*_end_of(running, x, end), _masked(tree(x))))
        place.stop()
        remove(x)
    assert results[0] == results[1]


@pytest.mark.parametrize("closed", [(2,), (1, 2), (0, 2), (0, 1, 2)])
def test_what_nobody_hears_gets_into_no_file(place: Place, closed: tuple[int, ...]) -> None:
    """A service without a run file, and descriptors that are closed: no lock or fifo takes their place."""
    supervise = place.path / "x/supervise"
    supervise.mkdir(parents=True)
    place.own()
    redirections = "".join(f" {fd}>&-" for fd in closed)
    running = place.start("/bin/sh", "-c", f"exec {place.world.bin}/supervise x{redirections}")
    eventually(lambda: _read_by_somebody(supervise / "ok"))
    own = {os.readlink(f"/proc/{running.pid}/fd/{fd}") for fd in closed}
    assert own == {"/"}
    first = (supervise / "status").stat().st_ino
    eventually(lambda: (supervise / "status").stat().st_ino != first)
    run = "#!/bin/sh\nls -l /proc/self/fd >seen.new; mv seen.new seen; exec sleep 99\n"
    (place.path / "x/run").write_text(run)
    (place.path / "x/run").chmod(0o755)
    eventually((place.path / "x/seen").exists)
    assert " -> /\n" not in (place.path / "x/seen").read_text()
    assert (supervise / "lock").read_bytes() == b""


def _furnish_service(x: Path, parts: dict[str, str]) -> None:
    if parts["run"] in ("sleep", "no header"):
        (x / "run").write_text("#!/bin/sh\n" * (parts["run"] == "sleep") + "exec 2>&- sleep 1000\n")
        (x / "run").chmod(0o755)
    put(x / "run", parts["run"])
    put(x / "down", parts["down"])
    put(x / "supervise", parts["supervise"])
    if parts["supervise"] == "directory":
        for name in ("lock", "control", "ok", "status", "status.new"):
            put(x / "supervise" / name, parts[name])


def _end_of(running: Running, x: Path, end: "int | bytes") -> tuple[int, set[bytes]]:
    """The exit code and the lines on descriptor 2, after what is to end it."""
    eventually(lambda: running.process.poll() is not None or _read_by_somebody(x / "supervise/ok"))
    if isinstance(end, bytes) and running.process.poll() is None:
        fd = os.open(x / "supervise/control", os.O_WRONLY | os.O_NONBLOCK)
        os.write(fd, end)
        os.close(fd)
    elif not isinstance(end, bytes):
        running.signal(end)
    code = running.wait()
    assert running.process.stderr is not None
    lines = set(running.process.stderr.read().splitlines())
    return code, {line for line in lines if b"unable to start" not in line}  # one a second


def _read_by_somebody(path: Path) -> bool:
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


def _masked(found: dict[str, tuple[int, bytes]]) -> dict[str, tuple[int, bytes]]:
    """Without the time and the pid in the status, and without a new one: it may be killed while it writes."""
    masked = {}
    for name, (mode, content) in found.items():
        if not (name.endswith("/status.new") and stat.S_ISREG(mode)):
            masked[name] = (mode, content[16:] if name.endswith("/status") else content)
    return masked
