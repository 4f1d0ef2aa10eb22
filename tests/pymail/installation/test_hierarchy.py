"""The directories of an installation, also where somebody has put something else in their place"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pymail.installation.hierarchy import directories, make_tree, special_files
from tests.support.homes import private_home
from tests.support.world import Place

# What `make setup` makes, and the directory of the queue service's socket: path, owner, mode
TREE = """
    .                    root    755      queue/todo            qmailq  750
    control              root    755      queue/bounce          qmails  700
    users                root    755      queue/mess            qmailq  750
    bin                  root    755      queue/mess/0          qmailq  750
    alias                alias  2755      queue/mess/22         qmailq  750
    run                  qmailq  755      queue/info            qmails  700
    queue                qmailq  750      queue/info/22         qmails  700
    queue/pid            qmailq  700      queue/local           qmails  700
    queue/intd           qmailq  700      queue/local/0         qmails  700
    queue/lock           qmailq  750      queue/remote          qmails  700
    queue/lock/tcpto     qmailr  644      queue/remote/11       qmails  700
    queue/lock/sendmutex qmails  600      queue/lock/trigger    qmails  622
""".split()


@pytest.mark.parametrize(("name", "owner", "mode"), [TREE[n : n + 3] for n in range(0, len(TREE), 3)])
def test_owners_and_modes(place: Place, name: str, owner: str, mode: str) -> None:
    table: dict[str, tuple[str, int]] = {
        **directories(), **{name: entry[:2] for name, entry in special_files().items()}
    }  # fmt: skip
    assert table[name.removeprefix(".")] == (owner, int(mode, 8))
    found = os.stat(private_home(place).file(name))
    assert found.st_mode & 0o7777 == int(mode, 8)


def test_what_lies_in_the_queue(place: Place) -> None:
    queue = Path(private_home(place).file("queue"))
    assert (queue / "lock/trigger").is_fifo()
    assert (queue / "lock/tcpto").read_bytes() == bytes(1024)
    assert (queue / "lock/sendmutex").read_bytes() == b""
    assert sorted(os.listdir(queue)) == [
        "bounce", "info", "intd", "local", "lock", "mess", "pid", "remote", "todo",
    ]  # fmt: skip
    for kind in ("mess", "info", "local", "remote"):
        assert sorted(os.listdir(queue / kind), key=int) == [str(part) for part in range(23)]
    for kind in ("pid", "intd", "todo", "bounce"):
        assert os.listdir(queue / kind) == []


def test_nothing_to_do(place: Place) -> None:
    assert make_tree(private_home(place)) == []


def test_modes_are_corrected(place: Place) -> None:
    home = private_home(place)
    Path(home.file("queue/lock/trigger")).chmod(0)
    Path(home.file("queue/mess/3")).chmod(0o777)
    Path(home.file("queue/lock/tcpto")).unlink()
    assert make_tree(home) == [home.file("queue/lock/tcpto")]
    assert os.stat(home.file("queue/lock/trigger")).st_mode & 0o7777 == 0o622
    assert os.stat(home.file("queue/mess/3")).st_mode & 0o7777 == 0o750
    assert os.stat(home.file("queue/lock/tcpto")).st_size == 1024


@pytest.mark.root
@pytest.mark.parametrize("make", [os.symlink, os.link])
def test_root_changes_no_file_elsewhere(place: Place, make: Callable[[Path, str], None]) -> None:
    """What belongs to the queue's owner may be a trap: the mode of the trigger lets everybody write."""
    home = private_home(place)
    secret = place.path / "secret"
    secret.touch(0o600)
    os.unlink(home.file("queue/lock/trigger"))
    make(secret, home.file("queue/lock/trigger"))
    with pytest.raises(OSError, match="a link in a directory that is not root's"):
        make_tree(home)
    found = secret.stat()
    assert (found.st_uid, found.st_mode & 0o777) == (0, 0o600)


@pytest.mark.root
def test_root_makes_nothing_elsewhere(place: Place) -> None:
    home = private_home(place)
    elsewhere = place.path / "elsewhere"
    elsewhere.mkdir(0o755)
    os.rename(home.file("queue/mess"), home.file("queue/away"))
    os.symlink(elsewhere, home.file("queue/mess"))
    with pytest.raises(OSError):
        make_tree(home)
    assert list(elsewhere.iterdir()) == []
    found = elsewhere.stat()
    assert (found.st_uid, found.st_mode & 0o777) == (0, 0o755)


def test_a_link_of_the_administrators(place: Place) -> None:
    """The queue may lie on another disk."""
    home = private_home(place)
    os.rename(home.file("queue"), place.path / "big")
    os.symlink(place.path / "big", home.file("queue"))
    (place.path / "big/lock").chmod(0o700)
    build = f"from {make_tree.__module__} import *; make_tree(Home({home.path!r}))"
    path = ":".join(place.world.path)
    done = place.run(place.world.python, "-B", "-c", build, env={"PYTHONPATH": path})
    assert done.returncode == 0, done.stderr
    assert (place.path / "big/lock").stat().st_mode & 0o777 == 0o750
