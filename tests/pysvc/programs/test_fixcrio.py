"""fixcrio as a process, each case also with the C program where that is installed"""

import subprocess
from pathlib import Path

import pytest

from tests.support.world import Place

CLASSIC = Path("/usr/bin/fixcrio")
both = pytest.mark.parametrize("program", ["fixcrio", *([str(CLASSIC)] if CLASSIC.exists() else [])])


@both
@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        (b"", b""),
        (b"a\nb\r\nc", b"a\r\nb\r\nc"),
        (b"\n\r\r\n\n\r", b"\r\n\r\r\n\r\n\r"),
        (b"\0\xff\n", b"\0\xff\r\n"),
        (b"x" * 255 + b"\r\n" + b"\n" * 9000, b"x" * 255 + b"\r\n" * 9001),
    ],
)
def test_both_ways(place: Place, program: str, text: bytes, fixed: bytes) -> None:
    (place.path / "in").write_bytes(text)
    done = place.run(program, "sh", "-c", "cat >got; cat in", stdin=text)
    assert (done.returncode, done.stdout, done.stderr) == (0, fixed, b"")
    assert (place.path / "got").read_bytes() == fixed


@both
def test_a_cr_is_remembered_between_chunks(place: Place, program: str) -> None:
    process = place.start(program, "cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0).process
    assert process.stdin is not None and process.stdout is not None
    for chunk, fixed in ((b"a\r", b"a\r"), (b"\n", b"\n"), (b"\n", b"\r\n")):
        process.stdin.write(chunk)
        got = b""
        while len(got) < len(fixed):
            got += process.stdout.read(1)
        assert got == fixed


@both
def test_the_process_is_the_programs(place: Place, program: str) -> None:
    running = place.start(program, "sh", "-c", "echo $$; exit 7", stdout=subprocess.PIPE)
    assert running.process.stdout is not None
    assert running.process.stdout.read() == b"%d\r\n" % running.pid
    assert running.wait() == 7
    assert place.run(program, "sh", "-c", "kill -9 $$").returncode == -9


@both
def test_a_program_that_cannot_be_run(place: Place, program: str) -> None:
    done = place.run(program, "./no")
    text = b"fixcrio: fatal: unable to run ./no: file does not exist\n"
    assert (done.returncode, done.stderr) == (111, text)
    done = place.run(program)
    assert (done.returncode, done.stderr) == (100, b"fixcrio: usage: fixcrio program [ arg ... ]\n")


@both
def test_much_in_both_directions_at_once(place: Place, program: str) -> None:
    """No side waits for the other for ever."""
    done = place.run(program, "cat", stdin=b"\n" * 300_000)
    assert done.stdout == b"\r\n" * 300_000
