"""supervise as a process, controlled by svc"""

import itertools
import os
import resource
import select
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest

from pysvc.engines.supervisor import Supervisor
from pysvc.supervision import keeper as keepers
from pysvc.supervision.keeper import Keeper
from tests.support.processes import alive, children, command_line, cpu_ticks, process_state
from tests.support.services import SLEEP, down, script, service, state, up
from tests.support.world import Place, Running, eventually

NONE = "supervise: fatal: unable to"
LOCK = f"{NONE} acquire x/supervise/lock"


def supervise(place: Place, name: str = "x", **options: object) -> Running:
    return place.start("supervise", name, **options)  # type: ignore[arg-type]


def svc(place: Place, letters: str, name: str = "x") -> None:
    done = place.run("svc", f"-{letters}", name)
    assert (done.returncode, done.stderr) == (0, b"")


def first_line(running: Running) -> str:
    assert running.process.stderr is not None
    return str(running.process.stderr.readline().decode())


@pytest.mark.parametrize("arguments", [(), ("a", "b")])
def test_usage(place: Place, arguments: tuple[str, ...]) -> None:
    done = place.run("supervise", *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (100, b"", b"supervise: usage: supervise dir\n")


# What makes it impossible to begin


@pytest.mark.parametrize("name", ["nowhere", ""])
def test_no_directory(place: Place, name: str) -> None:
    done = place.run("supervise", name)
    assert done.returncode == 111
    assert done.stderr.decode() == f"{NONE} chdir to {name}: file does not exist\n"


def test_down_cannot_be_told(place: Place) -> None:
    x = service(place, "x")
    (x / "down").symlink_to("down")
    done = place.run("supervise", "x")
    assert (done.returncode, done.stderr.decode()) == (111, f"{NONE} stat x/down: symbolic link loop\n")


def test_supervise_is_a_file(place: Place) -> None:
    (service(place, "x") / "supervise").touch()
    done = place.run("supervise", "x")
    assert (done.returncode, done.stderr.decode()) == (111, f"{LOCK}: not a directory\n")


def test_second_supervise(place: Place) -> None:
    x = service(place, "x")
    supervise(place)
    pid = up(x)
    done = place.run("supervise", "x")
    assert (done.returncode, done.stderr.decode()) == (111, f"{LOCK}: temporary failure\n")
    assert state(x).pid == pid
    assert alive(pid)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("lock", "acquire x/supervise/lock"),
        ("control", "read x/supervise/control"),
        ("ok", "read x/supervise/ok"),
    ],
)
def test_links_are_not_followed(place: Place, name: str, complaint: str) -> None:
    """Whoever owns the supervise directory cannot have supervise open somebody else's file."""
    x = service(place, "x")
    (x / "supervise").mkdir()
    (x / "supervise" / name).symlink_to(place.path / "victim")
    place.own()
    os.mkfifo(place.path / "victim") if name != "lock" else None
    done = place.run("supervise", "x")
    assert (done.returncode, done.stderr.decode()) == (111, f"{NONE} {complaint}: symbolic link loop\n")
    assert (place.path / "victim").exists() == (name != "lock")


@pytest.mark.parametrize("name", ["control", "ok"])
def test_not_a_fifo(place: Place, name: str) -> None:
    x = service(place, "x")
    (x / "supervise").mkdir()
    (x / "supervise" / name).write_text("u")
    place.own()
    done = place.run("supervise", "x")
    assert (done.returncode, done.stderr.decode()) == (111, f"{NONE} read x/supervise/{name}: not a fifo\n")


@pytest.mark.parametrize("kind", ["symlink", "hard link"])
def test_status_new_leads_nowhere(place: Place, kind: str) -> None:
    x = service(place, "x", down=True)
    victim = place.path / "victim"
    victim.write_text("precious")
    (x / "supervise").mkdir()
    if kind == "symlink":
        (x / "supervise/status.new").symlink_to(victim)
    else:
        (x / "supervise/status.new").hardlink_to(victim)
    place.own()
    supervise(place)
    eventually((x / "supervise/ok").exists)
    assert victim.read_text() == "precious"
    assert state(x).pid == 0


def test_status_cannot_be_written(place: Place) -> None:
    x = service(place, "x", down=True)
    (x / "supervise/status.new/sub").mkdir(parents=True)
    place.own()
    running = supervise(place, stderr=subprocess.PIPE)
    warning = "supervise: warning: unable to open x/supervise/status.new"
    assert first_line(running) == f"{warning}: is a directory\n"
    eventually(lambda: place.run("svok", "x").returncode == 0)
    assert not (x / "supervise/status").exists()
    (x / "supervise/status.new/sub").rmdir()
    (x / "supervise/status.new").rmdir()
    place.run("svc", "-h", "x")  # not to wait for the five seconds
    eventually((x / "supervise/status").exists)
    assert state(x).pid == 0


# What it makes


def test_files(place: Place) -> None:
    x = service(place, "x")
    supervise(place, umask=0o022)
    pid = up(x)
    eventually((x / "supervise/ok").exists)
    kinds = {}
    for name in (".", "lock", "control", "status", "ok"):
        found = (x / "supervise" / name).stat()
        kinds[name] = (stat.S_IFMT(found.st_mode), stat.S_IMODE(found.st_mode), found.st_size)
    assert kinds.pop(".")[:2] == (stat.S_IFDIR, 0o700)
    assert kinds == {
        "lock": (stat.S_IFREG, 0o600, 0),
        "control": (stat.S_IFIFO, 0o600, 0),
        "ok": (stat.S_IFIFO, 0o600, 0),
        "status": (stat.S_IFREG, 0o644, 18),
    }
    data = (x / "supervise/status").read_bytes()
    assert int.from_bytes(data[12:16], "little") == pid
    assert abs(int.from_bytes(data[:8], "big") - (1 << 62) - 10 - time.time()) < 60
    assert data[16:] == b"\0u"
    assert not (x / "supervise/status.new").exists()


def test_status_is_replaced(place: Place) -> None:
    x = service(place, "x", down=True)
    supervise(place)
    eventually((x / "supervise/ok").exists)
    with (x / "supervise/status").open("rb") as old:
        svc(place, "d")
        eventually(lambda: (x / "supervise/status").stat().st_ino != os.fstat(old.fileno()).st_ino)
        assert len(old.read()) == 18


def test_supervise_elsewhere(place: Place) -> None:
    """A dangling link: the directory is made where it points."""
    x = service(place, "x")
    (x / "supervise").symlink_to("../state")
    place.own()
    supervise(place)
    up(x)
    assert stat.S_IMODE((place.path / "state").stat().st_mode) == 0o700


def test_readable_before_ok(place: Place) -> None:
    x = service(place, "x", down=True)
    supervise(place)
    eventually(lambda: place.run("svok", "x").returncode == 0)
    assert state(x).pid == 0


# What ./run gets


def test_no_descriptor_of_its_own(place: Place) -> None:
    """Neither lock nor fifos, but 0, 1, 2 and whatever supervise itself inherited."""
    x = service(place, "x")
    read, write = os.pipe()
    supervise(place, pass_fds=[write], stdin=subprocess.DEVNULL)
    assert descriptors(up(x)) == {0, 1, 2, write}
    os.close(read)
    os.close(write)


def descriptors(pid: int) -> set[int]:
    """What `sleep 1000` has open once it runs."""
    eventually(lambda: command_line(pid) == b"sleep\0001000\0")
    return {int(name) for name in os.listdir(f"/proc/{pid}/fd")}


@pytest.mark.parametrize("run", ["exec '{0}'\n", "exec {0} 2>&1\n", "exec pgrphack {0}\n"])
def test_signals_and_descriptors(place: Place, run: str) -> None:
    """With the shell's help or without: 0, 1 and 2, nothing ignored, nothing blocked."""
    x = service(place, "x", "#!/bin/sh\n" + run.format(place.path / "look"))
    look = place.path / "look"
    look.write_text("#!/bin/sh\ngrep ^Sig /proc/self/status\nexec sleep 1000\n")
    look.chmod(0o755)
    place.own()
    with (place.path / "out").open("wb") as out:
        supervise(place, stdout=out, stdin=subprocess.DEVNULL, preexec_fn=_block_sigchld)
    assert descriptors(up(x)) == {0, 1, 2}
    words = _lines(place.path / "out")
    signals = dict(zip(words[::2], words[1::2], strict=True))
    assert {signals[name] for name in ("SigBlk:", "SigIgn:")} == {"0" * 16}


def _block_sigchld() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])


def _lines(path: Path) -> list[str]:
    return path.read_text().split() or [""]


def _harden() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])


def test_script_without_a_shell(place: Place) -> None:
    """An exec of one of ours is not handed to sh: no interpreter is started, the title tells."""
    x = service(place, "x", "#!/bin/sh\n# nothing else\nexec fghack \\\nsleep 1000 2>&1\n")
    supervise(place)
    pid = up(x)
    eventually(lambda: command_line(pid).startswith(b"fghack sleep 1000"))


@pytest.mark.parametrize(
    "run", ["echo -n; exec fghack sleep 1", "exec 'fghack' sleep 1000", "PATH=$PATH exec fghack sleep 1000"]
)
def test_script_with_a_shell(place: Place, run: str) -> None:
    x = service(place, "x", f"#!/bin/sh\n{run}\n")
    supervise(place)
    pid = up(x)
    eventually(lambda: b"-IS" in command_line(pid))


ENVIRONMENTS: list[dict[str, str]] = [
    {}, {"PWD": "/nowhere", "OLDPWD": "/etc"}, {"PWD": "{here}/link/x"}, {"PWD": "x"}, {"A-B": "1", "C": "2"},
    {"IFS": "x"}, {"OPTIND": "7"}, {"PPID": "1"}, {"LINENO": "3", "PS1": "a", "ENV": "/x", "_": "y", "E": ""},
    {"": "x=y", "A": "1"},
]  # fmt: skip


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_environment_is_what_sh_leaves(place: Place, env: dict[str, str]) -> None:
    (place.path / "link").symlink_to(".")
    given = {name: value.format(here=place.path) for name, value in env.items()}
    seen = []
    for number, command in enumerate(("exec pgrphack env\n", "exec 'pgrphack' env\n")):
        x = service(place, "x", "#!/bin/sh\n" + command)
        with (place.path / f"out{number}").open("wb") as out:
            running = supervise(place, env=given, stdout=out)
        eventually(lambda number=number: _environment(place.path / f"out{number}").get("PATH"))
        assert place.run("svc", "-dx", "x").returncode == 0
        running.wait()
        os.rename(x, place.path / f"old{number}")
        found = _environment(place.path / f"out{number}")
        if found.get("PPID"):
            found["PPID"] = "some"
        seen.append(found)
    assert seen[0] == seen[1]
    assert seen[0]["PWD"]


def _environment(path: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in path.read_text().splitlines():
        name, _, value = line.partition("=")
        if name in found:
            break
        found[name] = value
    return found


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        ("missing", "file does not exist"),
        ("no interpreter", "file does not exist"),
        ("not executable", "access denied"),
        ("directory", "access denied"),
        ("no header", "exec format error"),
        ("ours, not executable", "access denied"),
    ],
)
def test_run_cannot_be_started(place: Place, prepare: str, words: str) -> None:
    x = service(place, "x")
    run = x / "run"
    run.unlink()
    if prepare == "directory":
        run.mkdir()
    elif prepare != "missing":
        run.write_text({"no interpreter": "#!/nowhere\n", "ours, not executable": "#!/bin/sh\nexec svok x\n"}
                       .get(prepare, "exit 0\n"))  # fmt: skip
        run.chmod(0o644 if "not executable" in prepare else 0o755)
    place.own()
    running = supervise(place, stderr=subprocess.PIPE)
    for _ in range(2):
        assert first_line(running) == f"supervise: fatal: unable to start x/run: {words}\n"


def test_no_child_to_be_had(place: Place) -> None:
    """The only moment in which `want up` is seen of a service that is down."""
    x = service(place, "x")
    running = supervise(place, stderr=subprocess.PIPE, preexec_fn=_no_processes)
    warning = "supervise: warning: unable to fork for x, sleeping 60 seconds: temporary failure\n"
    assert first_line(running) == warning
    assert (state(x).pid, state(x).want) == (0, b"u")
    stat_line = place.run("svstat", "x").stdout.decode()
    assert stat_line.startswith("x: down ")
    assert stat_line.endswith(" seconds, normally up, want up\n")


def _no_processes() -> None:
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


# How long it lives


def test_paced_restarts(place: Place) -> None:
    """A service that dies at once is started no more than once a second, though SIGCHLD comes."""
    x = service(place, "x", "#!/bin/sh\ncut -d' ' -f22 /proc/$$/stat >>starts\n")  # when it was forked
    supervise(place)
    eventually(lambda: (x / "starts").exists() and len(_lines(x / "starts")) >= 3)
    starts = [int(word) / os.sysconf("SC_CLK_TCK") for word in _lines(x / "starts")]
    assert all(later - earlier > 0.9 for earlier, later in itertools.pairwise(starts))


def test_killed_service_is_restarted(place: Place) -> None:
    x = service(place, "x")
    supervise(place)
    first = up(x)
    svc(place, "k")
    second = up(x, but=first)
    svc(place, "t")
    up(x, but=second)
    assert state(x).want == b"u"


def test_normally_down(place: Place) -> None:
    x = service(place, "x", down=True)
    supervise(place)
    eventually(lambda: place.run("svok", "x").returncode == 0)
    assert (state(x).pid, state(x).want) == (0, b"d")
    svc(place, "u")
    up(x)
    assert state(x).want == b"u"


def test_down_file_added_later(place: Place) -> None:
    x = service(place, "x")
    supervise(place)
    first = up(x)
    (x / "down").touch()
    svc(place, "k")
    up(x, but=first)


def test_dangling_down(place: Place) -> None:
    x = service(place, "x")
    (x / "down").symlink_to("nowhere")
    supervise(place)
    up(x)


def test_down_keeps_the_time_of_death(place: Place) -> None:
    x = service(place, "x")
    supervise(place)
    up(x)
    svc(place, "d")
    down(x)
    since = state(x).since
    inode = (x / "supervise/status").stat().st_ino
    svc(place, "d")
    eventually(lambda: (x / "supervise/status").stat().st_ino != inode)
    assert state(x).since == since


@pytest.mark.parametrize(("letters", "goes_up"), [("du", True), ("ud", False)])
def test_burst(place: Place, letters: str, goes_up: bool) -> None:
    """Sent within the second after the start: late, but not lost, and in order."""
    x = service(place, "x")
    supervise(place)
    first = up(x)
    svc(place, letters)
    if goes_up:
        up(x, but=first)
    else:
        down(x)
    assert state(x).want == letters[-1].encode()


def test_exit_waits_for_the_death(place: Place) -> None:
    x = service(place, "x")
    running = supervise(place)
    pid = up(x)
    svc(place, "xo")
    eventually(lambda: state(x).want == b"\0")
    svc(place, "u")
    eventually(lambda: state(x).want == b"u")
    assert running.process.poll() is None
    os.kill(pid, signal.SIGKILL)
    assert running.wait() == 0
    assert state(x).pid == 0


def test_exit_while_down(place: Place) -> None:
    x = service(place, "x", "#!/bin/sh\ntouch started\n", down=True)
    running = supervise(place)
    eventually(lambda: place.run("svok", "x").returncode == 0)
    svc(place, "xu")
    assert running.wait() == 0
    assert not (x / "started").exists()


def test_once_then_exit(place: Place) -> None:
    x = service(place, "x", "#!/bin/sh\necho >>started\n", down=True)
    running = supervise(place)
    eventually(lambda: place.run("svok", "x").returncode == 0)
    svc(place, "ox")
    assert running.wait() == 0
    assert (x / "started").read_text() == "\n"


def test_once_on_a_running_service(place: Place) -> None:
    x = service(place, "x")
    supervise(place)
    pid = up(x)
    svc(place, "o")
    eventually(lambda: state(x).want == b"\0")
    assert state(x).pid == pid
    svc(place, "k")
    down(x)
    svc(place, "u")
    up(x, but=pid)


def test_no_escalation(place: Place) -> None:
    """A service that ignores TERM keeps supervise alive after -dx, until it is killed by hand."""
    x = service(place, "x", "#!/bin/sh\ntrap '' TERM\necho >ready\nwhile :; do sleep 0.1; done\n")
    running = supervise(place)
    pid = up(x)
    eventually((x / "ready").exists)
    svc(place, "dx")
    eventually(lambda: state(x).want == b"d")
    assert alive(pid)
    assert running.process.poll() is None
    svc(place, "k")
    assert running.wait() == 0


def test_pause(place: Place) -> None:
    """TERM waits while the service is stopped; d sends CONT after it."""
    x = service(place, "x")
    supervise(place)
    pid = up(x)
    svc(place, "p")
    eventually(lambda: state(x).paused)
    eventually(lambda: process_state(pid) == "T")
    svc(place, "t")
    svc(place, "p")
    eventually(lambda: process_state(pid) == "T")
    assert state(x).pid == pid
    svc(place, "c")
    second = up(x, but=pid)
    assert not state(x).paused
    svc(place, "p")
    eventually(lambda: process_state(second) == "T")
    svc(place, "d")
    down(x)
    assert not alive(second)


@pytest.mark.parametrize(("letter", "name"), [("h", "HUP"), ("a", "ALRM"), ("i", "INT"), ("t", "TERM")])
def test_signals(place: Place, letter: str, name: str) -> None:
    text = f"#!/bin/sh\ntrap 'echo {name} >got' {name}\necho >ready\nwhile :; do sleep 0.1; done\n"
    x = service(place, "x", text)
    supervise(place)
    pid = up(x)
    eventually((x / "ready").exists)
    svc(place, letter)
    eventually(lambda: (x / "got").exists() and (x / "got").read_text() == f"{name}\n")
    assert state(x).pid == pid


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGHUP, signal.SIGINT])
def test_death_of_supervise(place: Place, number: int) -> None:
    """The service goes on, svok tells, a new supervise starts a second copy."""
    x = service(place, "x")
    running = supervise(place)
    pid = up(x)
    running.signal(number)
    assert running.wait() == -number
    assert place.run("svok", "x").returncode == 100
    assert alive(pid)
    supervise(place)
    up(x, but=pid)
    assert alive(pid)


def test_unknown_children_are_buried(place: Place) -> None:
    """A process that supervise did not start, but became the parent of."""
    x = service(place, "x")
    (place.path / "start").write_text("#!/bin/sh\nsleep 0.2 &\nexec supervise x\n")
    (place.path / "start").chmod(0o755)
    place.own()
    running = place.start(place.path / "start")
    pid = up(x)
    eventually(lambda: children(running.pid) == [pid])
    svc(place, "d")
    down(x)


def test_changed_script_counts_at_the_next_start(place: Place) -> None:
    x = service(place, "x", "#!/bin/sh\nexec fghack sleep 1000\n")
    supervise(place)
    first = up(x)
    script(x, SLEEP)
    place.own()
    svc(place, "t")
    second = up(x, but=first)
    eventually(lambda: command_line(second) == b"sleep\0001000\0")


def test_long_life_needs_no_pause(place: Place) -> None:
    """Restarted at once, not a second later. A busy machine may need more than one attempt to show it."""
    x = service(place, "x")
    supervise(place)
    pid = up(x)
    for _ in range(10):
        eventually(lambda: time.time_ns() - state(x).since > 1_200_000_000)
        os.kill(pid, signal.SIGKILL)
        killed = time.time_ns()
        pid = up(x, but=pid)
        if state(x).since - killed < 700_000_000:
            return
    raise AssertionError("it always took about a second")


def test_clock_steps_do_not_matter(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause after a start is one of the monotonic clock, whatever the time of day does."""
    service(place, "x")
    monkeypatch.chdir(place.path)
    slept: list[float] = []
    keeper = Keeper.__new__(Keeper)
    keeper.directory, keeper.watched, keeper.stale, keeper.poll = "x", -1, False, select.poll()
    keeper.supervisor = Supervisor(0, True)
    monkeypatch.setattr(keepers.time, "sleep", slept.append)
    monkeypatch.setattr(keepers.time, "time", _no_such_clock)
    monkeypatch.setattr(keepers.launch, "fork", lambda *_: os.getpid())
    monkeypatch.setattr(Keeper, "announce", lambda self: None)
    keeper.start()
    keeper.unwatch()
    assert slept == [1]
    assert time.get_clock_info("monotonic").monotonic


def _no_such_clock() -> float:
    raise AssertionError("the time of day")


def test_rests_when_svc_has_gone(place: Place) -> None:
    """With no writer of its own supervise would find the end of file again and again."""
    x = service(place, "x")
    running = supervise(place)
    up(x)
    svc(place, "c")
    eventually(lambda: process_state(running.pid) == "S" and time.time_ns() - state(x).since > 1_200_000_000)
    before = cpu_ticks(running.pid)
    time.sleep(0.5)
    assert cpu_ticks(running.pid) - before < os.sysconf("SC_CLK_TCK") / 10
