"""Homes and roles"""

import os

import pytest

from pymail.unix.home import Home
from tests.support.homes import private_home
from tests.support.world import Place


@pytest.mark.root
def test_root_becomes_the_owner_of_a_private_instance(place: Place) -> None:
    home = private_home(place)
    pid = os.fork()
    if not pid:
        code = 1
        try:
            home.become("qmaild")
            code = 0 if os.getresuid() == (home.owner,) * 3 and os.getgroups() == [home.gid("qmail")] else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_anybody_else_stays_who_they_are(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("home")
    if os.geteuid() == 0:
        pytest.skip("root would become the owner")
    before = os.getresuid(), os.getresgid(), os.getgroups()
    Home(str(path)).become("qmaild")
    assert (os.getresuid(), os.getresgid(), os.getgroups()) == before
