"""tai64n and tai64nlocal as processes"""

import re
import subprocess

import pytest

from tests.support.world import Place

LABEL = rb"@4[0-9a-f]{23} "
UP = b"@400000006553f10a075bcbf4"


def test_labels(place: Place) -> None:
    done = place.run("tai64n", "ignored", "-x", stdin=b"one\n\n\0three")
    assert (done.returncode, done.stderr) == (0, b"")
    assert re.fullmatch(LABEL + b"one\n" + LABEL + b"\n" + LABEL + b"\0three", done.stdout)


def test_nothing_in_nothing_out(place: Place) -> None:
    assert place.run("tai64n").stdout == b""
    assert place.run("tai64nlocal").stdout == b""


def test_local_time(place: Place) -> None:
    done = place.run("tai64nlocal", stdin=UP + b" up\nplain\n@ x\n" + UP, env={"TZ": "UTC"})
    assert (done.returncode, done.stdout) == (0, b"2023-11-14 22:13:20.123456500 up\nplain\n@ x\n")


@pytest.mark.parametrize(
    ("name", "shown"), [("tai64n", LABEL + b"part"), ("tai64nlocal", re.escape(b"part"))]
)
def test_what_was_read_is_written_before_more_is_read(place: Place, name: str, shown: bytes) -> None:
    running = place.start(name, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process = running.process
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"part")
    process.stdin.flush()
    seen = b""
    while not seen.endswith(b"part"):
        seen += process.stdout.read1()  # type: ignore[attr-defined]
    assert re.fullmatch(shown, seen)
    process.stdin.write(b"ial\n")
    process.stdin.close()
    assert process.stdout.read() == b"ial\n"
    assert running.wait() == 0


@pytest.mark.parametrize("name", ["tai64n", "tai64nlocal"])
@pytest.mark.parametrize("redirection", ["<&-", "</dev/zero >&-", "</dev/zero >/dev/full"])
def test_trouble_is_silent(place: Place, name: str, redirection: str) -> None:
    done = place.run("sh", "-c", f"exec {name} {redirection}")
    assert (done.returncode, done.stdout, done.stderr) == (111, b"", b"")
