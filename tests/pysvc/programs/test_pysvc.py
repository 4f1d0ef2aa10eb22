"""pysvc install and uninstall"""

from pysvc.programs import PROGRAMS
from tests.support.world import Place


def test_install_repeat_uninstall(place: Place) -> None:
    folder = place.path / "bin"
    first = place.run("pysvc", "install", "--bin", folder)
    assert first.returncode == 0, first.stderr
    assert {path.name for path in folder.iterdir() if path.name[0] != "."} == set(PROGRAMS)
    assert place.run(folder / "svok").stderr == b"svok: usage: svok dir\n"
    again = place.run("pysvc", "install", "--bin", folder)
    assert (again.returncode, again.stdout) == (0, b"")
    assert place.run("pysvc", "uninstall", "--bin", folder).returncode == 0
    assert list(folder.iterdir()) == []


def test_foreign_program_stays(place: Place) -> None:
    folder = place.path / "bin"
    folder.mkdir()
    (folder / "svc").write_bytes(b"\x7fELF\0 the C one")
    place.own()
    done = place.run("pysvc", "install", "--bin", folder)
    assert done.returncode == 1
    assert b"kept " in done.stdout and (folder / "svc").read_bytes() == b"\x7fELF\0 the C one"


def test_needs_a_directory(place: Place) -> None:
    done = place.run("pysvc", "install")
    assert done.returncode == 100
    assert b"pysvc: fatal: unable to tell where the programs shall lie: say --bin DIR" in done.stderr


def test_usage(place: Place) -> None:
    assert place.run("pysvc", "nonsense").returncode == 100


def test_manual(place: Place) -> None:
    assert b"Synopsis:    svok dir" in place.run("pysvc", "manual", "svok").stdout
