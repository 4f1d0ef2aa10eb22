"""Bytes kept until they are wanted"""

import os
from pathlib import Path

import pytest

from pymail.unix import spool
from pymail.unix.spool import MEMORY, Spool


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def filled(size: int) -> tuple[Spool, bytes]:
    kept, content = Spool(), os.urandom(size)
    for start in range(0, size, 100_000):
        kept.write(content[start : start + 100_000])
    return kept, content


@pytest.mark.parametrize("size", [0, 1, MEMORY, MEMORY + 1, 3 * MEMORY])
@pytest.mark.parametrize("nameless", [True, False])
def test_everything_comes_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch, size: int, nameless: bool
) -> None:
    if not nameless:
        monkeypatch.setattr(spool.os, "O_TMPFILE", os.O_DIRECTORY | os.O_WRONLY)  # as where there is none
    kept, content = filled(size)
    assert kept.size == size
    for _ in range(2):
        assert b"".join(kept.blocks()) == content
    assert list(folder.iterdir()) == []


def test_nothing_is_written_while_it_fits(folder: Path) -> None:
    os.rmdir(folder)
    assert filled(MEMORY)[0].size == MEMORY
    with pytest.raises(FileNotFoundError):
        filled(MEMORY + 1)
