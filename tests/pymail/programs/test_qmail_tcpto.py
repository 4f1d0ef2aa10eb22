"""qmail-tcpto and qmail-tcpok as processes"""

import os
import re
import time
from pathlib import Path

from pymail.unix.home import Home
from pymail.unix.tcpto import path
from tests.support.world import Place


def fill(home: Home) -> None:
    now = int(time.time())
    entries = [(1, 3, now - 100), (2, 0, now), (3, 10, now + 1000)]
    content = b"".join(
        bytes((192, 0, 2, last, count, 0, 0, 0)) + when.to_bytes(4, "little") + bytes(4)
        for last, count, when in entries
    )
    Path(path(home)).write_bytes(content.ljust(1024, b"\0"))


def test_list(place: Place, home: Home) -> None:
    fill(home)
    done = place.run(home.file("bin", "qmail-tcpto"))
    assert (done.returncode, done.stderr) == (0, b"")
    first, second = done.stdout.splitlines()
    assert re.fullmatch(rb"192\.0\.2\.1 timed out 1\d\d seconds ago; # recent timeouts: 3", first)
    assert re.fullmatch(rb"192\.0\.2\.3 timed out 18446744073709550\d{3} seconds ago; # recent.*: 10", second)


def test_nothing_to_list(place: Place, home: Home) -> None:
    done = place.run(home.file("bin", "qmail-tcpto"))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_list_without_a_file(place: Place, home: Home) -> None:
    os.unlink(path(home))
    done = place.run(home.file("bin", "qmail-tcpto"))
    assert (done.returncode, done.stdout) == (111, b"fatal: unable to open tcpto: file does not exist\n")
    assert done.stderr == b""


def test_forget(place: Place, home: Home) -> None:
    fill(home)
    done = place.run(home.file("bin", "qmail-tcpok"))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert Path(path(home)).read_bytes() == bytes(1024)


def test_forget_without_a_file(place: Place, home: Home) -> None:
    os.unlink(path(home))
    done = place.run(home.file("bin", "qmail-tcpok"))
    assert done.returncode == 111
    assert done.stderr.decode() == f"qmail-tcpok: fatal: unable to write {path(home)}: file does not exist\n"


def test_forget_without_a_directory(place: Place, home: Home) -> None:
    lock = Path(path(home)).parent
    lock.rename(lock.with_name("elsewhere"))
    done = place.run(home.file("bin", "qmail-tcpok"))
    assert done.returncode == 111
    assert done.stderr.decode() == f"qmail-tcpok: fatal: unable to chdir to {lock}: file does not exist\n"
