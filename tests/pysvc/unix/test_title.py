"""What ps shows"""

import subprocess

import pytest

from tests.support.processes import command_line
from tests.support.world import Place, eventually


def test_arguments_that_are_not_utf8(place: Place) -> None:
    """A byte that the title cannot show must not keep a program from running."""
    done = place.run("pgrphack", "svok", b"\xff\xfe")
    assert done.returncode == 111
    assert done.stderr == b"svok: fatal: unable to chdir to \xff\xfe: file does not exist\n"


def test_shown_after_a_chain(place: Place) -> None:
    running = place.start("pgrphack", "fghack", "sh", "-c", "sleep 1000", b"\xff")
    eventually(lambda: command_line(running.pid).rstrip(b"\0") == b"fghack sh -c sleep 1000 \xff")
    with open(f"/proc/{running.pid}/comm") as file:
        assert file.read() == "fghack\n"


@pytest.mark.parametrize("environment", [[], ["LC_CTYPE=C.UTF-8"], ["A=b"]])
def test_shown_without_an_environment(place: Place, environment: list[str]) -> None:
    """Where the interpreter has put its own variable first, the library does not find the arguments."""
    program = place.world.bin / "readproctitle"
    running = place.start(
        "/usr/bin/env", "-", *environment, program, "label", b"\xff", "." * 20, stdin=subprocess.PIPE
    )
    assert running.process.stdin is not None
    running.process.stdin.write(b"one\xe9\n" + b"z" * 9)
    running.process.stdin.flush()
    shown = b"readproctitle label \xff ......one\xe9\n" + b"z" * 9
    eventually(lambda: command_line(running.pid).rstrip(b"\0") == shown)


def test_room(place: Place) -> None:
    """A title takes all that arguments and environment took, and loses its end beyond."""
    program = place.path / "show"
    program.write_text(
        f"import sys; sys.path += {place.world.path!r}\n"
        "from pysvc.unix import title\n"
        "title.set_title(['x' * (title.room() - 2), 'abc'])\n"
        "print(title.room(), open('/proc/self/cmdline').read())\n"
    )
    place.own()
    for environment in ({}, {"A": "b"}):
        done = place.run(place.world.python, "-IS", program, env=environment)
        size, title = done.stdout.decode().rstrip("\n").split(" ", 1)
        shown = title.rstrip("\0")
        assert shown.startswith("x" * (int(size) - 2) + " a")
        assert len(shown) - int(size) in (0, 1)
