"""The ledger: what is made, updated, kept and taken back"""

import os
from pathlib import Path

import pytest

from pysvc.installation.ledger import Ledger
from pysvc.installation.removal import take_back
from pysvc.unix.strerr import Fatal
from tests.support.world import TESTER


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def ledger(tmp_path: Path, said: list[str]) -> Ledger:
    return Ledger(str(tmp_path / "ledger"), said.append)


def again(ledger: Ledger) -> Ledger:
    """The same ledger, read from disk."""
    return Ledger(ledger.path, ledger.report)


def test_file_is_made_once(ledger: Ledger, tmp_path: Path, said: list[str]) -> None:
    assert ledger.file(f"{tmp_path}/x", b"one\n", 0o640, why="because")
    assert again(ledger).file(f"{tmp_path}/x", b"one\n", 0o640)
    assert said == [f"made {tmp_path}/x: because"]
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o640


def test_own_file_is_updated(ledger: Ledger, tmp_path: Path, said: list[str]) -> None:
    ledger.file(f"{tmp_path}/x", b"one\n")
    assert again(ledger).file(f"{tmp_path}/x", b"two\n")
    assert (tmp_path / "x").read_bytes() == b"two\n"
    assert said[-1] == f"updated {tmp_path}/x"


@pytest.mark.parametrize("old", [b"mine\n", b"\xff\x00binary"])
def test_changed_file_is_kept(ledger: Ledger, tmp_path: Path, said: list[str], old: bytes) -> None:
    ledger.file(f"{tmp_path}/x", b"one\n")
    (tmp_path / "x").write_bytes(old)
    later = again(ledger)
    assert not later.file(f"{tmp_path}/x", b"two\n")
    assert (tmp_path / "x").read_bytes() == old
    assert later.kept == [f"{tmp_path}/x"]
    assert said[1].startswith(f"kept {tmp_path}/x: ")
    assert "    +two" in said or "    (not a text file)" in said


def test_foreign_file_is_kept(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"theirs\n")
    assert not ledger.file(f"{tmp_path}/x", b"ours\n")
    assert take_back(again(ledger)) == []
    assert (tmp_path / "x").read_bytes() == b"theirs\n"


def test_symbolic_link_is_not_followed(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"theirs\n")
    (tmp_path / "x").symlink_to("target")
    assert not ledger.file(f"{tmp_path}/x", b"ours\n")
    assert (tmp_path / "target").read_bytes() == b"theirs\n"


def test_link(ledger: Ledger, tmp_path: Path, said: list[str]) -> None:
    assert ledger.link(f"{tmp_path}/l", "target")
    assert again(ledger).link(f"{tmp_path}/l", "target")
    assert not again(ledger).link(f"{tmp_path}/l", "elsewhere")
    assert said == [
        f"linked {tmp_path}/l to target",
        f"kept {tmp_path}/l: it is a link to target, not a link to elsewhere",
    ]


def test_take_back(ledger: Ledger, tmp_path: Path) -> None:
    ledger.directory(f"{tmp_path}/d")
    ledger.file(f"{tmp_path}/d/f", b"x")
    ledger.file(f"{tmp_path}/d/changed", b"x")
    ledger.link(f"{tmp_path}/l", "d")
    (tmp_path / "d/changed").write_bytes(b"y")
    assert take_back(again(ledger)) == [f"{tmp_path}/d/changed", f"{tmp_path}/d"]
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["changed", "d", "ledger"]


def test_torn_last_line(ledger: Ledger, tmp_path: Path) -> None:
    """A crash while the ledger was written: the rest counts, and the next entry is whole."""
    ledger.file(f"{tmp_path}/x", b"one")
    with open(ledger.path, "ab") as file:
        file.write(b'{"kind": "fi')
    again(ledger).file(f"{tmp_path}/y", b"two")
    assert [entry["path"] for entry in again(ledger).entries] == [f"{tmp_path}/x", f"{tmp_path}/y"]


@pytest.mark.root
@pytest.mark.parametrize("trap", ["file", "link"])
def test_a_ledger_that_somebody_else_wrote(tmp_path: Path, said: list[str], trap: str) -> None:
    """Root would remove and move what it says."""
    theirs = tmp_path / "theirs"
    theirs.write_text('{"kind": "file", "path": "/etc/passwd", "sha256": "0"}\n')
    path = theirs
    if trap == "link":
        path = tmp_path / "link"
        path.symlink_to(theirs)
    else:
        os.chown(theirs, TESTER, -1)
    with pytest.raises((Fatal, OSError)) as caught:
        Ledger(str(path), said.append)
    assert trap == "link" or str(caught.value).endswith("who alone may change this installation")


def test_a_mode_is_not_set_through_a_link(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "secret").touch(0o600)
    (tmp_path / "x").symlink_to(tmp_path / "secret")
    assert not ledger.file(f"{tmp_path}/x", b"", 0o644)
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
