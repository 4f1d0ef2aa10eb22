"""`pymail check` of whole homes, with and without faults"""

import os
from pathlib import Path

import pytest

from pymail.installation.judgement.gathering import gather
from pymail.unix.dns import Lookups, Temporary, Unknown
from pymail.unix.home import Home
from pysvc.formats import cdb, status
from tests.support.world import IS_ROOT, Place


class Names(Lookups):
    """DNS that knows some names."""

    def exchangers(self, host: bytes) -> list[tuple[int, bytes]]:
        if host != b"example.test":
            raise Unknown
        return [(0, b"mail.example.test")]

    def addresses(self, host: bytes) -> list[bytes]:
        if host == b"slow.test":
            raise Temporary
        raise Unknown


def installed(place: Place) -> Path:
    home = place.path / "home"
    done = place.run("pymail", "install", "--home", home, "--fqdn", "mail.example.test")
    assert done.returncode == 0, done.stderr
    return home


def snapshot(home: Path) -> list[tuple[object, ...]]:
    found = ((path, path.lstat()) for path in sorted(home.rglob("*")))
    return [(path, of.st_mode, of.st_uid, of.st_size, of.st_ino, of.st_mtime_ns) for path, of in found]


def test_fresh_installation(place: Place) -> None:
    home = installed(place)
    done = place.run("pymail", "check", "--home", home)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"problem:" not in done.stdout
    hints = [line for line in done.stdout.splitlines() if line.startswith(b"hint: ")]
    assert hints == [b"hint: not supervised: qmail-queued, qmail-send, qmail-smtpd, qmail-pop3d"]


def test_home_with_faults(place: Place) -> None:
    home = installed(place)
    control = home / "control"
    (control / "rcpthosts").unlink()
    (control / "databytes").write_bytes(b"\x1b[31mmany\n")
    (control / "smtproute").write_bytes(b"")
    (control / "tcp.smtp.cdb").write_bytes(cdb.build([(b"", b"+RELAYCLIENT=\0")]))
    os.utime(control / "tcp.smtp.cdb", (1, 1))
    (home / "users/assign").write_bytes(b".\n")
    (home / "alias/.qmail-postmaster").unlink()
    (home / "alias/.qmail-root").chmod(0o666)
    (home / "queue/todo").chmod(0o777)
    (home / "queue/lock/trigger").unlink()
    place.own()
    before = snapshot(home)
    done = place.run("pymail", "check", "--home", home)
    assert (done.returncode, done.stderr) == (1, b"")
    assert snapshot(home) == before
    told = [line for line in done.stdout.decode().splitlines() if line.startswith(("problem: ", "hint: "))]
    assert [line for line in told if "supervised" not in line] == [
        "problem: control/rcpthosts does not exist: an open relay",
        f"problem: {control}/tcp.smtp.cdb sets RELAYCLIENT for everybody: an open relay",
        f"problem: {control}/tcp.smtp was changed after {control}/tcp.smtp.cdb was made",
        "problem: control/databytes says `^[[31mmany`, which does not begin with a digit",
        "problem: alias/.qmail-postmaster does not exist, and nobody else takes mail for postmaster",
        "problem: everybody can write alias/.qmail-root",
        "problem: double bounces go to postmaster@mail.example.test, which has no mailbox here",
        "problem: users/assign was never compiled",
        "problem: queue/lock/trigger is no fifo",
        f"problem: the installation is not as it was made: {home}/queue/todo has wrong permissions",
        "hint: control/smtproute is no control file",
    ]
    assert f"\n  mend: chmod o-w {home}/alias/.qmail*\n" in done.stdout.decode()


def test_rules_that_the_script_names(place: Place) -> None:
    home = installed(place)
    (home / "control/tcp.smtp.cdb").unlink()
    done = place.run("pymail", "check", "--home", home)
    assert done.returncode == 1
    assert f"problem: {home}/control/tcp.smtp.cdb does not exist, but".encode() in done.stdout


@pytest.mark.skipif(IS_ROOT, reason="root reads everything")
def test_unreadable_file_of_a_home(place: Place) -> None:
    home = installed(place)
    (home / "control/locals").chmod(0)
    done = place.run("pymail", "check", "--home", home)
    assert done.returncode == 1
    assert b"problem: control/locals cannot be read by qmail-send" in done.stdout


def test_a_dangling_link_is_no_file_and_a_directory_has_no_content(place: Place) -> None:
    home = installed(place)
    (home / "control/helohost").symlink_to("nowhere")
    (home / "control/idhost").mkdir()
    found = gather(Home(str(home))).control
    assert "helohost" not in found
    assert found["idhost"].content is None


def test_mailboxes_count(place: Place) -> None:
    """A virtual mailbox takes the double bounces; its domain is served in every respect."""
    home = installed(place)
    add = ("pymail", "user", "add", "joe@virtual.test", "--home", home, "--password-stdin")
    assert place.run(*add, stdin=b"long enough password\n").returncode == 0
    (home / "control/doublebounceto").write_text("joe\n")
    (home / "control/doublebouncehost").write_text("virtual.test\n")
    place.own()
    done = place.run("pymail", "check", "--home", home)
    assert done.returncode == 0, done.stdout


def test_names_are_looked_up(place: Place) -> None:
    home = installed(place)
    (home / "control/rcpthosts").write_bytes(b"example.test\nno.test\n.below.test\n")
    found = gather(Home(str(home)), Names())
    assert found.unresolved == [
        (b"mail.example.test", "no address"),
        (b"no.test", "neither an MX nor an address"),
    ]
    assert not found.dns_silent
    (home / "control/rcpthosts").write_bytes(b"slow.test\n")
    assert gather(Home(str(home)), Names()).dns_silent


def test_an_administrator_may_change_scripts(place: Place) -> None:
    home = installed(place)
    script = home / "supervise/qmail-pop3d/run"
    script.write_text(script.read_text() + "# mine\n")
    (home / "control/tcp.smtp").write_text("127.:allow\n")
    (home / "control/tcp.smtp.cdb").write_bytes(cdb.build([(b"127.", b"")]))
    place.own()
    done = place.run("pymail", "check", "--home", home)
    assert done.returncode == 0, done.stdout
    assert f"hint: somebody has written here since: {script} was changed\n" in done.stdout.decode()


@pytest.mark.parametrize("state", ["down", "up"])
def test_services(place: Place, state: str) -> None:
    """What a supervise would leave there: a fifo that it reads, and its status."""
    home = installed(place)
    folder = home / "supervise/qmail-send/supervise"
    folder.mkdir()
    os.mkfifo(folder / "ok", 0o600)
    (folder / "status").write_bytes(status.pack(status.Status(0, 17 if state == "up" else 0, False, b"u")))
    (home / "service/qmail-pop3d").unlink()
    place.own()
    held = os.open(folder / "ok", os.O_RDONLY | os.O_NONBLOCK)
    try:
        found = gather(Home(str(home))).services
    finally:
        os.close(held)
    assert found == {
        "qmail-queued": "not supervised", "qmail-send": state, "qmail-smtpd": "not supervised",
        "qmail-pop3d": "not linked",
    }  # fmt: skip


def test_no_home(place: Place) -> None:
    done = place.run("pymail", "check", "--home", place.path / "nowhere")
    assert done.returncode == 111
    assert done.stderr.startswith(b"pymail: fatal: unable to stat ")
