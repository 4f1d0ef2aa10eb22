"""setlock as a process"""

import fcntl
import os
import subprocess
from pathlib import Path

import pytest

from tests.support.world import Place, eventually

USAGE = b"setlock: usage: setlock [ -nNxX ] file program [ arg ... ]\n"


def test_the_program_holds_the_lock_and_the_descriptor(place: Place) -> None:
    (place.path / "lock").write_bytes(b"content")
    place.own()
    done = place.run("setlock", "lock", "sh", "-c", "readlink /proc/$$/fd/3; flock -n lock true || echo held")
    assert done.stdout.splitlines() == [bytes(place.path / "lock"), b"held"]
    assert (place.path / "lock").read_bytes() == b"content"


def test_the_lock_goes_through_a_chain(place: Place) -> None:
    done = place.run("setlock", "lock", "envuidgid", "root", "sh", "-c", "flock -n lock true || echo held")
    assert done.stdout == b"held\n"


def test_a_new_file_is_private(place: Place) -> None:
    place.run("setlock", "lock", "true", umask=0)
    assert (place.path / "lock").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        (["-n"], 111, b"setlock: fatal: unable to lock lock: temporary failure\n"),
        (["-nx"], 0, b""), (["-x", "-n"], 0, b""), (["-Nn", "-xX", "--"], 111, None), (["-nxXx"], 0, b""),
    ],
)  # fmt: skip
def test_busy(place: Place, options: list[str], code: int, text: bytes | None) -> None:
    with open(place.path / "lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        place.own()
        done = place.run("setlock", *options, "lock", "echo", "ran")
    assert (done.returncode, done.stdout) == (code, b"")
    assert text is None or done.stderr == text


def test_it_waits(place: Place) -> None:
    with open(place.path / "lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        place.own()
        waiting = place.start("setlock", "-nN", "lock", "echo", "ran", stdout=subprocess.PIPE)
        inode = f":{(place.path / 'lock').stat().st_ino} "
        eventually(lambda: sum(inode in line for line in Path("/proc/locks").read_text().splitlines()) > 1)
        assert waiting.process.poll() is None
    assert waiting.wait() == 0


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ([], 100, USAGE), (["lock"], 100, USAGE), (["-n", "lock"], 100, USAGE),
        (["-q"], 100, b"setlock: illegal option -- q\n" + USAGE),
        (["no/lock", "true"], 111, b"setlock: fatal: unable to open no/lock: file does not exist\n"),
        ([".", "true"], 111, b"setlock: fatal: unable to open .: is a directory\n"),
        (["fifo", "true"], 111, b"setlock: fatal: unable to open fifo: device not configured\n"),
        (["-x", "no/lock", "true"], 0, b""),
        (["-x", "lock", "no"], 111, b"setlock: fatal: unable to run no: file does not exist\n"),
    ],
)  # fmt: skip
def test_errors(place: Place, arguments: list[str], code: int, text: bytes) -> None:
    os.mkfifo(place.path / "fifo")
    place.own()
    done = place.run("setlock", *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (code, b"", text)
