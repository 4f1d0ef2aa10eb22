"""qmail-getpw as a process: in a private instance, and as qmailp among real accounts"""

import os
from pathlib import Path

import pytest

from tests.support.homes import USER_IDS, Rooted, group_of, private_home
from tests.support.world import TESTER, TESTER_GROUP, Place

LONG = "l" * 31  # the longest name that is looked up


def test_no_argument(place: Place) -> None:
    done = place.run("qmail-getpw")
    assert (done.returncode, done.stdout, done.stderr) == (100, b"", b"")


@pytest.mark.parametrize("local", ["joe", "root", "Any-Body"])
def test_private_instance_knows_only_alias(place: Place, local: str) -> None:
    home = Path(private_home(place).path)
    done = place.run(home / "bin/qmail-getpw", local)
    fields = ["alias", str(TESTER), str(TESTER_GROUP), str(home / "alias"), "-", local]
    assert (done.returncode, done.stdout) == (0, "".join(f"{field}\0" for field in fields).encode())


def add(rooted: Rooted, name: str, uid: int, folder: str) -> None:
    with (rooted.place.path / "passwd").open("a") as passwd:
        passwd.write(f"{name}:x:{uid}:{uid}::{folder}:/bin/sh\n")


def getpw(rooted: Rooted, local: str) -> tuple[int, list[str]]:
    done = rooted.run("/var/qmail/bin/qmail-getpw", local, user="qmailp")
    assert done.stderr == b""
    return done.returncode, done.stdout.decode().split("\0")


def owned_by(name: str, dash: str, ext: str) -> tuple[int, list[str]]:
    ids = [str(USER_IDS[name]), str(group_of(name))]
    return 0, [name, *ids, f"/var/homes/{name}", dash, ext, ""]


@pytest.mark.root
@pytest.mark.parametrize(
    ("local", "name", "dash", "ext"),
    [
        ("joe", "joe", "", ""),
        ("JOE", "joe", "", ""),
        ("joe-", "joe", "-", ""),
        ("Joe-A-b.C", "joe", "-", "A-b.C"),
        ("joes", "alias", "-", "joes"),
        ("joe+x", "alias", "-", "joe+x"),
        ("-joe", "alias", "-", "-joe"),
        ("", "alias", "-", ""),
        ("root", "alias", "-", "root"),
        ("qmailq", "alias", "-", "qmailq"),  # no home
    ],
)
def test_accounts(rooted: Rooted, local: str, name: str, dash: str, ext: str) -> None:
    assert getpw(rooted, local) == owned_by(name, dash, ext)


@pytest.mark.root
def test_which_accounts_get_mail(rooted: Rooted) -> None:
    """One namespace for all, because it takes a while to make."""
    folders = {"joe-list": 65001, LONG: 65002, LONG + "l": 65003, "Upper": 65004, "thief": 65005, "toor": 0}
    for name, uid in folders.items():
        folder = rooted.root / "var/homes" / name
        folder.mkdir()
        os.chown(folder, 65001 if name == "thief" else uid, 0)
        add(rooted, name, uid, f"/var/homes/{name}")
    assert getpw(rooted, "joe-list-x")[1][0::5] == ["joe-list", "x"]  # the longest name first
    assert getpw(rooted, "joe-lists-x")[1][0::5] == ["joe", "lists-x"]
    assert getpw(rooted, LONG)[1][0] == LONG
    assert getpw(rooted, f"{LONG}-x")[1][0::5] == [LONG, "x"]
    for local in (LONG + "l", "Upper", "upper", "thief", "thief-x", "toor"):
        assert getpw(rooted, local) == owned_by("alias", "-", local)


@pytest.mark.root
def test_no_alias(rooted: Rooted) -> None:
    passwd = rooted.place.path / "passwd"
    kept = [line for line in passwd.read_text().splitlines(keepends=True) if not line.startswith("alias:")]
    passwd.write_text("".join(kept))
    assert getpw(rooted, "joe") == owned_by("joe", "", "")
    assert getpw(rooted, "nobody-here") == (116, [""])
