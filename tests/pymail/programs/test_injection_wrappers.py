"""predate, datemail and mailsubj"""

import re
import time
from pathlib import Path

import pytest

from pymail.formats.date import local_date
from tests.support.capture import Capture
from tests.support.homes import private_home
from tests.support.world import Place

DATE = rb"Date: [1-9]\d? [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d %s\n"


@pytest.mark.parametrize(
    ("offset", "zone"),
    [(0, b"+0000"), (-18000, b"-0500"), (19800, b"+0530"), (-1, b"+0000"), (-45, b"-0001"), (3599, b"+0100")],
)
def test_zones(offset: int, zone: bytes) -> None:
    date = local_date(time.struct_time((2026, 11, 6, 9, 57, 32, 4, 310, 0)), offset)
    assert date == b"6 Nov 2026 09:57:32 " + zone


ZONES = [("UTC", rb"\+0000"), ("XYZ5", b"-0500"), ("ABC-5:30", rb"\+0530")]


@pytest.mark.parametrize(("zone", "shown"), ZONES)
def test_predate(place: Place, zone: str, shown: bytes) -> None:
    done = place.run("predate", "cat", stdin=b"Subject: x\n\nlast", env={"TZ": zone})
    assert done.returncode == 0
    assert re.fullmatch(DATE % shown + b"Subject: x\n\nlast", done.stdout)


def test_predate_ends_as_its_program(place: Place) -> None:
    assert place.run("predate", "sh", "-c", "exit 7", stdin=b"x" * 200_000).returncode == 7
    done = place.run("predate", "sh", "-c", "cat >/dev/null; kill -9 $$")
    assert (done.returncode, done.stderr) == (111, b"predate: fatal: child crashed\n")
    done = place.run("predate", "no-such-program")
    text = b"predate: fatal: unable to run no-such-program: file does not exist\n"
    assert done.stderr == text
    done = place.run("predate")
    assert (done.returncode, done.stderr) == (100, b"predate: usage: predate child\n")


def test_datemail(place: Place) -> None:
    home = private_home(place)
    capture = Capture(place)
    Path(home.file("control", "me")).write_text("here.test\n")
    words = (home.file("bin", "datemail"), "-f", "a@b.test", "c@d.test")
    done = place.run(*words, stdin=b"Subject: x\n\nhello\n", env={"TZ": "XYZ5", **capture.env})
    assert (done.returncode, done.stderr) == (0, b"")
    assert re.search(DATE % b"-0500", capture.message)
    assert capture.message.count(b"Date:") == 1
    assert capture.envelope == (b"a@b.test", [b"c@d.test"])


def test_mailsubj(place: Place) -> None:
    home = private_home(place)
    capture = Capture(place)
    Path(home.file("control", "me")).write_text("here.test\n")
    env = {"USER": "joe", **capture.env}
    words = (home.file("bin", "mailsubj"), "two words", "a@b.test", "c", "d@e.test")
    done = place.run(*words, stdin=b"hello\n", env=env)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"Subject: two words\nTo: a@b.test, c@here.test, d@e.test\n\nhello\n" in capture.message
    assert capture.envelope[1] == [b"d@e.test", b"c@here.test", b"a@b.test"]


def test_mailsubj_ends_as_qmail_inject(place: Place) -> None:
    home = private_home(place)
    env = {"USER": "joe", **Capture(place, "exit 31").env}
    done = place.run(home.file("bin", "mailsubj"), "x", "a@b.test", stdin=b"hello\n", env=env)
    text = b"qmail-inject: fatal: mail server permanently rejected message (#5.3.0)\n"
    assert (done.returncode, done.stderr) == (100, text)
