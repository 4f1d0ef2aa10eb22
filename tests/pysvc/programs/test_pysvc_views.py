"""pysvc status, top and new"""

import json
import os
import subprocess
from pathlib import Path

from tests.support.services import service, up
from tests.support.world import Place, eventually


def scanned(place: Place) -> Path:
    """A directory of services with a svscan over it."""
    (place.path / "service").mkdir(exist_ok=True)
    place.own()
    place.start("svscan", "service", stdin=subprocess.DEVNULL)
    return place.path / "service"


def test_new_service_runs_and_is_shown(place: Place) -> None:
    scan = scanned(place)
    command = ("sh", "-c", "echo 'it is said'; exec sleep 1000")
    made = place.run("pysvc", "new", "talk", "--service", "service", "--", *command)
    assert (made.returncode, made.stderr) == (0, b"")
    assert made.stdout.decode().splitlines()[:2] == ["wrote service/talk/run", "wrote service/talk/log/run"]
    text = "#!/bin/sh\nexec sh -c 'echo '\"'\"'it is said'\"'\"'; exec sleep 1000' 2>&1\n"
    assert (scan / "talk/run").read_text() == text
    assert (scan / "talk/log/run").read_text() == "#!/bin/sh\nexec multilog t ./main\n"
    assert os.access(scan / "talk/run", os.X_OK)
    pid = up(scan / "talk")
    up(scan / "talk/log")
    current = scan / "talk/log/main/current"
    eventually(lambda: current.exists() and "it is said" in current.read_text())
    done = place.run("pysvc", "status", "--json", "service")
    shown = json.loads(done.stdout)
    assert [one["service"] for one in shown] == ["service/talk", "service/talk/log"]
    assert (shown[0]["state"], shown[0]["pid"], shown[0]["processes"]) == ("up", pid, 1)
    assert shown[0]["memory"] > 0
    assert shown[0]["log"][-1].endswith(" it is said")
    assert done.returncode == 0
    lines = place.run("pysvc", "status", "service").stdout.decode().splitlines()
    assert lines[1].split()[:3] == ["talk", "up", str(pid)]
    assert lines[2].endswith(" it is said")
    assert lines[3].split()[:2] == ["talk/log", "up"]


def test_status_tells_of_the_last_death(place: Place) -> None:
    x = service(place, "x", "#!/bin/sh\nexit 100\n")
    (x / "permanent-failure").write_text("100")
    place.own()
    place.start("supervise", "x")
    eventually(lambda: b"failed" in place.run("pysvc", "status", "x").stdout)
    done = place.run("pysvc", "status", "x")
    assert b"normally up, last death: exit code 100" in done.stdout
    assert done.returncode == 1


def test_not_supervised(place: Place) -> None:
    service(place, "x")
    done = place.run("pysvc", "status", "--json", "x")
    assert (json.loads(done.stdout)[0]["state"], done.returncode) == ("not supervised", 1)


def test_nowhere(place: Place) -> None:
    done = place.run("pysvc", "status", "nowhere")
    assert done.returncode == 111
    assert done.stderr == b"pysvc: fatal: unable to read nowhere: file does not exist\n"


def test_top(place: Place) -> None:
    service(place, "x")
    done = place.run("pysvc", "top", "--count", "2", "--interval", "0.1", "x")
    assert done.returncode == 0
    assert done.stdout.count(b"SERVICE") == 2


def test_new_refuses(place: Place) -> None:
    service(place, "x")
    for name in ("./x", ".hidden", ""):
        done = place.run("pysvc", "new", name, "--", "sleep", "1")
        assert done.returncode == 100
    done = place.run("pysvc", "new", "./y", "--log-user", "nobody-at-all", "--", "sleep", "1")
    assert done.returncode == 111
    assert [path.name for path in place.path.iterdir()] == ["x"]


def test_new_that_stays_down(place: Place) -> None:
    done = place.run("pysvc", "new", "./y", "--down", "--user", "joe", "--", "sleep", "1")
    assert done.returncode == 0
    assert (place.path / "y/down").exists()
    assert (place.path / "y/run").read_text() == "#!/bin/sh\nexec setuidgid joe sleep 1 2>&1\n"
    assert b"svc -u ./y" in done.stdout


def test_lines_do_no_harm_to_a_terminal(place: Place) -> None:
    x = service(place, "x/log", "#!/bin/sh\nexec multilog t ./main\n").parent
    (x / "run").touch()
    (x / "log/main").mkdir()
    (x / "log/main/current").write_bytes(b"\x1b]0;woe\x07 \xff\n@4000000065 short\n")
    place.own()
    shown = json.loads(place.run("pysvc", "status", "--json", "x").stdout)
    assert shown[0]["log"] == ["?]0;woe? \ufffd", "@4000000065 short"]


def test_all_that_an_attended_service_tells(place: Place) -> None:
    x = service(place, "x", "#!/bin/sh\necho >&4; exec sleep 1000\n")
    (x / "notification-fd").write_text("4\n")
    (x / "max-death-tally").touch()
    (x / "finish").write_text("#!/bin/sh\nexec sleep 1000\n")
    (x / "finish").chmod(0o755)
    (x / "timeout-finish").write_text("0")
    place.own()
    place.start("supervise", "x")

    def shown() -> dict[str, object]:
        found: list[dict[str, object]] = json.loads(place.run("pysvc", "status", "--json", "x").stdout)
        return found[0]

    eventually(lambda: shown()["state"] == "ready")
    assert shown()["ready"]
    assert place.run("svc", "-k", "x").returncode == 0
    eventually(lambda: shown()["state"] == "finishing")
    last = shown()
    assert last["finish"]
    assert last["ready"] is None
    assert [death["cause"] for death in last["deaths"]] == ["signal KILL"]  # type: ignore[attr-defined]


def test_colour_on_a_terminal_alone(place: Place) -> None:
    service(place, "x")
    plain = place.run("pysvc", "status", "x").stdout
    assert b"\x1b[" not in plain
    reader, terminal = os.openpty()
    running = place.start("pysvc", "status", "x", stdout=terminal, env={"TERM": "xterm"})
    assert running.wait() == 1
    os.close(terminal)
    shown = os.read(reader, 4096)
    os.close(reader)
    assert b"\x1b[31mnot supervised" in shown
