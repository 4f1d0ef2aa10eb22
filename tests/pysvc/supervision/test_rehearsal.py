"""What svscan rehearses leaves nothing behind"""

import os
from pathlib import Path

import pytest

from pysvc.supervision import rehearsal


@pytest.fixture(autouse=True)
def _title(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the tests stays."""
    monkeypatch.setattr(rehearsal.launch.title, "set_title", lambda argv: None)


def test_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    before = rehearsal._descriptors()
    rehearsal.rehearse()
    assert rehearsal._descriptors() == before
    assert (Path.cwd(), os.listdir(".")) == (tmp_path, [])
    assert not Path(f"/tmp/.svscan.{os.getpid()}").exists()
    assert capfd.readouterr().err == ""


def test_a_name_that_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By somebody who would like root to write there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "victim").mkdir()
    name = Path(f"/tmp/.svscan.{os.getpid()}")
    name.symlink_to(tmp_path / "victim")
    try:
        rehearsal.rehearse()
    finally:
        name.unlink()
    assert os.listdir(tmp_path / "victim") == []
