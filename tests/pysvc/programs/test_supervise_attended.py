"""supervise with finish, time limits, readiness and back-off, and svc -w, as processes"""

import random
import signal
import subprocess
from pathlib import Path

import pytest

from pysvc.engines.attended import Attended
from pysvc.engines.supervisor import Supervisor
from pysvc.formats import state as states
from pysvc.formats import status
from pysvc.formats.servicefiles import Settings
from pysvc.supervision import waiting
from pysvc.supervision.attended import AttendedKeeper
from pysvc.supervision.keeper import Keeper
from tests.support.processes import alive
from tests.support.services import SLEEP, down, pid_of, service, state, up
from tests.support.world import Place, Running, eventually

STUBBORN = "#!/bin/sh\ntrap '' TERM\n(trap '' TERM; echo $$ >>kin; while :; do sleep 0.1; done) &\n" \
           "echo $! >child\nwhile :; do sleep 0.1; done\n"  # fmt: skip


def make(place: Place, run: str = SLEEP, finish: str = "", is_down: bool = False, **files: str) -> Path:
    x = service(place, "x", run, is_down)
    for name, text in files.items():
        (x / name.replace("_", "-")).write_text(text)
    if finish:
        (x / "finish").write_text(f"#!/bin/sh\n{finish}\n")
        (x / "finish").chmod(0o755)
    place.own()
    return x


def supervise(place: Place, **options: object) -> Running:
    return place.start("supervise", "x", **options)  # type: ignore[arg-type]


def svc(place: Place, *words: str, code: int = 0) -> bytes:
    done = place.run("svc", *words, "x")
    assert done.returncode == code, done.stderr
    return done.stderr


def doing(x: Path) -> str:
    try:
        return states.unpack((x / "supervise/state").read_bytes()).doing
    except FileNotFoundError:
        return ""


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def test_plain_service_has_no_state(place: Place) -> None:
    x = make(place)
    supervise(place)
    up(x)
    assert {path.name for path in (x / "supervise").iterdir()} - {"ok"} == {"lock", "control", "status"}


@pytest.mark.parametrize(("run", "words"), [("exit 7", "7 0"), ("kill -SEGV $$", f"256 {signal.SIGSEGV:d}")])
def test_finish(place: Place, run: str, words: str) -> None:
    x = make(place, f"#!/bin/sh\necho $$ >pid\n{run}\n", "echo \"$@\" >>args; exit 125")
    supervise(place)
    eventually(lambda: doing(x) == "failed")
    assert lines(x / "args") == [f"{words} x {(x / 'pid').read_text().strip()}"]
    assert len((x / "supervise/status").read_bytes()) == 18
    eventually(lambda: (state(x).pid, state(x).want) == (0, b"d"))


def test_finish_that_came_later(place: Place) -> None:
    """Looked for at each death."""
    x = make(place)
    supervise(place)
    up(x)
    (x / "finish").write_text("#!/bin/sh\necho >>args\n")
    (x / "finish").chmod(0o755)
    svc(place, "-d", "-wD")
    assert lines(x / "args") == [""]
    svc(place, "-u", "-wu")


def test_finish_cannot_be_started(place: Place) -> None:
    x = make(place, "#!/bin/sh\nexit 1\n")
    (x / "finish").touch()
    place.own()
    running = supervise(place, stderr=subprocess.PIPE)
    assert running.process.stderr is not None
    assert running.process.stderr.readline() == b"supervise: fatal: unable to start x/finish: access denied\n"
    up(x)


def test_slow_finish_is_killed(place: Place) -> None:
    x = make(place, SLEEP, "sleep 1000", timeout_finish="200")
    supervise(place)
    first = up(x)
    svc(place, "-t")
    up(x, but=first)


def test_nonsense_is_said(place: Place) -> None:
    x = make(place, timeout_kill="soon")
    running = supervise(place, stderr=subprocess.PIPE)
    assert running.process.stderr is not None
    said = running.process.stderr.readline()
    assert said == b"supervise: warning: unable to use x/timeout-kill: not a number\n"
    up(x)


def test_escalation_to_the_group(place: Place) -> None:
    x = make(place, STUBBORN, timeout_kill="300", flag_timeout_killpg="", max_death_tally="10")
    supervise(place)
    pid = up(x)
    child = int(str(eventually(lambda: lines(x / "child") and lines(x / "kin") and lines(x / "child")[0])))
    svc(place, "-d", "-wD")
    eventually(lambda: not alive(pid) and not alive(child))
    assert [line.split()[1] for line in lines(x / "supervise/death_tally")] == ["KILL"]


def test_down_signal(place: Place) -> None:
    text = "#!/bin/sh\ntrap 'echo >hup; exit' HUP\ntrap '' TERM\necho >trapped\n"
    x = make(place, text + "while :; do sleep 0.05; done\n", down_signal="HUP")
    supervise(place)
    up(x)
    eventually((x / "trapped").exists)
    svc(place, "-d", "-wd")
    assert (x / "hup").exists()


def test_down_signal_without_a_name(place: Place) -> None:
    """A real-time signal, as containers and virtual machines take it for the word to stop."""
    x = make(place, down_signal="37\n", max_death_tally="")
    supervise(place)
    up(x)
    svc(place, "-d", "-wD")
    assert [line.split()[1] for line in lines(x / "supervise/death_tally")] == ["SIG37"]


def test_readiness(place: Place) -> None:
    text = "#!/bin/sh\nmkfifo gate 2>/dev/null; read go <gate; echo yes >&5; exec 5>&-\nexec sleep 1000\n"
    x = make(place, text, notification_fd="5")
    supervise(place)
    up(x)
    svc(place, "-wU", "-T", "200", code=99)
    assert doing(x) == "up"
    eventually((x / "gate").exists)
    (x / "gate").write_text("go\n")
    svc(place, "-wU")
    assert doing(x) == "ready"


@pytest.mark.parametrize("content", ["100\n", "KILL"])
def test_permanent_failure(place: Place, content: str) -> None:
    """Down for good; -u is another try."""
    end = "exit 100" if content != "KILL" else "kill -KILL $$"
    text = f"#!/bin/sh\necho >>starts\nwhile [ ! -e go ]; do sleep 0.05; done\n{end}\n"
    x = make(place, text, is_down=True, permanent_failure=content)
    supervise(place)
    eventually(lambda: place.run("svok", "x").returncode == 0)
    (x / "go").touch()
    svc(place, "-u")
    eventually(lambda: doing(x) == "failed")
    assert len(lines(x / "starts")) == 1
    (x / "go").unlink()
    svc(place, "-u", "-wr")
    (x / "go").touch()
    eventually(lambda: doing(x) == "failed")
    assert len(lines(x / "starts")) == 2


def test_failure_ends_the_wait(place: Place) -> None:
    make(place, "#!/bin/sh\nexit 100\n", is_down=True, permanent_failure="100", notification_fd="5")
    supervise(place)
    eventually(lambda: place.run("svok", "x").returncode == 0)
    assert svc(place, "-u", "-wU", code=1) == b"svc: fatal: x: it has failed for good\n"


def test_backoff(place: Place) -> None:
    x = make(place, "#!/bin/sh\necho >>starts\n", backoff="600 600")
    supervise(place)
    eventually(lambda: len(lines(x / "starts")) == 3)  # at 0, 1 and 3 seconds
    assert eventually(lambda: doing(x) == "waiting")
    svc(place, "-u")
    eventually(lambda: len(lines(x / "starts")) == 4)


def test_wait_for_restart(place: Place) -> None:
    x = make(place)
    supervise(place)
    first = up(x)
    svc(place, "-t", "-wr")
    assert pid_of(x) not in (0, first)
    svc(place, "-wd", "-T", "100", code=99)
    svc(place, "-dx", "-wD")
    assert state(x).pid == 0


def test_wait_for_restarted_and_ready(place: Place) -> None:
    x = make(place, "#!/bin/sh\nsleep 0.3; echo >&5; exec 5>&-\nexec sleep 1000\n", notification_fd="5")
    supervise(place)
    first = up(x)
    svc(place, "-wU")
    svc(place, "-wR", "-T", "200", code=99)
    svc(place, "-t", "-wR")
    assert (doing(x), up(x) != first) == ("ready", True)


def test_time_over_is_said_of_each(place: Place) -> None:
    """0: look once."""
    x, y = make(place), service(place, "y")
    place.start("supervise", "y")
    supervise(place)
    up(x), up(y)
    assert svc(place, "-wu", "-T", "0", "y") == b""
    done = place.run("svc", "-wd", "-T", "0", "x", "y")
    assert done.returncode == 99
    assert done.stderr == b"svc: fatal: x: not down in 0 ms\nsvc: fatal: y: not down in 0 ms\n"


def test_restart_is_none_because_two_files_are_being_replaced(tmp_path: Path) -> None:
    """What counts is the time that stood there before, whether or not the state belongs to it just then."""
    (tmp_path / "supervise").mkdir()
    (tmp_path / "supervise/status").write_bytes(status.pack(status.Status(5500, 7, False, b"u")))
    (tmp_path / "supervise/state").write_bytes(states.pack(states.State("up", 4000, 7)))
    assert waiting.read(str(tmp_path)) == (None, None)
    assert waiting.Wanted(str(tmp_path), "r").since == 5500


def test_wait_without_supervise(place: Place) -> None:
    make(place)
    running = supervise(place)
    up(place.path / "x")
    running.signal(signal.SIGKILL)
    running.wait()
    assert b"svc: fatal: x: supervise not running\n" in svc(place, "-wu", code=102)


def test_ready_without_notification(place: Place) -> None:
    x = make(place)
    supervise(place)
    up(x)
    said = svc(place, "-wU")
    assert said == b"svc: warning: x/notification-fd does not exist: waiting for up, not for ready\n"


@pytest.mark.parametrize("words", [("-wq",), ("-Tx", "-wu"), ("-T", "-1")])
def test_bad_waits(place: Place, words: tuple[str, ...]) -> None:
    make(place)
    assert svc(place, *words, code=100).startswith(b"svc: illegal option -- ")


def test_tally_is_no_way_to_read_files(place: Place) -> None:
    """Whoever owns the supervise directory cannot have root copy somebody else's file into it."""
    x = make(place, "#!/bin/sh\nexit 3\n", max_death_tally="", permanent_failure="3")
    (place.path / "secret").write_text("@secret\n")
    (x / "supervise").mkdir()
    (x / "supervise/death_tally").symlink_to(place.path / "secret")
    place.own()
    supervise(place)
    eventually(lambda: doing(x) == "failed")
    assert [line.split()[1] for line in lines(x / "supervise/death_tally")] == ["3"]
    assert lines(place.path / "secret") == ["@secret"]


@pytest.mark.parametrize("seed", range(4))
def test_no_command_is_lost(place: Place, seed: int) -> None:
    """Whatever comes, however fast, while run and finish are slow to end: the last word counts."""
    text = "#!/bin/sh\ntrap 'sleep 0.2; exit 1' TERM\nwhile :; do sleep 0.05; done\n"
    x = make(place, text, "sleep 0.1", timeout_kill="2000")
    running = supervise(place)
    up(x)
    chance = random.Random(seed)
    for _ in range(12):
        letters = "".join(chance.choice("udt") for _ in range(chance.randint(1, 4)))
        wait = ["-w" + chance.choice("uDr"), "-T", str(chance.choice([0, 50, 300]))]
        done = place.run("svc", f"-{letters}", *wait, "x")
        assert done.returncode in (0, 99), done.stderr
    last = chance.choice("ud")
    svc(place, f"-{last}")
    wanted = b"u" if last == "u" else b"d"
    eventually(lambda: state(x).want == wanted)
    svc(place, "-t")
    if last == "u":
        up(x)
    else:
        down(x)
    svc(place, "-dx", "-wD")
    assert running.wait() == 0


def test_state_comes_before_status(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for the end of finish must not find a death without it."""
    written: list[str] = []
    keeper = AttendedKeeper.__new__(AttendedKeeper)
    keeper.supervisor = Attended(Supervisor(0, True), Settings(), 0, 0, False)
    monkeypatch.setattr(Keeper, "replace", lambda self, path, content: not written.append(path))
    keeper.announce()
    assert written == ["supervise/state", "supervise/status"]
