"""fghack as a process"""

import pytest

from tests.support.world import Place, eventually


def test_usage(place: Place) -> None:
    done = place.run("fghack")
    assert (done.returncode, done.stderr) == (100, b"fghack: usage: fghack child\n")


def test_missing_program(place: Place) -> None:
    """The child says it once, and its code becomes fghack's."""
    done = place.run("fghack", "nothing-of-that-name")
    message = b"fghack: fatal: unable to run nothing-of-that-name: file does not exist\n"
    assert (done.returncode, done.stderr) == (111, message)


def test_own_program(place: Place) -> None:
    done = place.run("fghack", "svok")
    assert (done.returncode, done.stderr) == (100, b"svok: usage: svok dir\n")


@pytest.mark.parametrize("code", [0, 1, 100, 255])
def test_exit_code(place: Place, code: int) -> None:
    assert place.run("fghack", "sh", "-c", f"exit {code}").returncode == code


def test_crash(place: Place) -> None:
    done = place.run("fghack", "sh", "-c", "kill -9 $$")
    assert (done.returncode, done.stderr) == (111, b"fghack: fatal: child crashed\n")


def test_waits_for_the_background(place: Place) -> None:
    """The child's own code, but not before what it left in the background has ended."""
    text = "(exec >&- 2>&-; while [ ! -e go ]; do sleep 0.05; done; touch ended) & echo started; exit 9"
    with (place.path / "out").open("wb") as out:
        running = place.start("fghack", "sh", "-c", text, stdout=out)
    eventually(lambda: (place.path / "out").read_bytes() == b"started\n")
    assert running.process.poll() is None
    (place.path / "go").touch()
    assert running.wait() == 9
    assert (place.path / "ended").exists()


def test_thirty_one_descriptors(place: Place) -> None:
    done = place.run("fghack", "sh", "-c", "for fd in /proc/$$/fd/*; do readlink $fd; done | grep -c pipe")
    assert int(done.stdout) == 31 + 3  # and 0, 1, 2, which the test made pipes too
