"""A queue that was made with another conf-split: all programs find it and go on with it"""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pymail.installation.hierarchy import make_tree
from pymail.queue import layout
from pymail.unix.home import Home
from tests.support.homes import private_home, queued
from tests.support.private_system import PrivateSystem
from tests.support.world import Place, eventually

SPLITS = [1, 7, 24, 401]  # 24 is no prime
pytestmark = pytest.mark.timeout(120)


@pytest.fixture(params=SPLITS)
def system(place: Place, request: pytest.FixtureRequest) -> Iterator[PrivateSystem]:
    return PrivateSystem(place, request.param)


def preprocessed(system: PrivateSystem) -> int:
    """A message in delivery, as a C qmail-send leaves it; its number."""
    path = Path(system.home.file("queue/pid/1.1.1"))
    path.write_bytes(b"Subject: old\n\nhello\n")
    number = path.stat().st_ino
    path.rename(system.path("mess", number))
    system.path("info", number).write_bytes(b"Fme@mail.test\0")
    system.path("local", number).write_bytes(b"Dgone@mail.test\0Tbox@mail.test\0")
    for kind in ("mess", "info", "local"):
        os.chown(system.path(kind, number), system.home.owner, system.home.gid("qmail"))
    return number


def test_what_is_there_is_continued(system: PrivateSystem) -> None:
    old = preprocessed(system)
    system.program("qmail-inject", "box", stdin=b"Subject: new\n\nhello\n")
    (new,) = system.numbers() - {old}
    assert system.path("mess", new).stat().st_ino == new
    assert system.program("qmail-qstat").startswith("messages in queue: 2\n")
    assert f"  #{old}  20  <me@mail.test> \n  done\tlocal\tgone@mail.test\n" in system.program("qmail-qread")
    assert f"\nsubdirectory split: {system.split}.\n" in system.program("qmail-showctl")
    system.start()
    for number in (old, new):
        system.logged(f"end msg {number}")
    eventually(lambda: not system.numbers(), what="an empty queue")
    box = Path(system.home.file("alias/box.mbox")).read_text()
    assert (box.count("Subject: old\n"), box.count("Subject: new\n")) == (1, 1)
    assert "warning: " not in system.log.read_text()


def test_the_schedule_survives(system: PrivateSystem) -> None:
    system.instructions("later", "|exit 111\n")
    system.start()
    system.logged("status: local 0/10 remote 0/20")
    system.program("qmail-inject", "later", stdin=b"\nhello\n")
    system.logged("delivery 1: deferral: ")
    system.stop()
    (number,) = system.numbers()
    assert set(queued(system.home.file("queue"))[number]) == {"mess", "info", "local"}
    assert system.path("local", number).stat().st_mtime > time.time()
    assert system.path("local", number).read_bytes() == b"Tlater@mail.test\0"
    system.instructions("later", "./box.mbox\n")
    system.start()
    system.logged("status: local 0/10 remote 0/20")
    assert not Path(system.home.file("alias/box.mbox")).exists()
    system.running.signal(signal.SIGALRM)
    system.logged(f"end msg {number}")


def test_the_installation_leaves_it_so(system: PrivateSystem) -> None:
    parts = {kind: set(os.listdir(system.home.file("queue", kind))) for kind in layout.SPLIT_DIRECTORIES}
    assert all(found == set(map(str, range(system.split))) for found in parts.values())
    assert make_tree(system.home) == []
    said = system.place.run("pymail", "install", "--check", "--home", system.home.path).stdout
    assert b"/queue/" not in said


def test_directories_that_disagree(place: Place) -> None:
    """Nothing is looked for in the wrong place: a message that is not found would be taken for gone."""
    system = PrivateSystem(place, 7)
    os.mkdir(system.home.file("queue/info/7"))
    said = place.run("pymail", "install", "--check", "--home", system.home.path).stdout.decode()
    queue = system.home.file("queue")
    assert f"{queue}/info has more parts than {queue}/mess\n" in said
    system.start()
    assert system.running.wait() == 111
    words = "the directories of the queue are split into different numbers of parts"
    assert system.log.read_text() == f"alert: cannot start: {words}\n"


def test_what_tells_the_split_is_made_first(place: Place) -> None:
    """An installation that was interrupted ends with as many parts as one that was not."""
    home: Home = private_home(place)
    for part in range(layout.SPLIT - 1):
        os.rmdir(home.file("queue/mess", str(part)))
    make_tree(home)
    assert len(os.listdir(home.file("queue/mess"))) == layout.SPLIT
