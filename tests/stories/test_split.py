"""A queue that was made with another conf-split: all programs find it and go on with it"""

import os
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from pymail.installation.hierarchy import make_tree
from pymail.queue import layout
from pymail.unix.home import Home
from tests.support.homes import private_home, queued
from tests.support.private_system import PrivateSystem
from tests.support.queue_states import QueueCheck
from tests.support.world import Place, eventually

SPLITS = [1, 7, 24, 401]  # 24 is no prime
pytestmark = pytest.mark.timeout(120)


@pytest.fixture(params=SPLITS)
def system(place: Place, request: pytest.FixtureRequest) -> Iterator[PrivateSystem]:
    return PrivateSystem(place, request.param)


RECEIVED = b"Received: (qmail 45 invoked by uid 1000); 26 Sep 1995 04:46:54 -0000\n"
OLD = 37 * 3600  # seconds; strays go after 36 hours
INFO = b"Fbox@mail.test\0"
TODO = b"u1000\0p45\0" + INFO + b"Tbox@mail.test\0"
BOX = b"Tbox@mail.test\0"
FAILED = b"<gone@mail.test>:\nNot here.\n\n"
# What C programs may leave: name, files besides mess, whether box gets it; a `+` behind the name: it is old
STATES: list[tuple[str, dict[str, bytes], bool]] = [
    ("S2", {}, False), ("S2+", {}, False), ("S3", {"intd": TODO[:9]}, False), ("S3+", {"intd": b""}, False),
    ("S4", {"intd": TODO, "todo": TODO}, True), ("S4+", {"todo": TODO}, True),
    ("S4-begun", {"todo": TODO, "info": INFO[:3], "local": b"Tx", "remote": b"Dy@z\0"}, True),
    ("S5", {"info": INFO, "local": b"Dgone@mail.test\0" + BOX}, True),
    ("S5-one-channel", {"info": INFO, "local": BOX, "remote": b"Dx@far.test\0"}, True),
    ("S5-done", {"info": INFO, "local": b"Dgone@mail.test\0"}, False),
    ("S5-info", {"info": INFO}, False),
    ("S5-bounce", {"info": INFO, "local": b"Dgone@mail.test\0", "bounce": FAILED}, False),
    ("S5-bounce-going-on", {"info": INFO, "local": b"Dgone@mail.test\0" + BOX, "bounce": FAILED}, True),
]  # fmt: skip


def leave(system: PrivateSystem, name: str, files: dict[str, bytes]) -> int:
    """A message as C programs leave it; its number."""
    path = system.queue / "pid/1.1.1"
    path.write_bytes(RECEIVED + f"Subject: {name}\n\nhello\n".encode())
    number = path.stat().st_ino
    path.rename(system.path("mess", number))
    if name.endswith("+"):
        os.utime(system.path("mess", number), (time.time() - OLD, time.time()))
    for kind, content in files.items():
        flat = system.queue / kind / str(number)
        path = flat if kind in ("intd", "todo", "bounce") else system.path(kind, number)
        if kind == "todo" and "intd" in files:
            os.link(system.queue / "intd" / str(number), path)
        else:
            path.write_bytes(content)
            path.chmod(0o644 if kind in ("intd", "todo") else 0o600)
            os.chown(path, system.home.owner, system.home.gid("qmail"))
    os.chown(system.path("mess", number), system.home.owner, system.home.gid("qmail"))
    return number


def test_every_legal_state(system: PrivateSystem) -> None:
    numbers = {name: leave(system, name, files) for name, files, _ in STATES}
    check = QueueCheck(system.queue, system.split)
    assert check.complaints == []
    assert check.states == {number: name[:2] for name, number in numbers.items()}
    system.start()
    young = {numbers["S2"], numbers["S3"]}
    eventually(lambda: system.numbers() == young, what="the end of all but what may be alive")
    box = Path(system.home.file("alias/box.mbox")).read_text()
    delivered = Counter(re.findall(r"^Delivered-To: box@mail\.test\n.*\nSubject: (.*)$", box, re.MULTILINE))
    assert delivered == Counter(name for name, _, delivered in STATES if delivered)
    assert box.count(FAILED.decode()) == 2
    assert not re.findall("^(?:warning|alert): .*", system.log.read_text(), re.MULTILINE)


def test_what_is_there_is_continued(system: PrivateSystem) -> None:
    old = leave(system, "old", {"info": INFO, "local": b"Dgone@mail.test\0" + BOX})
    system.program("qmail-inject", "box", stdin=b"Subject: new\n\nhello\n")
    (new,) = system.numbers() - {old}
    assert system.path("mess", new).stat().st_ino == new
    assert system.program("qmail-qstat").startswith("messages in queue: 2\n")
    listed = f"  #{old}  {len(RECEIVED) + 20}  <box@mail.test> \n  done\tlocal\tgone@mail.test\n"
    assert listed in system.program("qmail-qread")
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


def test_what_lies_beside_the_parts(place: Place) -> None:
    """A message that somebody has put there has no say, nor has what is no number."""
    system = PrivateSystem(place, 7)
    (system.queue / "mess/4711").write_bytes(b"")
    (system.queue / "mess/x").mkdir()
    (system.queue / "mess/\u0669").mkdir()
    assert "\nsubdirectory split: 7.\n" in system.program("qmail-showctl")
    system.program("qmail-inject", "box", stdin=b"\nhello\n")
    (number,) = system.numbers() - {4711}
    assert system.path("mess", number).exists()


def test_nobody_can_tell(place: Place) -> None:
    """Where mess cannot be looked into nothing is begun; qmail-showctl says what is usual."""
    system = PrivateSystem(place, 7)
    (system.queue / "mess").chmod(0)
    system.start()
    assert system.running.wait() == 111
    words = "unable to tell into how many parts the queue is split"
    assert system.log.read_text() == f"alert: cannot start: {words}\n"
    reason = f"unable to opendir {system.queue}/mess: access denied"
    for name, said in {
        "qmail-clean": (111, f"qmail-clean: fatal: {reason}\n"),
        "qmail-qstat": (111, f"qmail-qstat: fatal: {reason}\n"),
        "qmail-qread": (111, "fatal: unable to opendir mess: access denied\n"), "qmail-queue": (64, ""),
    }.items():  # fmt: skip
        done = place.run(system.home.file("bin", name))
        assert (done.returncode, (done.stdout + done.stderr).decode()) == said, name
    assert "\nsubdirectory split: 23.\n" in system.program("qmail-showctl")
    (system.queue / "mess").chmod(0o750)
