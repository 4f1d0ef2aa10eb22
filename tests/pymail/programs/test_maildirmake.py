"""maildirmake as a process"""

from tests.support.world import Place


def test_usage(place: Place) -> None:
    done = place.run("maildirmake")
    assert (done.returncode, done.stdout) == (100, b"")
    assert done.stderr == b"maildirmake: usage: maildirmake name\n"


def test_maildir(place: Place) -> None:
    done = place.run("maildirmake", "box", umask=0)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    made = sorted((place.path / "box").iterdir())
    assert [path.name for path in made] == ["cur", "new", "tmp"]
    assert {path.stat().st_mode for path in (place.path / "box", *made)} == {0o40700}


def test_existing(place: Place) -> None:
    place.run("maildirmake", "box")
    done = place.run("maildirmake", "box")
    text = b"maildirmake: fatal: unable to mkdir box: file already exists\n"
    assert (done.returncode, done.stderr) == (111, text)


def test_nowhere(place: Place) -> None:
    done = place.run("maildirmake", "none/box")
    text = b"maildirmake: fatal: unable to mkdir none/box: file does not exist\n"
    assert (done.returncode, done.stderr) == (111, text)
