"""svscan: the tree of processes that it keeps"""

import os
import pwd
import resource
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.processes import alive, children, command_line, process_state
from tests.support.services import lines, pid_of, scanning, service, state, supervises, up
from tests.support.world import Place, eventually, first_line

# A log program that shows on its standard output what came, and when it came to an end
LOG = "#!/bin/sh\nwhile read line; do echo \"$line\" >>lines; done\necho end of file >>lines\n"
TALKER = "#!/bin/sh\necho $$\nexec sleep 1000\n"


def test_no_directory(place: Place) -> None:
    done = place.run("svscan", "nowhere")
    message = b"svscan: fatal: unable to chdir to nowhere: file does not exist\n"
    assert (done.returncode, done.stderr) == (111, message)


def test_supervise_is_looked_up(place: Place) -> None:
    service(place, "service/a")
    running = scanning(place, stderr=subprocess.PIPE, env={"PATH": "/nowhere"})
    assert first_line(running) == "svscan: warning: unable to start supervise a: file does not exist\n"


def test_supervise_of_the_log_is_looked_up(place: Place) -> None:
    service(place, "service/a")
    service(place, "service/a/log")
    running = scanning(place, stderr=subprocess.PIPE, env={"PATH": "/nowhere"})
    assert {first_line(running), first_line(running)} == {
        f"svscan: warning: unable to start supervise {name}: file does not exist\n" for name in ("a", "a/log")
    }


def test_log_is_a_file(place: Place) -> None:
    (service(place, "service/a") / "log").touch()
    running = scanning(place, stderr=subprocess.PIPE)
    assert first_line(running) == "supervise: fatal: unable to chdir to log: not a directory\n"


def test_current_directory(place: Place) -> None:
    a = service(place, "service/a")
    running = place.start("svscan", cwd=place.path / "service")
    up(a)
    assert supervises(running).keys() == {"a"}


def test_title(place: Place) -> None:
    (place.path / "service").mkdir()
    place.own()
    running = scanning(place)
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
    running = scanning(place)
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
    running = scanning(place)
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
    running = scanning(place)
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
    running = scanning(place)
    talker, logger = up(a), up(log)
    old = supervises(running)
    running.signal(signal.SIGTERM)
    assert running.wait() == -signal.SIGTERM
    assert all(map(alive, [talker, logger, *old.values()]))
    another = scanning(place, stderr=subprocess.PIPE)
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
    running = scanning(place)
    up(a), up(log)
    (place.path / "service/a").rename(place.path / "service/.a")  # svscan starts nothing there any more
    assert place.run("svc", "-dx", "service/.a").returncode == 0
    eventually(lambda: "a" not in supervises(running))
    hidden = place.path / "service/.a/log"
    assert state(hidden).pid
    assert "end of file" not in lines(hidden / "lines")
    running.stop()
    eventually(lambda: "end of file" in lines(hidden / "lines"))


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


def _few_descriptors() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, 400))


def test_more_logs_than_descriptors(place: Place) -> None:
    """svscan takes what it may have for its pipes; the services get what it was given."""
    names = [f"service/s{number}{log}" for number in range(12) for log in ("", "/log")]
    paths = [service(place, name) for name in names]
    running = scanning(place, preexec_fn=_few_descriptors)
    pids = [up(path) for path in paths]
    assert _limit(running.pid) > 40
    assert {_limit(pid) for pid in pids} == {40}


def _limit(pid: int) -> int:
    text = Path(f"/proc/{pid}/limits").read_text()
    return next(int(line.split()[3]) for line in text.splitlines() if line.startswith("Max open files"))
