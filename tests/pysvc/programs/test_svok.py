"""svok as a process"""

import os

from tests.support.world import Place


def test_usage(place: Place) -> None:
    done = place.run("svok")
    assert (done.returncode, done.stdout, done.stderr) == (100, b"", b"svok: usage: svok dir\n")


def test_no_directory(place: Place) -> None:
    done = place.run("svok", "x")
    assert done.returncode == 111
    assert done.stderr == b"svok: fatal: unable to chdir to x: file does not exist\n"


def test_nobody_reads(place: Place) -> None:
    (place.path / "supervise").mkdir()
    os.mkfifo(place.path / "supervise/ok")
    place.own()
    assert place.run("svok", ".").returncode == 100


def test_somebody_reads(place: Place) -> None:
    (place.path / "supervise").mkdir()
    os.mkfifo(place.path / "supervise/ok")
    place.own()
    reader = os.open(place.path / "supervise/ok", os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert place.run("svok", ".").returncode == 0
    finally:
        os.close(reader)
