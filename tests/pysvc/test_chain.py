"""A chain in one process against the same chain by execve: the last program sees no difference

Launchers whose header differs, if only by a directory that does not exist, are another installation's:
between the two, programs are executed for real.
"""

import re
import subprocess
from pathlib import Path

import pytest

from pysvc.programs import CHAIN, PROGRAMS
from pysvc.unix import launchers
from tests.support.world import Place, eventually

# What a parent may leave behind and an exec keeps: signals blocked and ignored, a mask, a descriptor.
PARENT = """\
import os, signal, sys
for number in (signal.SIGPIPE, signal.SIGXFSZ):
    signal.signal(number, signal.SIG_DFL)
for number in (signal.SIGHUP, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGTERM])
os.umask(0o027)
os.dup2(os.open("/dev/null", os.O_RDONLY), 7)
os.execv(sys.argv[1], sys.argv[1:])
"""
FIELDS = "Name Umask Uid Gid Groups Threads SigBlk SigIgn SigCgt CapInh CapPrm CapEff CapAmb".split()
FIRST = [
    ["envuidgid", "root"],
    ["envdir", "env"],
    ["setlock", "-n", "lock"],
    ["softlimit", "-c", "4096", "-o", "77", "-f", "1000000"],
    ["pgrphack"],
    ["argv0", "envuidgid", "another-name", "root"],
]
BY_ROOT = [
    [["setuidgid", "daemon"], ["envuidgid", "root"]],
    [["setlock", "lock"], ["setuidgid", "nobody"]],
]
DESCRIPTORS = """\
exec 2>/dev/null
cd /proc/$$/fd
for fd in *; do
    [ "$fd" -lt 3 ] || readlink /proc/$$/fd/$fd && echo $fd
done
true  # the descriptor of the listing itself is gone
"""


@pytest.fixture
def other(place: Place) -> Path:
    """A second installation of the programs that chain, and of multilog."""
    (place.path / "env").mkdir()
    (place.path / "env/TZ").write_text("XYZ5")
    (place.path / "env/HOME").write_text("")
    (place.path / "env/LONG").write_text("x" * 5000)
    (place.path / "other").mkdir()
    place.own()
    header = launchers.header(place.world.python, [*place.world.path, "/does/not/exist"])
    for name, (_, kind) in PROGRAMS.items():
        if kind == CHAIN or name == "multilog":
            path = place.path / "other" / name
            path.write_bytes(header + launchers.last_line("pysvc", name))
            path.chmod(0o755)
    return place.path / "other"


def both_ways(place: Place, other: Path, chain: list[list[str]], last: list[str]) -> list[list[str]]:
    """The command of a chain whose programs share a process, and of one whose programs alternate."""
    kinds = [[place.world.bin], [place.world.bin, other]]
    commands = []
    for kind in kinds:
        words: list[str] = []
        for at, (name, *arguments) in enumerate(chain):
            words += [str(kind[at % len(kind)] / name), *arguments]
        commands.append([*words, *last])
    return commands


def seen(place: Place, command: list[str], as_root: bool) -> bytes:
    env = {"PATH": "/usr/bin:/bin", "HOME": "/x", "UID": "", "LC_ALL": "C"}
    done = place.run(
        place.world.python, "-IS", "-c", PARENT, *command, env=env, as_root=as_root, close_fds=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def status(output: bytes) -> list[bytes]:
    fields = dict(line.split(b":", 1) for line in output.splitlines())
    return [fields[name.encode()].strip() for name in FIELDS]


def compare(place: Place, other: Path, chain: list[list[str]], as_root: bool = False) -> None:
    for last in (
        ["/usr/bin/env", "-0"], ["/bin/pwd"], ["/bin/cat", "/proc/self/limits"],
        ["/bin/sh", "-c", DESCRIPTORS],
    ):  # fmt: skip
        one, two = (seen(place, command, as_root) for command in both_ways(place, other, chain, last))
        assert sorted(one.split(b"\0")) == sorted(two.split(b"\0")), last
    commands = both_ways(place, other, chain, ["/bin/cat", "/proc/self/status"])
    one, two = (seen(place, command, as_root) for command in commands)
    assert status(one) == status(two)


@pytest.mark.parametrize("first", FIRST, ids=lambda words: words[0])
def test_what_the_last_program_sees(place: Place, other: Path, first: list[str]) -> None:
    compare(place, other, [first, ["envuidgid", "daemon"]])


def test_a_long_chain(place: Place, other: Path) -> None:
    compare(place, other, [*FIRST, ["envdir", "env"]])


@pytest.mark.root
@pytest.mark.parametrize("chain", BY_ROOT, ids=lambda chain: chain[0][0])
def test_what_it_sees_after_root_stepped_down(place: Place, other: Path, chain: list[list[str]]) -> None:
    compare(place, other, chain, as_root=True)


def test_what_the_parent_left_is_kept(place: Place, other: Path) -> None:
    """So that the comparisons above compare something."""
    for command in both_ways(place, other, [FIRST[0], FIRST[4]], ["/bin/cat", "/proc/self/status"]):
        fields = dict(line.split(b":\t", 1) for line in seen(place, command, False).splitlines())
        assert fields[b"Umask"] == b"0027"
        assert int(fields[b"SigBlk"], 16) == 1 << 9 | 1 << 14
        assert int(fields[b"SigIgn"], 16) == 1 << 0 | 1 << 1
        assert int(fields[b"SigCgt"], 16) == 0


def test_the_environment_is_not_added_to(place: Place) -> None:
    """In the C locale the interpreter itself adds a variable."""
    done = place.run("env", "-i", place.world.bin / "envuidgid", "root", "/usr/bin/env")
    assert sorted(done.stdout.split()) == [b"GID=0", b"UID=0"]
    done = place.run("env", "-i", "LC_CTYPE=POSIX", place.world.bin / "pgrphack", "/usr/bin/env")
    assert done.stdout == b"LC_CTYPE=POSIX\n"


def test_entries_without_a_name(place: Place) -> None:
    envuidgid = str(place.world.bin / "envuidgid")
    done = place.run("env", "-i", "=x=y", "A=1", envuidgid, "root", envuidgid, "root", "/usr/bin/env")
    assert (done.returncode, done.stderr) == (0, b"")
    assert {b"A=1", b"GID=0", b"UID=0"} <= set(done.stdout.split())


def daemon(place: Place, command: list[str], as_root: bool) -> tuple[int, bytes, bytes, list[str]]:
    """Of a multilog at the end of a chain: words before its name, name, arguments, descriptors."""
    folder = Path(command[-1])
    running = place.start(*command, stdin=subprocess.PIPE, as_root=as_root)
    eventually(lambda: (folder / "current").exists() and (folder / "current").stat().st_mode & 0o777 == 0o644)
    proc = Path(f"/proc/{running.pid}")
    words = re.split(rb"[\0 ]+", (proc / "cmdline").read_bytes().rstrip(b"\0 "))
    at = next(n for n, word in enumerate(words) if word.rpartition(b"/")[2] == b"multilog")
    descriptors = sorted(link.name for link in (proc / "fd").iterdir())
    found = at, (proc / "comm").read_bytes(), b" ".join(words[at + 1 :]), descriptors
    assert running.process.stdin is not None
    running.process.stdin.close()
    assert running.wait() == 0
    return found


@pytest.mark.parametrize("as_root", [False, pytest.param(True, marks=pytest.mark.root)])
def test_a_daemon_looks_the_same(place: Place, other: Path, as_root: bool) -> None:
    ids = ["setuidgid", "daemon"] if as_root else ["envuidgid", "root"]
    log = place.path / "log"
    log.mkdir(mode=0o777)
    log.chmod(0o777)
    outcomes, last = [], ["multilog", "t", "+*", str(log)]
    for command in both_ways(place, other, [["setlock", "lock"], ["envdir", "env"], ids, last], []):
        outcomes.append(daemon(place, command, as_root))
        for file in log.iterdir():
            file.unlink()
    one, two = outcomes
    assert (one[0], two[0]) == (0, 2)  # a title; an interpreter and its option
    assert one[1:] == two[1:]
    assert one[1:3] == (b"multilog\n", f"t +* {log}".encode())


def test_a_program_that_cannot_be_executed_is_passed_by(place: Place, other: Path) -> None:
    """As in the search for any program: one of ours without its x bit is none."""
    (other / "pgrphack").chmod(0o644)
    done = place.run("envuidgid", "root", "pgrphack", "true", env={"PATH": f"{other}:{place.world.bin}:/bin"})
    assert done.returncode == 0
    done = place.run("envuidgid", "root", "pgrphack", "true", env={"PATH": str(other)})
    assert done.stderr == b"envuidgid: fatal: unable to run pgrphack: access denied\n"


def test_messages_are_those_of_the_program_that_speaks(place: Place) -> None:
    done = place.run("envuidgid", "root", "setlock", "lock", "softlimit", "-c", "1", "no")
    assert done.returncode == 111
    assert done.stderr == b"softlimit: fatal: unable to run no: file does not exist\n"
