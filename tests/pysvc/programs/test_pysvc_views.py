"""pysvc status, top and new"""

import fcntl
import json
import os
import re
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

import pytest

from tests.support.services import SLEEP, script, service, up
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


def test_no_permission_is_not_taken_for_no_supervise(place: Place) -> None:
    x = service(place, "x", down=True)
    (x / "supervise/ok").mkdir(parents=True)
    place.own()
    one = json.loads(place.run("pysvc", "status", "--json", "x").stdout)[0]
    assert (one["state"], one["trouble"]) == ("unknown", "supervise/ok: is a directory")
    (x / "supervise").chmod(0)
    done = place.run("pysvc", "status", "x")
    assert b"unknown" in done.stdout
    assert b"supervise/ok: access denied" in done.stdout
    assert done.returncode == 1


def named(place: Place, *arguments: str, cwd: Path | None = None) -> list[str]:
    """What stands in the first column."""
    shown = place.run("pysvc", "status", *arguments, cwd=cwd).stdout.decode().splitlines()[1:]
    return [re.split(r"  |(?<=/log) ", line)[0] for line in shown]


def test_names(place: Place) -> None:
    """However the directory is named, and whatever it is called: one column of a terminal."""
    long = "a-name-that-is-longer-than-the-others"
    for name in ("x", long, "\u65e5\u672c\u8a9e", "esc\x1b[31m", b"\xff".decode("utf-8", "surrogateescape")):
        service(place, f"s/{name}/log", SLEEP)
        script(place.path / "s" / name, SLEEP)
    place.own()
    assert named(place, "s/x/", "./s/x", "s/x/log/", "s/x/.") == ["x", "x", "x/log", "x"]
    assert named(place, ".", cwd=place.path / "s/x") == ["x"]
    lines = place.run("pysvc", "status", "s").stdout.decode().splitlines()
    at = {_columns(line.partition("not supervised")[0]) for line in lines[1:]}
    assert at == {lines[0].index("STATE")}
    assert [line.split()[0] for line in lines[1::2]] == [long, "esc?[31m", "x", "\u65e5\u672c\u8a9e", "?"]


def _columns(text: str) -> int:
    return len(text) + sum(letter > "\u2e80" for letter in text)


def test_output_that_cannot_be_written(place: Place) -> None:
    service(place, "x")
    with Path("/dev/full").open("wb") as full:
        running = place.start("pysvc", "status", "x", stdout=full, stderr=subprocess.PIPE)
        assert running.process.stderr is not None
        assert running.process.stderr.read() == b"pysvc: fatal: unable to write: out of disk space\n"
        assert running.wait() == 111


@pytest.mark.parametrize(
    "words",
    [("status", "--lines", "-1"), ("top", "--interval", "inf"), ("top", "--count", "-1"), ("deaths",)],
)
def test_nonsense(place: Place, words: tuple[str, ...]) -> None:
    service(place, "x")
    assert place.run("pysvc", *words, *["x"] * (words != ("deaths",))).returncode == 100


def test_many_lines_of_a_log(place: Place) -> None:
    x = service(place, "x/log", "#!/bin/sh\nexec multilog t './ma in'\n").parent
    script(x, SLEEP)
    (x / "log/ma in").mkdir()
    (x / "log/ma in/current").write_text("".join(f"{number:0100}\n" for number in range(500)))
    place.own()
    shown = json.loads(place.run("pysvc", "status", "--json", "--lines", "100", "x").stdout)
    assert [int(line) for line in shown[0]["log"]] == [*range(400, 500)]


# On a terminal


class Terminal:
    """A program on a terminal of its own, of some size."""

    def __init__(self, place: Place, *words: str, rows: int, columns: int, **env: str) -> None:
        self.reader, self.end = os.openpty()
        self.resize(rows, columns)
        given = {"TERM": "xterm", **env}
        streams = {"stdin": self.end, "stdout": self.end}
        self.running = place.start("pysvc", *words, env=given, preexec_fn=self._own, **streams)
        self.shown = b""

    def _own(self) -> None:
        """Control-C reaches who has the terminal for its own."""
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.end, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def until(self, text: bytes) -> bytes:
        """What is shown up to some text."""
        while text not in self.shown:
            self.shown += os.read(self.reader, 4096)
        found, _, self.shown = self.shown.partition(text)
        return found

    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self.end)[3] & termios.ECHO)

    def close(self) -> None:
        os.close(self.reader)
        os.close(self.end)


CLEAR = b"\x1b[2J"


@pytest.mark.parametrize("end", ["q", "\x03", "TERM"])
def test_top_on_a_terminal(place: Place, end: str) -> None:
    """Each picture fits; a key ends it, and the terminal is as it was."""
    for number in range(20):
        service(place, f"s/service{number:02}")
    (place.path / "s/service00").rename(place.path / "gone")
    terminal = Terminal(place, "top", "--interval", "0.1", "s", "gone", rows=10, columns=40)
    terminal.until(CLEAR)
    picture = terminal.until(CLEAR).split(b"\r\n")
    assert len(picture) == 10
    assert all(len(re.sub(rb"\x1b\[[0-9;]*[A-Za-z]", b"", line)) <= 40 for line in picture)
    assert not terminal.echoes()
    terminal.resize(30, 100)
    (place.path / "gone").rename(place.path / ".gone")
    eventually(lambda: len(terminal.until(CLEAR).split(b"\r\n")) == 23)
    if end == "TERM":
        terminal.running.signal(signal.SIGTERM)
    else:
        os.write(terminal.reader, end.encode())
    assert terminal.running.wait() == 0
    assert terminal.echoes()
    terminal.close()


def test_top_shows_what_is_used_now(place: Place) -> None:
    x = service(place, "x", "#!/bin/sh\nwhile :; do :; done\n")
    place.start("supervise", "x")
    up(x)
    done = place.run("pysvc", "top", "--count", "2", "--interval", "0.5", "x")
    first, second = (line.split()[4] for line in done.stdout.decode().splitlines() if line.startswith("x "))
    assert re.fullmatch(r"[0-9.]+s", first)
    assert float(second.removesuffix("%")) > 1


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colour_where_it_is_not_wanted(place: Place, env: dict[str, str]) -> None:
    service(place, "x")
    terminal = Terminal(place, "status", "x", rows=10, columns=100, **env)
    assert terminal.running.wait() == 1
    assert b"\x1b[" not in terminal.until(b"not supervised")
    terminal.close()


# deaths


def test_deaths(place: Place) -> None:
    x = service(place, "x", down=True)
    place.own()
    none = place.run("pysvc", "deaths", "x")
    assert none.returncode == 111
    assert none.stderr == b"pysvc: fatal: unable to read x/supervise: file does not exist\n"
    (x / "supervise").mkdir()
    place.own()
    assert place.run("pysvc", "deaths", "x").stdout == (
        b"no death is remembered: x/max-death-tally does not exist\n"
    )
    entries = "@400000006553f10a075bcbf4 111\n@400000006553f10c075bcbf4 SEGV\n"
    (x / "supervise/death_tally").write_text(entries)
    place.own()
    at = time.strftime("%F %T", time.localtime(1700000000))
    done = place.run("pysvc", "deaths", "--clear", "x")
    assert done.stdout.decode().splitlines()[0] == f"{at} exit code 111"
    assert done.stdout.decode().splitlines()[1].endswith(" signal SEGV")
    assert not (x / "supervise/death_tally").exists()
    (x / "max-death-tally").touch()
    assert place.run("pysvc", "deaths", "x", "x/").stdout == b"x: no death is remembered\n" * 2


# new


def test_new_takes_no_option_for_the_command(place: Place) -> None:
    """A misspelt one must not end up in the run script."""
    done = place.run("pysvc", "new", "./y", "--usr", "joe", "--", "sleep", "1")
    assert (done.returncode, os.listdir(place.path)) == (100, [])
    assert b"No such option" in done.stderr
    assert place.run("pysvc", "new", "./y", "--", "prog", "--user", "--down", "-x").returncode == 0
    assert (place.path / "y/run").read_text() == "#!/bin/sh\nexec prog --user --down -x 2>&1\n"


def test_new_without_log(place: Place) -> None:
    done = place.run("pysvc", "new", "./y", "--no-log", "--", "sleep", "1")
    assert done.stdout.decode().splitlines() == [
        "wrote ./y/run",
        f"have svscan find it with: ln -s {place.path / 'y'} /service/",
        "see it with: pysvc status ./y",
    ]
    assert os.listdir(place.path / "y") == ["run"]


@pytest.mark.parametrize(
    ("given", "written"), [("./main", "./main"), ("logs", "./logs"), ("{}/var/y", "{}/var/y")]
)
def test_new_makes_the_directory_of_the_log(place: Place, given: str, written: str) -> None:
    """multilog takes a word for a directory only if it begins with a dot or a slash."""
    given, written = given.format(place.path), written.format(place.path)
    done = place.run("pysvc", "new", "./y", "--log", given, "--", "sleep", "1")
    assert (place.path / "y/log/run").read_text() == f"#!/bin/sh\nexec multilog t {written}\n"
    assert (place.path / "y/log" / written).is_dir()
    assert (f"wrote {given}" in done.stdout.decode().splitlines()) == given.startswith("/")
    assert (place.path / "y/log/main").exists() == (given == "./main")


@pytest.mark.parametrize("words", [("./a\nb", "--", "x"), ("./y", "--", ""), ("./y/", "--", "x")])
def test_new_refuses_nonsense(place: Place, words: tuple[str, ...]) -> None:
    assert place.run("pysvc", "new", *words).returncode == 100
    assert os.listdir(place.path) == []


def test_new_leaves_nothing_half_made(place: Place) -> None:
    (place.path / "file").touch()
    done = place.run("pysvc", "new", "./y", "--log", str(place.path / "file/main"), "--", "sleep", "1")
    assert done.returncode == 111
    assert os.listdir(place.path) == ["file"]


def test_new_with_a_long_name(place: Place) -> None:
    assert place.run("pysvc", "new", "./" + "y" * 255, "--", "sleep", "1").returncode == 0


def test_new_warns_of_an_account_that_is_not_there(place: Place) -> None:
    done = place.run("pysvc", "new", "./y", "--user", "nobody-at-all", "--", "sleep", "1")
    assert done.stderr == b"pysvc: warning: there is no account nobody-at-all yet\n"
