"""Accounts, and becoming one of them"""

import os

import pytest

from pysvc.unix import ids
from pysvc.unix.strerr import Fatal


def in_a_child(uid: int, gid: int) -> int:
    """What a child ends with that has become somebody: 0 if all its ids are those, 7 if it could not."""
    pid = os.fork()
    if not pid:
        code = 1
        try:
            ids.become(uid, gid)
            taken = os.getresuid() == (uid,) * 3 and os.getresgid() == (gid,) * 3 and os.getgroups() == [gid]
            code = 0 if taken else 2
        except Fatal:
            code = 7
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.root
@pytest.mark.parametrize(
    ("uid", "gid", "code"),
    [
        (1, 2, 0), (2**32 - 2, 2, 0),
        (2**32 - 1, 2, 7), (1, 2**32 - 1, 7), (2**32, 2, 7), (-1, 2, 7), (1, -1, 7),
    ],
)  # fmt: skip
def test_a_number_that_is_no_id_leaves_nobody_root(uid: int, gid: int, code: int) -> None:
    """To the kernel 2**32 - 1, which is -1, means: as it is."""
    assert in_a_child(uid, gid) == code


def test_what_is_said() -> None:
    with pytest.raises(Fatal, match=r"unable to setgid: (invalid argument|permission denied)"):
        ids.become(-1, -1)
