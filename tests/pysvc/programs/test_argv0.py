"""argv0 as a process"""

from pathlib import Path

import pytest

from tests.support.world import Place

CLASSIC = Path("/usr/bin/argv0")


def test_usage(place: Place) -> None:
    for arguments in ([], ["sh"]):
        done = place.run("argv0", *arguments)
        assert (done.returncode, done.stderr) == (100, b"argv0: usage: argv0 realname program [ arg ... ]\n")


@pytest.mark.parametrize("name", ["other", "-x", b"\xe9\xff"])
def test_another_name(place: Place, name: str | bytes) -> None:
    done = place.run("argv0", "cat", name, "/proc/self/cmdline")
    shown = name if isinstance(name, bytes) else name.encode()
    assert (done.returncode, done.stdout) == (0, shown + b"\0/proc/self/cmdline\0")


def test_no_program(place: Place) -> None:
    done = place.run("argv0", "no-such-program", "x")
    message = b"argv0: fatal: unable to run no-such-program: file does not exist\n"
    assert (done.returncode, done.stderr) == (111, message)
    if CLASSIC.exists():
        assert place.run(CLASSIC, "no-such-program", "x").stderr == message


def test_the_empty_name_is_refused(place: Place) -> None:
    done = place.run("argv0", "cat", "")
    message = b"argv0: fatal: unable to run cat: invalid argument\n"
    assert (done.returncode, done.stdout, done.stderr) == (111, b"", message)


def test_a_program_of_ours_keeps_its_path(place: Place) -> None:
    done = place.run("argv0", place.world.bin / "svok", "other")
    assert (done.returncode, done.stderr) == (100, b"svok: usage: svok dir\n")
