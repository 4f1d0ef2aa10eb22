"""svscan: its passes, and the tree of processes it keeps"""

import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pysvc.engines.scanner import LIMIT, Scanner
from pysvc.programs import svscan
from tests.support.processes import alive, children, command_line, process_state
from tests.support.services import pid_of, script, service, state, up
from tests.support.world import Place, Running, eventually

# A log program that shows on its standard output what came, and when it came to an end
LOG = "#!/bin/sh\nwhile read line; do echo \"$line\" >>lines; done\necho end of file >>lines\n"
TALKER = "#!/bin/sh\necho $$\nexec sleep 1000\n"


@pytest.fixture
def scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator["Passes"]:
    monkeypatch.chdir(tmp_path)
    passes = Passes(tmp_path)
    monkeypatch.setattr(svscan, "start", passes.start)
    monkeypatch.setattr(svscan, "warn", passes.warn)
    yield passes
    for made in passes.scanner.services.values():
        for fd in made.pipe or ():
            os.close(fd)


class Passes:
    """svscan's passes over a real directory, with no processes behind them."""

    def __init__(self, path: Path) -> None:
        self.path, self.scanner = path, Scanner()
        self.started: list[str] = []
        self.warnings: list[str] = []
        self.pid = 100

    def start(self, what: str, child: Callable[[], int]) -> int:
        self.started.append(what)
        self.pid += 1
        return self.pid

    def warn(self, program: str, text: str, error: OSError | None = None) -> None:
        self.warnings.append(text)

    def look(self) -> list[str]:
        """One pass; what it started."""
        self.started = []
        svscan.look(self.scanner)
        return sorted(self.started)

    def bury(self) -> None:
        for pid in range(101, self.pid + 1):
            self.scanner.died(pid)


def test_what_is_a_service(scan: Passes) -> None:
    for name in ("a", ".hidden", "b"):
        (scan.path / name).mkdir()
    (scan.path / "file").touch()
    (scan.path / "link").symlink_to("a")
    (scan.path / "dangling").symlink_to("nowhere")
    first = scan.look()
    assert first in (["a", "b"], ["b", "link"])
    assert scan.look() == []
    assert scan.warnings == ["unable to stat dangling"] * 2


@pytest.mark.parametrize("kind", ["directory", "file", "link"])
def test_any_log_counts(scan: Passes, kind: str) -> None:
    (scan.path / "a").mkdir()
    log = scan.path / "a/log"
    if kind == "directory":
        log.mkdir()
    elif kind == "file":
        log.touch()
    else:
        (scan.path / ".elsewhere").mkdir()
        log.symlink_to("../.elsewhere")
    assert scan.look() == ["a", "a/log"]


def test_log_is_decided_once(scan: Passes) -> None:
    (scan.path / "a").mkdir()
    (scan.path / "b/log").mkdir(parents=True)
    scan.look()
    (scan.path / "a/log").mkdir()
    (scan.path / "b/log").rmdir()
    scan.bury()
    assert scan.look() == ["a", "b", "b/log"]


def test_log_cannot_be_told(scan: Passes) -> None:
    (scan.path / "a").mkdir()
    (scan.path / "a/log").symlink_to("log")
    assert scan.look() == []
    assert scan.warnings == ["unable to stat a/log"]
    (scan.path / "a/log").unlink()
    assert scan.look() == ["a"]


def test_rename_and_replacement(scan: Passes) -> None:
    (scan.path / "a").mkdir()
    scan.look()
    (scan.path / "a").rename(scan.path / "b")
    assert scan.look() == []
    (scan.path / "a").mkdir()
    assert scan.look() == ["a"]
    scan.bury()
    assert scan.look() == ["a", "b"]


def test_removed_service_is_forgotten(scan: Passes) -> None:
    """But only when its processes are gone; then its pipe is closed."""
    (scan.path / "a/log").mkdir(parents=True)
    scan.look()
    [made] = scan.scanner.services.values()
    assert made.pipe is not None
    (scan.path / "a").rename(scan.path / ".a")
    scan.look()
    assert len(scan.scanner.services) == 1
    os.fstat(made.pipe[0])
    scan.bury()
    scan.look()
    assert scan.scanner.services == {}
    for fd in made.pipe:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)


def test_pipe_is_closed_on_exec(scan: Passes) -> None:
    (scan.path / "a/log").mkdir(parents=True)
    scan.look()
    [made] = scan.scanner.services.values()
    assert [os.get_inheritable(fd) for fd in made.pipe or ()] == [False, False]


def test_too_many(scan: Passes) -> None:
    for inode in range(LIMIT):
        scan.scanner.add((0, inode), None).pid = 1
    (scan.path / "a").mkdir()
    assert scan.look() == []
    assert scan.warnings == ["unable to start a: running too many services"]


def test_unreadable_directory_forgets_nothing(scan: Passes, monkeypatch: pytest.MonkeyPatch) -> None:
    (scan.path / "a").mkdir()
    scan.look()
    scan.bury()

    def fail(path: str) -> list[str]:
        raise PermissionError(13, "no")

    monkeypatch.setattr(svscan.os, "listdir", fail)
    assert scan.look() == []
    assert scan.warnings == ["unable to read directory"]
    assert len(scan.scanner.services) == 1


def test_pause_is_measured_on_the_monotonic_clock(scan: Passes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step of the time of day makes it neither longer nor shorter."""
    waited: list[float] = []

    def wait(numbers: object, seconds: float) -> int:
        waited.append(seconds)
        return svscan.CHANGED if len(waited) == 1 else 0

    def no_such_clock() -> float:
        raise AssertionError("the time of day")

    monkeypatch.setattr(svscan.signals, "wait", wait)
    for name in ("time", "time_ns"):
        monkeypatch.setattr(svscan.time, name, no_such_clock)
    svscan.pause(scan.scanner)
    assert [round(seconds) for seconds in waited] == [5, 5]


# As a process


def start(place: Place, **options: object) -> Running:
    return place.start("svscan", "service", **{"stdin": subprocess.DEVNULL, **options})  # type: ignore[arg-type]


def first_line(running: Running) -> str:
    assert running.process.stderr is not None
    return str(running.process.stderr.readline().decode())


def supervises(running: Running) -> dict[str, int]:
    """The pids of the supervise processes by their argument."""
    found = {}
    for pid in children(running.pid):
        words = command_line(pid).rstrip(b"\0").replace(b"\0", b" ").split()
        if len(words) > 1 and words[-2].endswith(b"supervise") and process_state(pid) != "Z":
            found[words[-1].decode()] = pid
    return found


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def test_no_directory(place: Place) -> None:
    done = place.run("svscan", "nowhere")
    message = b"svscan: fatal: unable to chdir to nowhere: file does not exist\n"
    assert (done.returncode, done.stderr) == (111, message)


def test_supervise_is_looked_up(place: Place) -> None:
    service(place, "service/a")
    running = start(place, stderr=subprocess.PIPE, env={"PATH": "/nowhere"})
    assert first_line(running) == "svscan: warning: unable to start supervise a: file does not exist\n"


def test_supervise_of_the_log_is_looked_up(place: Place) -> None:
    service(place, "service/a")
    service(place, "service/a/log")
    running = start(place, stderr=subprocess.PIPE, env={"PATH": "/nowhere"})
    assert {first_line(running), first_line(running)} == {
        f"svscan: warning: unable to start supervise {name}: file does not exist\n" for name in ("a", "a/log")
    }


def test_log_is_a_file(place: Place) -> None:
    (service(place, "service/a") / "log").touch()
    running = start(place, stderr=subprocess.PIPE)
    assert first_line(running) == "supervise: fatal: unable to chdir to log: not a directory\n"


def test_current_directory(place: Place) -> None:
    a = service(place, "service/a")
    running = place.start("svscan", cwd=place.path / "service")
    up(a)
    assert supervises(running).keys() == {"a"}


def test_title(place: Place) -> None:
    (place.path / "service").mkdir()
    place.own()
    running = start(place)
    eventually(lambda: command_line(running.pid).rstrip(b"\0") == b"svscan service")


def test_a_program_that_cannot_be_loaded(place: Place) -> None:
    """svscan goes on without it; who runs it is told."""
    broken = place.path / "bin"
    broken.mkdir()
    for name in ("svscan", "supervise"):
        (broken / name).write_bytes((place.world.bin / name).read_bytes())
        (broken / name).chmod(0o755)
    text = (place.world.bin / "multilog").read_bytes().replace(b'"multilog"', b'"no-such-program"')
    (broken / "multilog").write_bytes(text)
    (broken / "multilog").chmod(0o755)
    a = service(place, "service/a", "#!/bin/sh\nexec multilog t ./main\n")
    path = {"PATH": f"{broken}:/bin"}
    running = place.start(broken / "svscan", "service", env=path, stderr=subprocess.PIPE)
    assert first_line(running).startswith("no-such-program: fatal: internal bug: ModuleNotFoundError")
    assert alive(running.pid)
    assert (a / "supervise/status").exists()


def test_tree(place: Place) -> None:
    """Logged and not logged; no descriptor of one service in another."""
    a = service(place, "service/a", TALKER)
    log = service(place, "service/a/log", LOG)
    b = service(place, "service/b")
    (place.path / "service/again").symlink_to("b")
    running = start(place)
    talker, quiet, _ = up(a), up(b), up(log)
    eventually(lambda: lines(log / "lines") == [str(talker)])
    assert sum(1 for pid in children(running.pid) if process_state(pid) != "Z") == 3
    for pid in (talker, quiet):
        eventually(lambda pid=pid: command_line(pid) == b"sleep\0001000\0")
        assert set(os.listdir(f"/proc/{pid}/fd")) == {"0", "1", "2"}
    assert os.readlink(f"/proc/{quiet}/fd/1") == os.readlink(f"/proc/{running.pid}/fd/1")
    assert os.readlink(f"/proc/{talker}/fd/2") == os.readlink(f"/proc/{running.pid}/fd/2")
    assert os.getpgid(talker) == os.getpgid(running.pid)


def test_what_dies_comes_back(place: Place) -> None:
    """Either supervise, or the log program: the pipe survives, nothing written meanwhile is lost."""
    a = service(place, "service/a", TALKER)
    log = service(place, "service/a/log", LOG)
    running = start(place)
    talker, logger = up(a), up(log)
    eventually(lambda: lines(log / "lines") == [str(talker)])
    before = supervises(running)
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    os.kill(logger, signal.SIGKILL)
    os.kill(talker, signal.SIGKILL)
    eventually(lambda: not any(map(alive, before.values())))
    second = up(a, but=talker)
    up(log, but=logger)
    eventually(lambda: lines(log / "lines") == [str(talker), str(second)])
    after = supervises(running)
    assert after.keys() == {"a", "log"}
    assert not set(after.values()) & set(before.values())


def test_what_has_died_waits_for_the_next_look(place: Place) -> None:
    """svscan does not wake for it, so it is a zombie. Where a look comes just then, another is killed."""
    a = service(place, "service/a")
    running = start(place)
    up(a)
    for _ in range(5):
        killed = int(str(eventually(lambda: supervises(running).get("a"))))
        os.kill(killed, signal.SIGKILL)
        eventually(lambda killed=killed: not alive(killed))
        time.sleep(0.5)
        if process_state(killed) == "Z":
            return
    raise AssertionError("buried at once")


def test_death_of_svscan(place: Place) -> None:
    """Everything goes on; a new svscan's supervise cannot have the lock; svc -dx ends the old ones."""
    a = service(place, "service/a", TALKER)
    log = service(place, "service/a/log", LOG)
    running = start(place)
    talker, logger = up(a), up(log)
    old = supervises(running)
    running.signal(signal.SIGTERM)
    assert running.wait() == -signal.SIGTERM
    assert all(map(alive, [talker, logger, *old.values()]))
    another = start(place, stderr=subprocess.PIPE)
    refused = "supervise: fatal: unable to acquire {}/supervise/lock: temporary failure\n"
    assert {first_line(another), first_line(another)} == {refused.format("a"), refused.format("log")}
    assert (pid_of(a), pid_of(log)) == (talker, logger)
    assert place.run("svc", "-dx", "service/a", "service/a/log").returncode == 0
    up(a, but=talker)
    up(log, but=logger)
    eventually(lambda: len(supervises(another)) == 2)


def test_log_sees_the_end(place: Place) -> None:
    """When svscan, supervise and the service are gone, and not before."""
    a = service(place, "service/a", TALKER)
    log = service(place, "service/a/log", LOG)
    running = start(place)
    up(a), up(log)
    (place.path / "service/a").rename(place.path / "service/.a")  # svscan starts nothing there any more
    assert place.run("svc", "-dx", "service/.a").returncode == 0
    eventually(lambda: "a" not in supervises(running))
    hidden = place.path / "service/.a/log"
    assert state(hidden).pid
    assert "end of file" not in lines(hidden / "lines")
    running.stop()
    eventually(lambda: "end of file" in lines(hidden / "lines"))


def test_late_service(place: Place) -> None:
    (place.path / "service").mkdir()
    place.own()
    start(place)
    a = service(place, "service/.a")
    script(a, "#!/bin/sh\nexec fghack sleep 1000\n")
    a = a.rename(place.path / "service/a")
    pid = up(a)
    eventually(lambda: command_line(pid).startswith(b"fghack sleep 1000"))


@pytest.mark.root
def test_log_as_another_user(place: Place) -> None:
    """The document's log script: no shell, no new interpreter, and nothing of root's left."""
    a = service(place, "service/a", TALKER)
    log = service(place, "service/a/log", "#!/bin/sh\nexec setuidgid nobody multilog t ./main\n")
    place.start("svscan", "service", as_root=True, stdin=subprocess.DEVNULL)
    talker, logger = up(a), up(log)
    eventually(lambda: command_line(logger).startswith(b"multilog t ./main"))
    eventually(lambda: any(str(talker) in line for line in lines(log / "main/current")))
    fields = Path(f"/proc/{logger}/status").read_text().splitlines()
    ids = {line.split(":")[0]: set(line.split()[1:]) for line in fields}
    nobody = pwd.getpwnam("nobody")
    assert ids["Uid"] == {str(nobody.pw_uid)}
    assert ids["Gid"] == ids["Groups"] == {str(nobody.pw_gid)}
    assert (log / "supervise/lock").stat().st_uid == 0
    assert place.run("svc", "-dx", "service/a/log", as_root=True).returncode == 0
    eventually(lambda: state(log).want == b"d")


def test_incomplete_service_waits_for_the_next_look(scan: Passes) -> None:
    """A change in the directory starts what has a run file; somebody may be writing the others."""
    (scan.path / "a").mkdir()
    svscan.look(scan.scanner, complete=True)
    assert scan.started == []
    (scan.path / "a/run").touch()
    settle(scan.path / "a")
    assert not svscan.look(scan.scanner, complete=True)
    assert scan.started == ["a"]
    (scan.path / "b").mkdir()
    assert scan.look() == ["b"]


def settle(path: Path) -> None:
    """As if the last change had been a second ago."""
    before = time.time() - 1
    for name in (path / "run", path):
        os.utime(name, (before, before))


@pytest.mark.parametrize("changed", ["", "run"])
def test_log_that_is_still_being_copied(scan: Passes, changed: str) -> None:
    """As by cp -r: with its run file a service is not complete, and its log is decided once."""
    (scan.path / "a").mkdir()
    (scan.path / "a/run").touch()
    settle(scan.path / "a")
    os.utime(scan.path / "a" / changed)
    assert svscan.look(scan.scanner, complete=True)
    assert scan.started == []
    (scan.path / "a/log").mkdir()
    settle(scan.path / "a")
    assert not svscan.look(scan.scanner, complete=True)
    assert sorted(scan.started) == ["a", "a/log"]


@pytest.mark.parametrize("changes", [True, False])
def test_looks_again_when_nobody_writes_any_more(
    scan: Passes, monkeypatch: pytest.MonkeyPatch, changes: bool
) -> None:
    """But five seconds are the limit, however many changes come: supervises that have died wait for it."""
    now, growing = 0.0, iter([True, True, False])

    def wait(numbers: object, seconds: float) -> int:
        nonlocal now
        now += 0.01 if changes or not looks else seconds
        assert now < 60
        return svscan.CHANGED if changes or not looks else 0

    looks: list[float] = []
    monkeypatch.setattr(svscan.signals, "wait", wait)
    monkeypatch.setattr(svscan.time, "monotonic", lambda: now)
    monkeypatch.setattr(svscan.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(svscan, "look", lambda *_, complete: looks.append(now) or next(growing, False))
    svscan.pause(scan.scanner)
    assert 5 <= now < 5.1
    if changes:
        assert len(looks) >= 499
    else:
        assert [round(at, 2) for at in looks] == [0.01, 0.21, 0.41]


def paused(place: Place) -> Running:
    """A svscan that has made its first look at an empty directory, and pauses."""
    (place.path / "service").mkdir()
    place.own()
    running = start(place)
    title = b"svscan service"
    eventually(lambda: command_line(running.pid).rstrip(b"\0") == title and process_state(running.pid) == "S")
    return running


def test_new_service_is_noticed(place: Place) -> None:
    """In turn, each after the one before is up: five seconds apart without the kernel's word.

    A busy machine may need more than three to show it.
    """
    paused(place)
    begin, quick = time.monotonic(), 0
    for name in "abcdefghij":
        hidden = service(place, f"service/.{name}")
        up(hidden.rename(place.path / "service" / name))
        begin, before = time.monotonic(), begin
        quick += begin - before < 3
        if quick == 3:
            return
    raise AssertionError("most of them had to wait")


def test_alarm_makes_it_look(place: Place) -> None:
    """Also at a supervise that has died, and its children do not have the signal blocked."""
    running = paused(place)
    a = service(place, "service/.a").rename(place.path / "service/a")
    pid = up(a)
    before = supervises(running)
    for _ in range(3):
        killed = supervises(running)["a"]
        os.kill(killed, signal.SIGKILL)
        eventually(lambda killed=killed: not alive(killed))
        running.signal(signal.SIGALRM)
        eventually(lambda killed=killed: supervises(running).get("a", killed) != killed)
    assert supervises(running) != before
    blocked = int(_status(supervises(running)["a"], "SigBlk"), 16)
    assert not blocked & (1 << (signal.SIGALRM - 1) | 1 << (signal.SIGIO - 1))
    assert int(_status(up(a, but=pid), "SigBlk"), 16) == 0


def _status(pid: int, name: str) -> str:
    text = Path(f"/proc/{pid}/status").read_text()
    return next(line.split(":\t")[1] for line in text.splitlines() if line.startswith(f"{name}:"))
