"""Generated invocations of every program of daemontools: ours does what the C program does

Output, errors, exit code and what is left on disk are compared. CLASSIC_EXAMPLES=20 makes a longer run.
"""

import fcntl
import os
import signal
import stat
import subprocess
import termios
from array import array
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from pysvc.formats import tai64n
from tests.support.classic import CLASSIC, LABEL, MISSING, both, remove, tree
from tests.support.processes import children, process_state
from tests.support.world import Place, Running, eventually

pytestmark = pytest.mark.skipif(MISSING, reason="the classic daemontools are not installed")
TRIES = 3  # where what is compared depends on the moment
TIMES = int(os.environ.get("CLASSIC_EXAMPLES", "1"))


def some(count: int, shrink: bool = True) -> settings:
    """shrink: False where an example takes seconds."""
    phases = list(Phase) if shrink else [Phase.explicit, Phase.generate]
    return settings(max_examples=count * TIMES, phases=phases, suppress_health_check=list(HealthCheck))


ODD = st.sampled_from(
    [b"", b"-", b"--", b"-x", b"--help", b"\xff\xfe", b"a\nb", b"x y", b"n" * 300, b"*", b"."]
)
CLOSED = st.lists(st.sampled_from([0, 1, 2]), max_size=2, unique=True)


# Programs that run another one: `right` are arguments that lead to it

COMMANDS = st.sampled_from([
    [b"true"], [b"sh", b"-c", b"exit 7"], [b"sh", b"-c", b"kill -9 $$"], [b"nowhere"], [b"./file"],
    [b"./script"], [b"./"], [b"sub"], [b""], [b"./no/where"], [b"file/x"], [b"n" * 300], [b"\xff"], [],
    [b"sh", b"-c", b"echo out; echo err >&2; cat"], [b"sh", b"-c", b"echo fds; cd /proc/$$/fd; echo *"],
])  # fmt: skip
RIGHT = {
    b"fghack": st.just([]), b"pgrphack": st.just([]),
    b"setuidgid": st.sampled_from([[b"root"], [b"nobody"], [b"0"], [b"no-such"], [b"\xff"], [b""]]),
    b"envuidgid": st.sampled_from([[b"root"], [b"nobody"], [b"0"], [b"no-such"], [b"\xff"], [b""]]),
    b"envdir": st.sampled_from([[b"sub"], [b"env"], [b"."], [b"nowhere"], [b"file"], [b""], [b"loop"]]),
    b"softlimit": st.sampled_from([[], [b"-c0"], [b"-o", b"20"], [b"-c", b"="], [b"-z"], [b"-c"], [b"--"]]),
    b"setlock": st.sampled_from(
        [[b"lock"], [b"-n", b"lock"], [b"-nx", b"sub"], [b"-X", b"no/where"], [b"-q"], [b"fifo"], [b"\xff"]]
    ),
}  # fmt: skip
CHAINED = st.sampled_from(sorted(RIGHT)).flatmap(
    lambda name: st.tuples(
        st.just(name.decode()),
        st.tuples(st.one_of(RIGHT[name], RIGHT[name], st.lists(ODD, max_size=2)), COMMANDS).map(
            lambda parts: [*parts[0], *parts[1]]
        ),
    )
)
PATHS = st.sampled_from(["/usr/bin:/bin", "", ":/bin", "/etc/passwd:/bin", "sub:/bin", "/nowhere"])


def furnish(folder: Path) -> None:
    """Something of every kind."""
    (folder / "sub").mkdir()
    (folder / "env").mkdir()
    (folder / "env/A").write_bytes(b"x \0y\t \nmore\n")
    (folder / "sub/true").touch()
    (folder / "file").touch()
    (folder / "script").write_text("echo no interpreter\n")
    (folder / "script").chmod(0o755)
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "fifo")


@some(40)
@given(CHAINED, CLOSED, PATHS, st.sampled_from([b"", b"some input\n"]))
@example(("setlock", [b"lock", b"sh", b"-c", b"echo >&3; ls /proc/$$/fd"]), [0], "/bin", b"")
@example(("fghack", [b"sh", b"-c", b"sleep 0.1 & exit 3"]), [1, 2], "/bin", b"")
def test_what_runs_another(
    place: Place, chosen: tuple[str, list[bytes]], closed: list[int], path: str, stdin: bytes
) -> None:
    name, arguments = chosen
    ours, classic = both(place, furnish, name, arguments, closed, stdin, {"PATH": path})
    assert ours == classic


# Filters and readproctitle

TEXT = st.lists(
    st.sampled_from([b"", b"one\n", b"@400000006553f10a075bcbf4 x\n", b"\0\n", b"\xff\xfe", b"y" * 3000]),
    max_size=4,
).map(b"".join)


@some(20)
@given(
    st.sampled_from(["tai64n", "tai64nlocal", "readproctitle"]), st.lists(ODD, max_size=2), CLOSED, TEXT,
    st.sampled_from([[], [b"label", b"....................."]]),
)  # fmt: skip
def test_filters(
    place: Place, name: str, arguments: list[bytes], closed: list[int], text: bytes, dots: list[bytes]
) -> None:
    words = [*arguments, *dots] if name == "readproctitle" else arguments
    ours, classic = both(place, lambda folder: None, name, words, closed, text, {"TZ": "Europe/Berlin"})
    assert ours == classic


# Those that look at services

STAMP = st.one_of(
    st.binary(min_size=12, max_size=12),
    st.integers(0, 2_000_000_000).map(lambda seconds: tai64n.pack(seconds * 10**9)),
)
PIDS = st.sampled_from([b"\0" * 4, b"\1\0\0\0", b"\xff" * 4])
STATUS = st.one_of(
    st.none(),
    st.tuples(
        STAMP, PIDS, st.sampled_from([b"\0", b"\1", b"\7"]), st.sampled_from([b"u", b"d", b"\0", b"x"])
    ).map(b"".join),
    st.binary(max_size=20),
)
SERVICE = st.fixed_dictionaries(
    {
        "ok": st.sampled_from(["live", "live", "live", "stale", "file", "absent"]),
        "control": st.sampled_from(["live", "live", "stale", "absent"]),
        "down": st.sampled_from(["absent", "file", "directory", "dangling", "loop"]),
        "status": STATUS,
    }
)
NAMES = [b"a", b"b c", b"\xff", b"-d", b"n\nl"]


@some(30)
@given(
    st.sampled_from(["svc", "svstat", "svok"]),
    st.dictionaries(st.sampled_from(NAMES), SERVICE, max_size=3),
    st.lists(st.sampled_from(["-u", "-dx", "-oo", "-pc", "-haitk", "-", "--", "-q", "-dz"]), max_size=2),
    st.lists(st.one_of(st.sampled_from(NAMES), ODD), max_size=4),
    st.lists(st.sampled_from([1, 2]), max_size=1),
)  # fmt: skip
def test_clients(
    place: Place, name: str, services: dict[bytes, dict[str, object]], options: list[str], named: list[bytes],
    closed: list[int],
) -> None:  # fmt: skip
    """Where a second passes between the two, another pair is run."""
    arguments = [*map(str.encode, options if name == "svc" else []), *named]
    for _ in range(TRIES):
        readers: list[int] = []
        outcomes = both(place, lambda it: _services(it, services, readers), name, arguments, closed)  # noqa: B023
        received = [_received(fd) for fd in readers]
        ours, classic = received[: len(services)], received[len(services) :]
        if outcomes[0] == outcomes[1]:
            break
    assert (outcomes[0], ours) == (outcomes[1], classic)


def _services(folder: Path, services: dict[bytes, dict[str, object]], readers: list[int]) -> None:
    """Directories as supervise leaves them; readers: one of each control fifo is added, or -1."""
    for name, parts in services.items():
        path = Path(os.fsdecode(os.fsencode(folder) + b"/" + name))
        (path / "supervise").mkdir(parents=True)
        control = -1
        for fifo in ("ok", "control"):
            if parts[fifo] in ("live", "stale"):
                os.mkfifo(path / "supervise" / fifo)
            if parts[fifo] == "live":
                fd = os.open(path / "supervise" / fifo, os.O_RDONLY | os.O_NONBLOCK)
                control = fd if fifo == "control" else control
                OPEN.append(fd)
            if parts[fifo] == "file":
                (path / "supervise" / fifo).touch()
        readers.append(control)
        if isinstance(parts["status"], bytes):
            (path / "supervise/status").write_bytes(parts["status"])
        _put(path / "down", str(parts["down"]))


OPEN: list[int] = []


@pytest.fixture(autouse=True)
def _close_readers() -> object:
    yield
    while OPEN:
        os.close(OPEN.pop())


def _received(fd: int) -> bytes:
    return os.read(fd, 99) if fd >= 0 else b""


def _put(path: Path, kind: str) -> None:
    if kind == "file":
        path.touch()
    elif kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "dangling":
        path.symlink_to("nowhere")
    elif kind == "loop":
        path.symlink_to(path.name)


# supervise: links and other things in place of lock, control and ok are refused by ours alone

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


def _furnish_service(x: Path, parts: dict[str, str]) -> None:
    if parts["run"] in ("sleep", "no header"):
        (x / "run").write_text("#!/bin/sh\n" * (parts["run"] == "sleep") + "exec 2>&- sleep 1000\n")
        (x / "run").chmod(0o755)
    _put(x / "run", parts["run"])
    _put(x / "down", parts["down"])
    _put(x / "supervise", parts["supervise"])
    if parts["supervise"] == "directory":
        for name in ("lock", "control", "ok", "status", "status.new"):
            _put(x / "supervise" / name, parts[name])


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


# svscan

ENTRIES = st.dictionaries(
    st.sampled_from(["a", ".b", "c d", "-e", "f\nf", "\udcff", "L" * 250]),
    st.sampled_from(["service", "logged", "odd log", "loop log", "file", "dangling", "link to a"]),
    max_size=5,
)  # fmt: skip
# Says how it was called and what is connected, and ends; svscan calls it again with its next look.
STUB = """#!/bin/sh
exec 3>>"$OUT"
flock 3
pipes=$(for fd in 0 1; do [ -p /proc/self/fd/$fd ] && echo $fd; done)
echo "$#" "$1" "${PWD##*/}" $pipes >&3
"""


@some(8, shrink=False)
@given(
    ENTRIES, st.sampled_from(["bin:/bin:/usr/bin", "/nowhere"]),
    st.sampled_from([[], ["service"], ["service", "x"]]),
)  # fmt: skip
def test_svscan(place: Place, entries: dict[str, str], path: str, arguments: list[str]) -> None:
    """Where one of the two was not ended between its first look and the next, another pair is run."""
    for _ in range(TRIES):
        ours, classic = (
            _one_look(place, at / "svscan", entries, path, arguments) for at in (place.world.bin, CLASSIC)
        )
        if ours == classic:
            break
    assert ours == classic


def _one_look(
    place: Place, program: Path, entries: dict[str, str], path: str, arguments: list[str]
) -> tuple[int, list[bytes], list[bytes], list[str]]:
    """Exit code, what it said, how it called supervise, and what is in the directory afterwards."""
    work = place.path / "work"
    if work.exists():  # of an example that failed
        remove(work)
    (work / "bin").mkdir(parents=True)
    (work / "bin/supervise").write_text(STUB)
    (work / "bin/supervise").chmod(0o755)
    scan = work / "service"
    scan.mkdir()
    for name, kind in entries.items():
        _entry(scan / name, kind)
    place.own()
    env = {"PATH": path.replace("bin:", f"{work}/bin:", 1), "OUT": str(work / "out")}
    running = place.start(
        program, *arguments, cwd=work if arguments else scan, env=env, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    eventually(lambda: _has_looked(running))
    running.signal(signal.SIGTERM)
    code = running.wait()
    assert running.process.stderr is not None
    said = sorted(running.process.stderr.read().splitlines())
    called = sorted((work / "out").read_bytes().splitlines()) if (work / "out").exists() else []
    outcome = (code, said, called, sorted(os.listdir(scan)))
    place.stop()
    remove(work)
    return outcome


def _entry(path: Path, kind: str) -> None:
    if kind in ("service", "logged", "odd log", "loop log"):
        path.mkdir()
    if kind == "logged":
        (path / "log").mkdir()
    elif kind == "odd log":
        (path / "log").touch()
    elif kind == "loop log":
        (path / "log").symlink_to("log")
    elif kind == "link to a":
        path.symlink_to("a")
    _put(path, kind)


def _has_looked(running: Running) -> bool:
    """Whether it sleeps, is svscan by now, and all that it has started has ended."""
    name = Path(f"/proc/{running.pid}/comm").read_text()
    quiet = all(process_state(pid) == "Z" for pid in children(running.pid))
    return quiet and name == "svscan\n" and process_state(running.pid) == "S" and _is_pausing(running.pid)


def _is_pausing(pid: int) -> bool:
    """Whether the kernel says that it waits for time or a signal."""
    waits = (b"hrtimer_nanosleep", b"do_sigtimedwait", b"poll_schedule_timeout", b"do_poll", b"0")
    return any(word in Path(f"/proc/{pid}/wchan").read_bytes() for word in waits)


# multilog: what a crash leaves, signals, descriptors

LEFT = st.dictionaries(
    st.sampled_from(["current", "previous", "processed", "state", "newstate", "junk", "lock", "@short"]),
    st.tuples(
        st.sampled_from([b"", b"left\n", b"half", b"z" * 5000 + b"\n"]),
        st.sampled_from([0o644, 0o744, 0o600]),
    ),
    max_size=6,
)  # fmt: skip
LINKED = st.sampled_from([None, "previous", "processed", "current"])
PROCESSOR = st.sampled_from([[], [b"!cat"], [b"!cat <&4; tr a-z A-Z; echo again >&5"]])
INPUTS = st.sampled_from([b"", b"new\n", b"new", b"w" * 2500 + b"\n" + b"v" * 9000])
SIZES = st.sampled_from([[], [b"s4096"], [b"s4096", b"n2"], [b"n3"]])


@some(30)
@given(LEFT, LINKED, PROCESSOR, SIZES, INPUTS, CLOSED)
@example({"previous": (b"p", 0o744), "current": (b"", 0o644)}, "previous", [b"!cat"], [], b"new\n", [])
@example({"processed": (b"p", 0o744), "newstate": (b"n", 0o644)}, "processed", [b"!cat"], [], b"", [])
def test_multilog_after_a_crash(
    place: Place, left: dict[str, tuple[bytes, int]], linked: str | None, processor: list[bytes],
    sizes: list[bytes], text: bytes, closed: list[int],
) -> None:  # fmt: skip
    """linked: what has got its final name, but has not lost its old one."""

    def prepare(folder: Path) -> None:
        log = folder / "log"
        log.mkdir(0o700)
        clean = left.get("current", (b"", 0))[1] == 0o744
        # Without state no processor can be run, now or ever.
        there = {"state": (b"", 0o644), **left} if clean and processor else left
        for name, (content, mode) in there.items():
            (log / name).write_bytes(content)
            (log / name).chmod(mode)
        if linked in left:
            os.link(log / str(linked), log / "@400000000000000100000000.s")

    ours, classic = both(place, prepare, "multilog", [*sizes, *processor, b"./log", b"=f"], closed, text)
    assert ours == classic


STEPS = st.lists(
    st.one_of(st.sampled_from([b"one\n", b"half", b"\0\n", b"w" * 2200 + b"\n"]), st.just(signal.SIGALRM)),
    max_size=7,
)


@some(12)
@given(STEPS, st.sampled_from([signal.SIGTERM, signal.SIGHUP, signal.SIGKILL, None]), PROCESSOR)
def test_multilog_and_signals(
    place: Place, steps: "list[bytes | int]", end: int | None, processor: list[bytes]
) -> None:
    """Each comes when what came before has been read. None: the end of input."""
    results = []
    for program in (place.world.bin / "multilog", CLASSIC / "multilog"):
        reader, writer = os.pipe()
        command = [program, b"s4096", *processor, b"./log", b"-*", b"./none"]
        running = place.start(*command, stdin=reader, stderr=subprocess.PIPE)
        eventually((place.path / "none/current").exists)
        eventually(lambda running=running: process_state(running.pid) == "S")
        for step in steps:
            if isinstance(step, bytes):
                os.write(writer, step)
            else:
                running.signal(step)
            eventually(lambda reader=reader, running=running: _consumed(reader, running.pid))
        if end is not None:
            running.signal(end)
        if end == signal.SIGTERM and _inside_a_line(steps):  # it goes on to its end, and leaves what follows
            eventually(lambda reader=reader, running=running: _consumed(reader, running.pid))
            os.write(writer, b"tail\nrest\n")
            running.wait()
            assert os.read(reader, 99) == b"rest\n"
        os.close(writer)
        code = running.wait()
        assert running.process.stderr is not None
        found = {name: tree(place.path / name) for name in ("log", "none")}
        results.append((code, LABEL.sub(b"@", running.process.stderr.read()), found))
        os.close(reader)
        for name in ("log", "none"):
            remove(place.path / name)
    assert results[0] == results[1]


def _inside_a_line(steps: "list[bytes | int]") -> bool:
    written = b"".join(step for step in steps if isinstance(step, bytes))
    return bool(written) and not written.endswith(b"\n")


def _consumed(fd: int, pid: int) -> bool:
    """Whether the pipe is empty, no signal is pending, and who reads it waits for more."""
    count = array("i", [0])
    fcntl.ioctl(fd, termios.FIONREAD, count)
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    pending = any(int(line.split()[1], 16) for line in lines if line.startswith(("SigPnd", "ShdPnd")))
    at_rest = process_state(pid) == "S" and not children(pid) and not pending
    return count[0] == 0 and at_rest and process_state(pid) == "S"
