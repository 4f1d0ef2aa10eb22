"""qmail-local as a process: the home, loops, and which instructions are followed"""

import os
import subprocess

import pytest

from tests.support.user_home import DTLINE, MESSAGE, Mailbox
from tests.support.world import Place

USAGE = (
    b"qmail-local: usage: qmail-local [ -nN ] user homedir local dash ext domain sender aliasempty\n"
)


def test_usage(place: Place) -> None:
    for arguments in ((), ("a",) * 7, ("a",) * 8, ("a", "/", "c", "d", "e", "f", "g", "h", "i")):
        done = place.run("qmail-local", *arguments)
        assert (done.returncode, done.stdout, done.stderr) == (100, b"", USAGE)


def test_unknown_option(place: Place) -> None:
    done = place.run("qmail-local", "-nx")
    assert (done.returncode, done.stderr) == (100, b"qmail-local: illegal option -- x\n" + USAGE)


# The home


def test_no_home(joe: Mailbox) -> None:
    joe.home.rmdir()
    text = f"Unable to switch to {joe.home}: file does not exist. (#4.3.0)\n"
    assert joe.deliver() == (111, text.encode())


def test_writable_home(joe: Mailbox) -> None:
    joe.home.chmod(0o702)
    assert joe.deliver() == (111, b"Uh-oh: home directory is writable. (#4.7.0)\n")


def test_sticky_home(joe: Mailbox) -> None:
    joe.home.chmod(0o1700)
    text = b"Home directory is sticky: user is editing his .qmail file. (#4.2.1)\n"
    assert joe.deliver() == (111, text)
    code, said = joe.deliver("-n", dash="", ext="")
    assert (code, said) == (0, b"Warning: home directory is sticky.\nmbox ./Mailbox\ndid 1+0+0\n")


def test_group_writable_is_fine(joe: Mailbox) -> None:
    joe.home.chmod(0o770)
    joe.write(".qmail-a:b", "#\n", 0o660)
    assert joe.deliver() == (0, b"did 0+0+0\n")


# Loops and the message


def test_loop(joe: Mailbox) -> None:
    joe.write(".qmail-a:b", "#\n")
    joe.message.write_bytes(b"X: y\n" + DTLINE + b"\nbody\n")
    text = b"This message is looping: it already has my Delivered-To line. (#5.4.6)\n"
    assert joe.deliver() == (100, text)
    assert joe.deliver("-n") == (0, b"did 0+0+0\n")


def test_no_loop(joe: Mailbox) -> None:
    joe.write(".qmail-a:b", "#\n")
    joe.message.write_bytes(b"X: y\n" + DTLINE.lower() + b"\n" + DTLINE)
    assert joe.deliver() == (0, b"did 0+0+0\n")


def test_message_in_a_pipe(joe: Mailbox) -> None:
    process = joe.start(stdin=subprocess.PIPE)
    assert process.communicate(MESSAGE) == (b"Unable to rewind message. (#4.3.0)\n", None)
    assert process.returncode == 111


def test_unreadable_message(joe: Mailbox) -> None:
    joe.write(".qmail-a:b", "./Mailbox\n")
    with (joe.place.path / "message").open("ab") as writable:
        process = joe.start(stdin=writable)
    said, _ = process.communicate()
    assert process.returncode == 111
    assert said == b"Unable to read message: file descriptor not open. (#4.3.0)\n"


# Which file


@pytest.mark.parametrize(
    ("names", "ext", "found"),
    [
        ([".qmail-a:b-c", ".qmail-default"], "A.b-C", ".qmail-a:b-c"),
        ([".qmail-a-default", ".qmail-default"], "A-b-C", ".qmail-a-default"),
        ([".qmail-default"], "A-b-C", ".qmail-default"),
        ([".qmail-A"], "A", None),
        ([".qmail"], "A", None),
    ],
)
def test_search(joe: Mailbox, names: list[str], ext: str, found: str | None) -> None:
    for name in names:
        joe.write(name, f"&{name}@x\n")
    code, said = joe.deliver("-n", ext=ext)
    if found is None:
        assert (code, said) == (100, b"Sorry, no mailbox here by that name. (#5.1.1)\n")
    else:
        assert (code, said) == (0, f"forward {found}@x\ndid 0+1+0\n".encode())


def test_empty_dash_looks_for_qmaildefault(joe: Mailbox) -> None:
    joe.write(".qmaildefault", "&x\n")
    assert joe.deliver("-n", dash="", ext="") == (0, b"forward x\ndid 0+1+0\n")


def test_directory_is_skipped(joe: Mailbox) -> None:
    (joe.home / ".qmail-a:b").mkdir()
    os.mkfifo(joe.home / ".qmail-a:b-default")
    joe.write(".qmail-default", "&x\n")
    assert joe.deliver("-n") == (0, b"forward x\ndid 0+1+0\n")


def test_unreadable_file_defers(joe: Mailbox) -> None:
    joe.write(".qmail-a:b", "&x\n", 0o000)
    joe.write(".qmail-default", "&x\n")
    assert joe.deliver() == (111, b"Unable to open .qmail-a:b: access denied. (#4.3.0)\n")


def test_writable_file_defers(joe: Mailbox) -> None:
    joe.write(".qmail-a:b", "&x\n", 0o602)
    assert joe.deliver() == (111, b"Uh-oh: .qmail file is writable. (#4.7.0)\n")


def test_no_file_is_the_default_delivery(joe: Mailbox) -> None:
    assert joe.deliver("-n", dash="", ext="", default="./M/\n#\n|x") == (
        0, b"maildir ./M/\nprogram x\ndid 1+0+1\n",
    )  # fmt: skip


def test_empty_file_is_the_default_delivery(joe: Mailbox) -> None:
    joe.write(".qmail-a:b", "", 0o700)  # and its mode restricts nothing
    assert joe.deliver("-n") == (0, b"mbox ./Mailbox\ndid 1+0+0\n")


def test_only_comments_is_not_empty(joe: Mailbox) -> None:
    joe.write(".qmail-a:b", "# gone\n")
    assert joe.deliver() == (0, b"did 0+0+0\n")


@pytest.mark.parametrize("content", ["\n./Mailbox\n", " \t\n"])
def test_blank_first_line(joe: Mailbox, content: str) -> None:
    joe.write(".qmail-a:b", content)
    assert joe.deliver() == (111, b"Uh-oh: first line of .qmail file is blank. (#4.2.1)\n")


def test_empty_default_delivery(joe: Mailbox) -> None:
    assert joe.deliver(dash="", ext="", default="")[1].startswith(b"Uh-oh: first line")


# Only forwards


@pytest.mark.parametrize(("line", "what"), [("./Mailbox", "file"), ("./M/", "file"), ("|true", "prog")])
@pytest.mark.parametrize(("first", "mode"), [("#\n", 0o700), ("+list\n", 0o600)])
def test_restricted(joe: Mailbox, line: str, what: str, first: str, mode: int) -> None:
    joe.write(".qmail-a:b", f"{first}{line}\n", mode)
    text = f"Uh-oh: .qmail has {what} delivery but has x bit set. (#4.7.0)\n"
    assert joe.deliver() == (111, text.encode())


def test_lines_before_a_restriction_are_carried_out(joe: Mailbox) -> None:
    joe.write(".qmail-a:b", "|echo one\n+list\n&x\n|echo two\n")
    code, said = joe.deliver()
    assert (code, said.splitlines()[0]) == (111, b"one")
    assert b"two" not in said


# What would be done


def test_asking(joe: Mailbox) -> None:
    joe.write(".qmail-a:b", "./Mailbox\n#\n./M/\n\n|false\n+list\n&x@y\nz\n")
    said = b"mbox ./Mailbox\nmaildir ./M/\nprogram false\nforward x@y\nforward z\ndid 2+2+1\n"
    assert joe.deliver("-n") == (0, said)
    assert not list(joe.home.glob("M*"))
    joe.deliver("-nN")
    assert (joe.home / "Mailbox").exists()
