"""qmail-pw2u and qmail-newmrh as processes"""

import os
from pathlib import Path

import pytest

from pysvc.formats import cdb
from tests.support.homes import private_home
from tests.support.world import TESTER, Place


@pytest.fixture
def home(place: Place) -> Path:
    return Path(private_home(place).path)


def passwd(home: Path) -> bytes:
    """alias and joe own their homes, missing has none, other's is somebody else's."""
    return (
        f"root:x:0:0::/root:/bin/sh\nalias:x:{TESTER}:2::{home}/alias:\njoe:x:{TESTER}:3:J:{home}:/bin/sh\n"
        f"missing:x:{TESTER}:3::/nonexistent:\nother:x:{TESTER + 1}:3::{home}:\nJim:x:{TESTER}:3::{home}:"
    ).encode()


def run(place: Place, home: Path, *options: str, stdin: bytes | None = None) -> tuple[int, bytes, bytes]:
    done = place.run(home / "bin/qmail-pw2u", *options, stdin=passwd(home) if stdin is None else stdin)
    return done.returncode, done.stdout, done.stderr


def names(text: bytes) -> list[bytes]:
    return [line.split(b":")[0] for line in text.splitlines()]


def test_owners_only(place: Place, home: Path) -> None:
    code, out, err = run(place, home)
    assert (code, err) == (0, b"")
    assert names(out) == [b"+", b"=alias", b"+alias-", b"=joe", b"+joe-", b"."]


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        (["-H"], [b"joe", b"missing", b"other"]), (["-u"], [b"joe", b"Jim"]), (["-uU"], [b"joe"]),
        (["-Ho"], [b"joe"]), (["-Cu"], [b"joe", b"Jim"]),
    ],
)  # fmt: skip
def test_options(place: Place, home: Path, options: list[str], shown: list[bytes]) -> None:
    code, out, _ = run(place, home, *options)
    assert code == 0
    found = [name[1:] for name in names(out) if name.startswith(b"=")]
    assert found == [b"alias", *shown]
    assert (b"+joe-" in names(out)) == ("-Cu" not in options)


def test_separators(place: Place, home: Path) -> None:
    assert b"+joe." in names(run(place, home, "-c.")[1])
    assert f"+joe-:joe:{TESTER}:3:{home}:-/::\n".encode() in run(place, home, "-/")[1]


def test_missing_home(place: Place, home: Path) -> None:
    text = b"qmail-pw2u: fatal: unable to stat /nonexistent\n"
    assert run(place, home, "-h") == (111, b"", text)


def test_alias_must_be_there(place: Place, home: Path) -> None:
    text = b"qmail-pw2u: fatal: unable to find alias user\n"
    assert run(place, home, stdin=b"") == (111, b"", text)
    (home / "users/include").write_text("joe\n")
    assert run(place, home) == (111, b"", text)
    (home / "users/include").write_text("# comment\nALIAS\n")
    assert names(run(place, home)[1]) == [b"+", b"=alias", b"+alias-", b"."]


def test_files(place: Place, home: Path) -> None:
    (home / "users/mailnames").write_text("joe:doe\njoe:j.doe\nnobody:x\n")
    (home / "users/subusers").write_text("#sales:joe:office:\nshort:joe\n")
    (home / "users/append").write_text("=x:y:1:1:/:::\n# anything\n")
    code, out, _ = run(place, home)
    assert code == 0
    user = f":joe:{TESTER}:3:{home}:".encode()
    assert out.endswith(
        b"=j.doe" + user + b"::\n+j.doe-" + user + b"-::\n"
        b"=#sales" + user + b"-:office:\n+#sales-" + user + b"-:office-:\n"
        b"=x:y:1:1:/:::\n# anything\n.\n"
    )
    (home / "users/subusers").write_text("sales:other:office:\n")
    text = b"qmail-pw2u: fatal: unable to find other user for subuser\n"
    assert run(place, home) == (111, b"", text)


def test_exclude_and_errors(place: Place, home: Path) -> None:
    (home / "users/exclude").write_text("JOE\n")
    assert b"=joe" not in names(run(place, home)[1])
    os.unlink(home / "users/exclude")
    (home / "users/exclude").mkdir()
    assert run(place, home) == (111, b"", b"qmail-pw2u: fatal: unable to read controls\n")
    assert run(place, home, "-x") == (100, b"", b"qmail-pw2u: illegal option -- x\n")


def test_what_it_makes_qmail_newu_takes(place: Place, home: Path) -> None:
    (home / "users/assign").write_bytes(run(place, home)[1])
    assert place.run(home / "bin/qmail-newu").returncode == 0
    assert cdb.Reader((home / "users/cdb").read_bytes()).find(b"!joe\0") is not None


# qmail-newmrh


def newmrh(place: Place, home: Path) -> tuple[int, bytes]:
    done = place.run(home / "bin/qmail-newmrh", umask=0)
    return done.returncode, done.stderr


def test_newmrh(place: Place, home: Path) -> None:
    (home / "control/morercpthosts").write_text("# comment\nOne.Test \t\n\n.two.test\n x\nlast")
    assert newmrh(place, home) == (0, b"")
    target = home / "control/morercpthosts.cdb"
    keys = [b"one.test", b".two.test", b" x", b"last"]
    assert target.read_bytes() == cdb.build([(key, b"") for key in keys])
    assert target.stat().st_mode & 0o777 == 0o644


def test_newmrh_errors(place: Place, home: Path) -> None:
    text = b"qmail-newmrh: fatal: unable to read control/morercpthosts: file does not exist\n"
    assert newmrh(place, home) == (111, text)
    (home / "control/morercpthosts").write_text("x\n")
    (home / "control/morercpthosts.cdb").mkdir()
    code, said = newmrh(place, home)
    assert code == 111
    start = b"qmail-newmrh: fatal: unable to move control/morercpthosts.tmp to control/morercpthosts.cdb"
    assert said == start + b"is a directory\n"  # no colon: as the original has it
    (home / "control/morercpthosts.tmp").unlink()
    (home / "control/morercpthosts.tmp").symlink_to("/dev/full")
    text = b"qmail-newmrh: fatal: unable to write to control/morercpthosts.tmp: out of disk space\n"
    assert newmrh(place, home) == (111, text)
