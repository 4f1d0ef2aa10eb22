"""What supervise gives to ./run, and what comes of it"""

import os
import resource
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.processes import command_line
from tests.support.services import SLEEP, script, service, state, supervising, svc, up
from tests.support.world import Place, eventually, first_line


def test_no_descriptor_of_its_own(place: Place) -> None:
    """Neither lock nor fifos, but 0, 1, 2 and whatever supervise itself inherited."""
    x = service(place, "x")
    read, write = os.pipe()
    supervising(place, pass_fds=[write], stdin=subprocess.DEVNULL)
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
        supervising(place, stdout=out, stdin=subprocess.DEVNULL, preexec_fn=_block_sigchld)
    assert descriptors(up(x)) == {0, 1, 2}
    words = _lines(place.path / "out")
    signals = dict(zip(words[::2], words[1::2], strict=True))
    assert {signals[name] for name in ("SigBlk:", "SigIgn:")} == {"0" * 16}


def _block_sigchld() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])


def _lines(path: Path) -> list[str]:
    return path.read_text().split() or [""]


def test_script_without_a_shell(place: Place) -> None:
    """An exec of one of ours is not handed to sh: no interpreter is started, the title tells."""
    x = service(place, "x", "#!/bin/sh\n# nothing else\nexec fghack \\\nsleep 1000 2>&1\n")
    supervising(place)
    pid = up(x)
    eventually(lambda: command_line(pid).startswith(b"fghack sleep 1000"))


@pytest.mark.parametrize(
    "run", ["echo -n; exec fghack sleep 1", "exec 'fghack' sleep 1000", "PATH=$PATH exec fghack sleep 1000"]
)
def test_script_with_a_shell(place: Place, run: str) -> None:
    x = service(place, "x", f"#!/bin/sh\n{run}\n")
    supervising(place)
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
            running = supervising(place, env=given, stdout=out)
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
    running = supervising(place, stderr=subprocess.PIPE)
    for _ in range(2):
        assert first_line(running) == f"supervise: fatal: unable to start x/run: {words}\n"


def test_no_child_to_be_had(place: Place) -> None:
    """The only moment in which `want up` is seen of a service that is down."""
    x = service(place, "x")
    running = supervising(place, stderr=subprocess.PIPE, preexec_fn=_no_processes)
    warning = "supervise: warning: unable to fork for x, sleeping 60 seconds: temporary failure\n"
    assert first_line(running) == warning
    assert (state(x).pid, state(x).want) == (0, b"u")
    stat_line = place.run("svstat", "x").stdout.decode()
    assert stat_line.startswith("x: down ")
    assert stat_line.endswith(" seconds, normally up, want up\n")


def _no_processes() -> None:
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def test_changed_script_counts_at_the_next_start(place: Place) -> None:
    x = service(place, "x", "#!/bin/sh\nexec fghack sleep 1000\n")
    supervising(place)
    first = up(x)
    script(x, SLEEP)
    place.own()
    svc(place, "t")
    second = up(x, but=first)
    eventually(lambda: command_line(second) == b"sleep\0001000\0")
