"""qmail-local into mbox files and Maildirs"""

import fcntl
import os
import re
from pathlib import Path

import pytest

from tests.support.capture import Capture
from tests.support.user_home import DTLINE, HEAD, MESSAGE, Mailbox
from tests.support.world import eventually


def test_mbox(joe: Mailbox) -> None:
    joe.write(".qmail-a:b", "./Mailbox\n")
    assert joe.deliver() == (0, b"did 1+0+0\n")
    assert joe.deliver(sender="") == (0, b"did 1+0+0\n")
    stored = (joe.home / "Mailbox").read_bytes()
    body = b"From: a@b\nSubject: x\n\nhello\n>From here\n>>From there\nlast\n\n"
    date = rb"[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d \d{4}\n"
    first = rb"From sender@there " + date + re.escape(HEAD + body)
    second = rb"From MAILER-DAEMON " + date + re.escape(b"Return-Path: <>\n" + DTLINE + body)
    assert re.fullmatch(first + second, stored)
    assert (joe.home / "Mailbox").stat().st_mode & 0o777 == 0o600


def test_mbox_unable_to_open(joe: Mailbox) -> None:
    joe.write(".qmail-a:b", "./none/Mailbox\n")
    text = b"Unable to open ./none/Mailbox: file does not exist. (#4.2.1)\n"
    assert joe.deliver() == (111, text)


def test_mbox_is_cut_back_when_the_message_does_not_fit(joe: Mailbox) -> None:
    joe.write("Mailbox", b"x" * 3000)
    joe.write(".qmail-a:b", "./Mailbox\n")
    joe.message.write_bytes(b"\n" + b"y" * 5000)
    assert joe.deliver(file_size=4096) == (111, b"Unable to write ./Mailbox: file too big. (#4.3.0)\n")
    assert (joe.home / "Mailbox").read_bytes() == b"x" * 3000


def test_mbox_on_a_full_disk(joe: Mailbox) -> None:
    joe.write(".qmail-a:b", "/dev/full\n")
    text = b"Unable to write /dev/full: out of disk space. (#4.3.0)\n"
    assert joe.deliver() == (111, text)


def test_mbox_waits_for_the_lock(joe: Mailbox) -> None:
    joe.write("Mailbox", b"")
    joe.write(".qmail-a:b", "./Mailbox\n")
    with (joe.home / "Mailbox").open("rb") as locked:
        fcntl.flock(locked, fcntl.LOCK_EX)
        process = joe.start()
        waiting = re.compile(rf"-> FLOCK +ADVISORY +WRITE +{process.pid} ".encode())
        eventually(lambda: waiting.search(Path("/proc/locks").read_bytes()), what="a process at the lock")
        assert (joe.home / "Mailbox").read_bytes() == b""
    assert process.communicate(timeout=20) == (b"did 1+0+0\n", None)
    assert (joe.home / "Mailbox").stat().st_size > len(MESSAGE)


def test_maildir(joe: Mailbox) -> None:
    maildir = joe.maildir()
    joe.write(".qmail-a:b", f"./Maildir/\n{maildir}/\n")
    assert joe.deliver() == (0, b"did 2+0+0\n")
    assert not list((maildir / "tmp").iterdir())
    stored = list((maildir / "new").iterdir())
    assert len(stored) == 2
    for path in stored:
        assert path.read_bytes() == HEAD + MESSAGE
        assert path.stat().st_mode & 0o777 == 0o600
    host = re.escape(os.uname().nodename[:64])
    first, second = sorted((path.name for path in stored), key=len)
    assert re.fullmatch(rf"\d+\.\d+\.{host}", first)
    assert re.fullmatch(rf"\d+\.\d+_1\.{host}", second)


def test_maildir_keeps_every_byte(joe: Mailbox) -> None:
    maildir = joe.maildir()
    joe.write(".qmail-a:b", "./Maildir/\n")
    body = bytes(range(256)) * 1000
    joe.message.write_bytes(body)
    assert joe.deliver() == (0, b"did 1+0+0\n")
    (stored,) = (maildir / "new").iterdir()
    assert stored.read_bytes() == HEAD + body


def test_empty_message(joe: Mailbox) -> None:
    maildir = joe.maildir()
    joe.write(".qmail-a:b", "./Maildir/\n./Mailbox\n")
    joe.message.write_bytes(b"")
    assert joe.deliver() == (0, b"did 2+0+0\n")
    (stored,) = (maildir / "new").iterdir()
    assert stored.read_bytes() == HEAD
    assert (joe.home / "Mailbox").read_bytes().endswith(HEAD + b"\n")


def test_no_maildir(joe: Mailbox) -> None:
    joe.write(".qmail-a:b", "./Maildir/\n")
    assert joe.deliver() == (111, b"Unable to chdir to maildir. (#4.2.1)\n")


@pytest.mark.parametrize("part", ["tmp", "new"])
def test_incomplete_maildir(joe: Mailbox, part: str) -> None:
    maildir = joe.maildir()
    joe.write(".qmail-a:b", "./Maildir/\n")
    (maildir / part).rmdir()
    assert joe.deliver() == (111, b"Temporary error on maildir delivery. (#4.3.0)\n")
    assert not list(maildir.glob("*/*"))


def test_maildir_message_does_not_fit(joe: Mailbox) -> None:
    maildir = joe.maildir()
    joe.write(".qmail-a:b", "./Maildir/\n")
    joe.message.write_bytes(b"\n" + b"y" * 5000)
    assert joe.deliver(file_size=4096) == (111, b"Temporary error on maildir delivery. (#4.3.0)\n")
    assert not list(maildir.glob("*/*"))


def test_a_failure_ends_everything(joe: Mailbox) -> None:
    capture = Capture(joe.place)
    joe.write(".qmail-a:b", "&x@y\n./Mailbox\n./Maildir/\n|echo not reached\n")
    assert joe.deliver(env=capture.env) == (111, b"Unable to chdir to maildir. (#4.2.1)\n")
    assert (joe.home / "Mailbox").exists()  # what was done before stays done
    assert not (capture.folder / "message").exists()
