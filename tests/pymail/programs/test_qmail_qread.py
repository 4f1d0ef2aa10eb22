"""qmail-qread and qmail-qstat"""

import os
from pathlib import Path

import pytest

from pymail.queue.layout import split_path
from pymail.unix.home import Home
from tests.support.world import Place

BIRTH = 812090814  # 26 Sep 1995 04:46:54


def put(home: Home, kind: str, number: int, content: bytes) -> None:
    name = f"{kind}/{number}" if kind in ("todo", "bounce") else split_path(kind, number)
    path = Path(home.file("queue", name))
    path.write_bytes(content)
    os.utime(path, (BIRTH, BIRTH))
    os.chown(path, home.owner, home.gid("qmail"))


def qread(place: Place, home: Home) -> bytes:
    done = place.run(home.file("bin", "qmail-qread"))
    assert (done.returncode, done.stderr) == (0, b"")
    return bytes(done.stdout)


def test_list(place: Place, home: Home) -> None:
    put(home, "info", 24, b"Fa b%\n\xe9@c\0")
    put(home, "mess", 24, b"x" * 100)
    put(home, "local", 24, b"Tone@here\0Dtwo\t@here\0")
    put(home, "remote", 24, b"Tthree@there\0Tcut")
    put(home, "mess", 25, b"not preprocessed")
    put(home, "todo", 25, b"")
    assert qread(place, home) == (
        b"26 Sep 1995 04:46:54 GMT  #24  100  <a b%__@c> \n"
        b"\tlocal\tone@here\n  done\tlocal\ttwo_@here\n\tremote\tthree@there\n"
    )


def test_bouncing(place: Place, home: Home) -> None:
    put(home, "info", 1, b"F\0")
    put(home, "mess", 1, b"")
    put(home, "bounce", 1, b"x")
    assert qread(place, home) == b"26 Sep 1995 04:46:54 GMT  #1  0  <>  bouncing\n"


def test_trouble_with_one(place: Place, home: Home) -> None:
    put(home, "info", 1, b"F\0")
    put(home, "info", 2, b"F\0")
    put(home, "mess", 2, b"")
    Path(home.file("queue/info/3/junk")).touch()
    assert qread(place, home) == (
        b"warning: trouble with #1: file does not exist\n26 Sep 1995 04:46:54 GMT  #2  0  <> \n"
    )


@pytest.mark.parametrize(
    ("missing", "text"),
    [("queue", b"fatal: unable to chdir: file does not exist\n"),
     ("queue/info/5", b"fatal: unable to opendir info/5: file does not exist\n")],
)  # fmt: skip
def test_fatal(place: Place, home: Home, missing: str, text: bytes) -> None:
    os.rename(home.file(missing), home.file("away"))
    done = place.run(home.file("bin", "qmail-qread"))
    assert (done.returncode, done.stdout, done.stderr) == (111, text, b"")


def test_qstat(place: Place, home: Home) -> None:
    for number in (1, 24, 30):
        put(home, "mess", number, b"")
    put(home, "todo", 30, b"")
    done = place.run(home.file("bin", "qmail-qstat"))
    assert done.stdout == b"messages in queue: 3\nmessages in queue but not yet preprocessed: 1\n"
    os.rename(home.file("queue"), home.file("away"))
    assert place.run(home.file("bin", "qmail-qstat")).returncode == 111
