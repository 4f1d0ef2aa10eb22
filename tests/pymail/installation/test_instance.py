"""A private instance: made, repeated, interrupted, checked, removed"""

import os
import signal
from pathlib import Path

import pytest

from pymail.installation.steps import open_ledger
from pysvc.unix.strerr import Fatal
from tests.support.world import TESTER, Place


def install(place: Place, *more: str) -> "list[str | Path]":
    home = place.path / "home"
    return ["pymail", "install", "--home", home, "--fqdn", "mail.example.test", *more]


def test_install_and_repeat(place: Place) -> None:
    first = place.run(*install(place))
    assert first.returncode == 0, first.stderr
    home = place.path / "home"
    assert (home / "control/me").read_text() == "mail.example.test\n"
    assert (home / "control/defaultdomain").read_text() == "example.test\n"
    assert os.readlink(home / "service/qmail-send") == f"{home}/supervise/qmail-send"
    assert (home / "queue/lock/trigger").is_fifo()
    again = place.run(*install(place))
    assert (again.returncode, again.stdout) == (0, b"")
    assert place.run("pymail", "install", "--check", "--home", home).stdout == b""


def test_ports_can_be_changed_later(place: Place) -> None:
    place.run(*install(place))
    done = place.run(*install(place, "--smtp-port", "2600"))
    assert done.returncode == 0
    assert b"updated " in done.stdout
    assert " 2600 " in (place.path / "home/supervise/qmail-smtpd/run").read_text()


def test_changed_script_is_kept(place: Place) -> None:
    place.run(*install(place))
    script = place.path / "home/supervise/qmail-smtpd/run"
    script.write_text("#!/bin/sh\nexec mine\n")
    done = place.run(*install(place))
    assert done.returncode == 1
    assert f"kept {script}: " in done.stdout.decode() and "    -exec mine" in done.stdout.decode()
    assert script.read_text() == "#!/bin/sh\nexec mine\n"


def test_control_files_are_the_administrators(place: Place) -> None:
    place.run(*install(place))
    locals_file = place.path / "home/control/locals"
    locals_file.write_text("other.test\n")
    assert place.run(*install(place)).returncode == 0
    assert locals_file.read_text() == "other.test\n"


@pytest.mark.parametrize("lines", [1, 2, 3, 5, 8, 13, 21])
def test_interrupted(place: Place, lines: int) -> None:
    """Killed after it said so many lines: run again, it ends as if nothing had happened."""
    running = place.start(*install(place), stdout=-1)
    assert running.process.stdout is not None
    for _ in range(lines):
        running.process.stdout.readline()
    running.signal(signal.SIGKILL)
    running.wait()
    done = place.run(*install(place))
    assert done.returncode == 0, done.stdout + done.stderr
    assert place.run("pymail", "install", "--check", "--home", place.path / "home").stdout == b""


def test_check_names_differences(place: Place) -> None:
    place.run(*install(place))
    home = place.path / "home"
    (home / "queue/todo").chmod(0o777)
    (home / "queue/lock/trigger").unlink()
    (home / "queue/lock/trigger").write_bytes(b"")
    (home / "bin/qmail-send").unlink()
    done = place.run("pymail", "install", "--check", "--home", home)
    assert done.returncode == 1
    assert set(done.stdout.decode().splitlines()) >= {
        f"{home}/queue/todo has wrong permissions",
        f"{home}/queue/lock/trigger has wrong type",
        f"{home}/bin/qmail-send does not exist",
    }


def test_uninstall_keeps_mail(place: Place) -> None:
    place.run(*install(place))
    home = place.path / "home"
    (home / "queue/mess/1/24").write_bytes(b"mail")
    done = place.run("pymail", "uninstall", "--home", home)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (home / "queue/mess/1/24").read_bytes() == b"mail"
    assert not (home / "bin").exists() and not (home / "control").exists()
    done = place.run("pymail", "uninstall", "--purge", "--home", home)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not home.exists()


@pytest.mark.parametrize("home", ["with space", "x" * 120])
def test_unusable_home(place: Place, home: str) -> None:
    done = place.run("pymail", "install", "--home", place.path / home, "--fqdn", "a.b")
    assert done.returncode == 100
    assert b"pymail: fatal: unable to use the home " in done.stderr
    assert not (place.path / home).exists()


def test_bare_is_for_root(place: Place) -> None:
    done = place.run("pymail", "install", "--bare", "--home", place.path / "home")
    assert done.returncode == 100 and not (place.path / "home").exists()


@pytest.mark.root
def test_root_leaves_an_instance_to_its_owner(place: Place) -> None:
    """Its files say what would be removed, and may say anything."""
    assert place.run(*install(place)).returncode == 0
    home = place.path / "home"
    done = place.run("pymail", "uninstall", "--home", home, as_root=True)
    assert done.returncode == 100, done.stderr
    assert b"belongs to user %d" % TESTER in done.stderr
    assert (home / "control/me").exists()
    with pytest.raises(Fatal, match=f"it belongs to user {TESTER}"):
        open_ledger(str(home), print)
