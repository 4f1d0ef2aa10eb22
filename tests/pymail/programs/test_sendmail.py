"""sendmail as a process: what it makes of the options that programs pass to it"""

import subprocess
from pathlib import Path

import pytest

from pymail.unix.home import Home
from tests.support.capture import Capture
from tests.support.homes import private_home
from tests.support.world import Place

USAGE = b"sendmail: usage: sendmail [ -t ] [ -fsender ] [ -Fname ] [ -bp ] [ -bs ] [ arg ... ]\n"
MESSAGE = b"To: t@t.t\n\nbody\n"
SHOW = r"""#!/bin/sh
echo "$0" "$@"
env | grep -v '^PWD=\|^_=\|^SHLVL=\|^OLDPWD=\|^PATH=' | sort
"""


@pytest.fixture
def home(place: Place) -> Home:
    home = private_home(place)
    Path(home.file("control", "me")).write_text("mx.org\n")
    return home


def sendmail(
    place: Place, home: Home, *arguments: str, name: str = "bin/sendmail", **env: str
) -> "subprocess.CompletedProcess[bytes]":
    return place.run(home.file(name), *arguments, stdin=MESSAGE, env=env)


def stand_in(home: Home, name: str) -> None:
    """Put a program that shows its arguments and environment in the place of one of ours."""
    path = Path(home.file("bin", name))
    path.write_text(SHOW)
    path.chmod(0o755)


def passed_on(place: Place, home: Home, *arguments: str, **env: str) -> list[str]:
    """How qmail-inject is run."""
    stand_in(home, "qmail-inject")
    done = sendmail(place, home, *arguments, **env)
    assert (done.returncode, done.stderr) == (0, b"")
    first, *rest = done.stdout.decode().splitlines()
    assert first.startswith(home.file("bin", "qmail-inject ")), first
    return [first.removeprefix(home.file("bin", "qmail-inject ")), *rest]


@pytest.mark.parametrize(
    ("arguments", "passed"),
    [
        ([], "-a --"),
        (["a", "b c"], "-a -- a b c"),
        (["-t"], "-H --"),
        (["-t", "b"], "-H -- b"),
        (["-i", "-v", "-m", "-x", "-bm", "a"], "-a -- a"),
        (["-oi", "-oem", "-odb", "-em", "-B8BITMIME", "-p", "x", "a"], "-a -- a"),
        (["-e", "a", "-o", "b", "c"], "-a -- c"),
        (["-Ex", "-Jt", "-E", "a"], "-a -- a"),
        (["-itvm", "a"], "-H -- a"),
        (["--", "-t"], "-a -- -t"),
        (["a", "-t"], "-a -- a -t"),
    ],
)
def test_what_is_passed_on(place: Place, home: Home, arguments: list[str], passed: str) -> None:
    assert passed_on(place, home, *arguments) == [passed]


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (["-Fjoe"], ["-a --", "MAILNAME=joe"]),
        (["-fa@b@c.d"], ["-a -f a@b@c.d --", "QMAILHOST=c.d", "QMAILUSER=a@b"]),
        (["-f", "a", "x"], ["-a -f a -- x", "QMAILUSER=a"]),
        (["-f", "a", "-f", "b@c"], ["-a -f b@c --", "QMAILHOST=c", "QMAILUSER=b"]),
        (["-f", "a@b", "-F", "joe"], ["-a -f a@b --", "QMAILHOST=b", "QMAILUSER=a"]),
        (["-f", ""], ["-a -f  --", "QMAILUSER="]),
    ],
)
def test_sender_and_name(place: Place, home: Home, arguments: list[str], lines: list[str]) -> None:
    assert passed_on(place, home, *arguments) == lines


def test_a_sender_takes_the_place_of_names_in_the_environment(place: Place, home: Home) -> None:
    names = {name: "x" for name in ("QMAILNAME", "MAILNAME", "NAME", "QMAILHOST", "MAILHOST", "QMAILUSER")}
    assert passed_on(place, home, "-fa", **names) == ["-a -f a --", "QMAILUSER=a"]
    assert len(passed_on(place, home, "x", **names)) == 7


@pytest.mark.parametrize("arguments", [["-bd"], ["-bi"], ["-bt"], ["-bz"]])
def test_modes_that_it_has_not(place: Place, home: Home, arguments: list[str]) -> None:
    done = sendmail(place, home, *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (100, b"", USAGE)


@pytest.mark.parametrize("letter", list("qnrhONRVCdUX"))
def test_options_that_it_has_not(place: Place, home: Home, letter: str) -> None:
    done = sendmail(place, home, f"-{letter}")
    complaint = b"sendmail: illegal option -- %s\n" % letter.encode()
    assert (done.returncode, done.stdout, done.stderr) == (100, b"", complaint + USAGE)


def test_an_option_without_its_value(place: Place, home: Home) -> None:
    done = sendmail(place, home, "-f")
    assert (done.returncode, done.stderr) == (100, b"sendmail: option requires an argument -- f\n" + USAGE)


def test_the_queue_is_listed(place: Place, home: Home) -> None:
    stand_in(home, "qmail-qread")
    for arguments in (["-bp"], ["-bpx", "-bd", "rest"]):
        done = sendmail(place, home, *arguments)
        assert done.stdout.splitlines() == [home.file("bin/qmail-qread").encode()]


def test_other_names(place: Place, home: Home) -> None:
    """By a link somewhere else: the home is where the link leads."""
    stand_in(home, "qmail-qread")
    for name in ("mailq", "newaliases"):
        (place.path / name).symlink_to(home.file("bin/sendmail"))
    done = place.run(place.path / "mailq", "-t", "x")
    assert done.stdout.splitlines() == [home.file("bin/qmail-qread").encode()]
    done = place.run(place.path / "newaliases")
    assert done.returncode == 100
    assert done.stderr == b"sendmail: fatal: please use fastforward/newaliases instead\n"


def test_smtp(place: Place, home: Home) -> None:
    stand_in(home, "qmail-smtpd")
    program = home.file("bin/qmail-smtpd").encode()
    assert sendmail(place, home, "-bs").stdout.splitlines() == [
        program, b"DATABYTES=0", b"PROTO=TCP", b"RELAYCLIENT=", b"TCPLOCALHOST=localhost",
        b"TCPLOCALIP=127.0.0.1", b"TCPREMOTEHOST=localhost", b"TCPREMOTEINFO=sendmail-bs",
        b"TCPREMOTEIP=127.0.0.1",
    ]  # fmt: skip
    assert sendmail(place, home, "-bs", PROTO="").stdout.splitlines() == [program, b"PROTO="]


@pytest.mark.parametrize(
    ("arguments", "name"), [([], b"qmail-inject"), (["-bp"], b"qmail-qread"), (["-bs"], b"qmail-smtpd")]
)
def test_a_program_is_missing(place: Place, home: Home, arguments: list[str], name: bytes) -> None:
    Path(home.file("bin"), name.decode()).unlink()
    done = sendmail(place, home, *arguments)
    assert (done.returncode, done.stderr) == (111, b"sendmail: fatal: unable to run %s\n" % name)


def test_both_kinds_of_recipients(place: Place, home: Home) -> None:
    capture = Capture(place)
    assert sendmail(place, home, "-t", "b@b.b", **capture.env).returncode == 0
    assert capture.envelope[1] == [b"b@b.b", b"t@t.t"]


def test_no_recipients(place: Place, home: Home) -> None:
    capture = Capture(place)
    assert sendmail(place, home, **capture.env).returncode == 0
    assert capture.envelope == (b"anonymous@mx.org", [])


def test_the_sender_is_shown_in_from(place: Place, home: Home) -> None:
    capture = Capture(place)
    done = sendmail(place, home, "-f", "ann@a.org", "-F", "Ann", "x", **capture.env)
    assert done.returncode == 0
    assert b"\nFrom: ann@a.org\n" in capture.message
    assert capture.envelope == (b"ann@a.org", [b"x@mx.org"])


def test_a_full_name(place: Place, home: Home) -> None:
    capture = Capture(place)
    assert sendmail(place, home, "-FAnn", "x", USER="ann", **capture.env).returncode == 0
    assert b'\nFrom: "Ann" <ann@mx.org>\n' in capture.message


def test_its_exit_code_is_that_of_the_program(place: Place, home: Home) -> None:
    done = sendmail(place, home, "x", QMAILQUEUE="/none")
    assert (done.returncode, done.stderr) == (111, b"qmail-inject: fatal: unable to exec qq (#4.3.0)\n")
