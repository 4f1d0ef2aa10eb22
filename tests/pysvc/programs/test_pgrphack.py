"""pgrphack as a process"""

from tests.support.world import Place


def test_usage(place: Place) -> None:
    done = place.run("pgrphack")
    assert (done.returncode, done.stderr) == (100, b"pgrphack: usage: pgrphack child\n")


def test_missing_program(place: Place) -> None:
    done = place.run("pgrphack", "nothing-of-that-name")
    message = b"pgrphack: fatal: unable to run nothing-of-that-name: file does not exist\n"
    assert (done.returncode, done.stderr) == (111, message)


def test_session(place: Place) -> None:
    """Not merely a group: a session, led by the program, in the process itself."""
    done = place.run("pgrphack", "sh", "-c", "echo $$; cut -d' ' -f1,5,6 /proc/$$/stat")
    leader, ids = done.stdout.decode().splitlines()
    assert ids == f"{leader} {leader} {leader}"
    assert done.returncode == 0


def test_session_leader_already(place: Place) -> None:
    done = place.run("pgrphack", "sh", "-c", "exit 7", start_new_session=True)
    assert done.returncode == 7
