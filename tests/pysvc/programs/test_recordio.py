"""recordio as a process, alone and beside the C program"""

import subprocess
from pathlib import Path

import pytest

from tests.support.world import Place, eventually

CLASSIC = Path("/usr/bin/recordio")
PROGRAMS = ["recordio", *([CLASSIC] if CLASSIC.exists() else [])]


def masked(
    place: Place, program: str | Path, stdin: bytes, *arguments: str
) -> tuple[int, bytes, list[bytes]]:
    """Exit code, output, and the log without pids, in the order of each direction."""
    done = place.run(program, *arguments, stdin=stdin)
    lines = done.stderr.split(b"\n")
    pids = {line.split(b" ")[0] for line in lines if b" < " in line or b" > " in line}
    assert len(pids) <= 1
    stripped = [line.partition(b" ")[2] for line in lines]
    return done.returncode, done.stdout, sorted(stripped, key=lambda line: line[:1])


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    ("data", "log"),
    [
        (b"", [b"[EOF]"]),
        (b"hello\n", [b"hello ", b"[EOF]"]),
        (b"\n", [b" ", b"[EOF]"]),
        (b"a\nb", [b"a ", b"b+", b"[EOF]"]),
        (b"a\r\n\0\xff\n", [b"a\r ", b"\0\xff ", b"[EOF]"]),
        (b"x" * 256 + b"\n", [b"x" * 256 + b"+", b" ", b"[EOF]"]),
        (b"x" * 255 + b"\n", [b"x" * 255 + b" ", b"[EOF]"]),
        (b"x" * 600 + b"\n", [b"x" * 256 + b"+", b"x" * 256 + b"+", b"x" * 88 + b" ", b"[EOF]"]),
    ],
)
def test_what_is_logged(place: Place, program: str | Path, data: bytes, log: list[bytes]) -> None:
    (place.path / "in").write_bytes(data)
    code, out, lines = masked(place, program, data, "sh", "-c", "cat >/dev/null; cat in; exit 7")
    inward = [line[2:] for line in lines if line.startswith(b"<")]
    outward = [line[2:] for line in lines if line.startswith(b">")]
    assert (code, inward, outward) == (7, log, log)
    assert out == data


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_pid_is_the_programs(place: Place, program: str | Path) -> None:
    done = place.run(program, "sh", "-c", "echo $$")
    pid = done.stdout.strip()
    assert pid + b" > " + pid + b" \n" in done.stderr


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_that_cannot_be_run(place: Place, program: str | Path) -> None:
    done = place.run(program, "./no")
    assert done.returncode == 111
    assert b"recordio: fatal: unable to run ./no: file does not exist\n" in done.stderr
    done = place.run(program)
    assert (done.returncode, done.stderr) == (100, b"recordio: usage: recordio program [ arg ... ]\n")


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_copier_ends_when_the_program_no_longer_reads(place: Place, program: str | Path) -> None:
    """The rest of the program's output is then lost."""
    script = "exec <&-; echo ready; while :; do echo more || exit 9; sleep 0.01; done"
    running = place.start(
        program, "sh", "-c", script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert running.process.stdout is not None and running.process.stdin is not None
    assert running.process.stdout.readline() == b"ready\n"
    running.process.stdin.write(b"x\n")
    running.process.stdin.flush()
    assert running.wait() != 0


def test_logged_before_it_is_passed_on(place: Place) -> None:
    log = place.path / "log"
    with log.open("wb") as err:
        running = place.start("recordio", "cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err)
    assert running.process.stdout is not None and running.process.stdin is not None
    running.process.stdin.write(b"one\n")
    running.process.stdin.flush()
    assert running.process.stdout.readline() == b"one\n"
    assert log.read_bytes() == b"%d < one \n%d > one \n" % (running.pid, running.pid)
    running.process.stdin.close()
    running.process.stdin = None
    assert running.wait() == 0
    eventually(lambda: log.read_bytes().count(b"[EOF]") == 2)


def test_a_program_of_ours_runs_in_place(place: Place) -> None:
    done = place.run("recordio", place.world.bin / "svok", "nowhere")
    assert done.returncode == 111
    assert b"svok: fatal: unable to chdir to nowhere: file does not exist\n" in done.stderr
    assert b" > [EOF]\n" in done.stderr

