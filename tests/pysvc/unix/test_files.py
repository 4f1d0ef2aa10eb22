"""Files that replace others"""

import os
from pathlib import Path

import pytest

from pysvc.unix.files import read_file, replace


@pytest.mark.parametrize("kind", ["link", "dangling", "second name", "fifo", "old"])
def test_what_lies_under_the_temporary_name_is_not_opened(tmp_path: Path, kind: str) -> None:
    """Root replaces files in directories of others."""
    secret, trap = tmp_path / "secret", tmp_path / "x.new"
    secret.write_bytes(b"kept")
    if kind == "link":
        trap.symlink_to(secret)
    elif kind == "dangling":
        trap.symlink_to(tmp_path / "made")
    elif kind == "second name":
        os.link(secret, trap)
    elif kind == "fifo":
        os.mkfifo(trap)
    else:
        trap.write_bytes(b"left by a crash, longer")
    replace(str(tmp_path / "x"), b"new", 0o600)
    assert sorted(os.listdir(tmp_path)) == ["secret", "x"]
    assert (secret.read_bytes(), (tmp_path / "x").read_bytes()) == (b"kept", b"new")
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o600


def test_no_more_is_read_than_wanted() -> None:
    assert read_file("/dev/zero", 70_000) == bytes(70_000)
