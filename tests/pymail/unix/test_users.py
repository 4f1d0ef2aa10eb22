"""Accounts and trouble with their homes, without real accounts"""

import errno
import os
import pwd
from pathlib import Path

import pytest

from pymail.unix import users
from pymail.unix.home import Home
from pysvc.unix.strerr import Fatal

ACCOUNTS = {name: (name, "x", uid, 7, "", f"/h/{name}", "") for name, uid in (("joe", 5), ("alias", 6))}


class Rooted(Home):
    """A home of root's, wherever it is."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.private = False


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr(pwd, "getpwnam", lambda name: pwd.struct_passwd(ACCOUNTS[name]))
    return Rooted(tmp_path)


def fail(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def stat(path: str) -> os.stat_result:
        raise OSError(number, "", path)

    monkeypatch.setattr(os, "stat", stat)


@pytest.mark.parametrize("number", [errno.EIO, errno.ETIMEDOUT, errno.ESTALE])
def test_home_out_of_reach_for_now(home: Home, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    fail(monkeypatch, number)
    with pytest.raises(Fatal) as raised:
        users.from_accounts(home, b"joe")
    assert (raised.value.text, raised.value.code) == ("", 115)


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES, errno.ELOOP, errno.ENOTDIR])
def test_no_home(home: Home, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    fail(monkeypatch, number)
    found = users.from_accounts(home, b"joe-X")
    assert (found.user, found.uid, found.gid, found.home) == (b"alias", 6, 7, b"/h/alias")
    assert (found.dash, found.ext) == (b"-", b"joe-X")
