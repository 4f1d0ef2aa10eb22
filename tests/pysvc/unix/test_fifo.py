"""Fifos that are nothing else"""

import errno
import os
import stat
from pathlib import Path

import pytest

from pysvc.unix import fifo
from pysvc.unix.strerr import reason


def test_make(tmp_path: Path) -> None:
    path = str(tmp_path / "f")
    fifo.make(path)
    fifo.make(path)
    found = os.stat(path)
    assert stat.S_ISFIFO(found.st_mode)
    assert stat.S_IMODE(found.st_mode) == 0o600
    fifo.make(str(tmp_path / "nowhere/f"))


def test_ends(tmp_path: Path) -> None:
    path = str(tmp_path / "f")
    fifo.make(path)
    with pytest.raises(OSError) as caught:
        fifo.open_end(path, os.O_WRONLY)
    assert caught.value.errno == errno.ENXIO
    reader = fifo.open_end(path, os.O_RDONLY)
    writer = fifo.open_end(path, os.O_WRONLY)
    assert not any(os.get_inheritable(fd) or os.get_blocking(fd) for fd in (reader, writer))
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize(
    ("kind", "words"),
    [("link", "symbolic link loop"), ("file", "not a fifo"), ("", "file does not exist")],
)
def test_others(tmp_path: Path, kind: str, words: str) -> None:
    path = tmp_path / "f"
    if kind == "link":
        os.mkfifo(tmp_path / "real")
        path.symlink_to("real")
    elif kind == "file":
        path.touch()
    with pytest.raises(OSError) as caught:
        fifo.open_end(str(path), os.O_RDONLY)
    assert reason(caught.value) == words
