"""qmail-local as a process: every instruction, every end"""

import fcntl
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.capture import Capture
from tests.support.homes import only_message, private_home
from tests.support.world import Place, eventually

MESSAGE = b"From: a@b\nSubject: x\n\nhello\nFrom here\n>From there\nlast"
HEAD = b"Return-Path: <sender@there>\nDelivered-To: Joe-A.b@host.sub.test\n"
DTLINE = b"Delivered-To: Joe-A.b@host.sub.test\n"
USAGE = (
    b"qmail-local: usage: qmail-local [ -nN ] user homedir local dash ext domain sender aliasempty\n"
)


class Mailbox:
    """A user's home, and deliveries to it."""

    def __init__(self, place: Place, program: str = "qmail-local") -> None:
        self.place, self.program = place, program
        self.home = place.path / "user"
        self.home.mkdir(mode=0o700)
        self.message = place.path / "message"
        self.message.write_bytes(MESSAGE)
        place.own()

    def write(self, name: str, content: bytes | str, mode: int = 0o600) -> None:
        path = self.home / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        self.place.own()

    def maildir(self) -> Path:
        assert self.place.run("maildirmake", "Maildir", cwd=self.home).returncode == 0
        return self.home / "Maildir"

    def start(
        self,
        *options: str,
        dash: str = "-",
        ext: str = "A.b",
        sender: str = "sender@there",
        default: str = "./Mailbox",
        local: str = "Joe-A.b",
        env: dict[str, str] | None = None,
        file_size: int | None = None,
        **popen: object,
    ) -> "subprocess.Popen[bytes]":
        operands = ("joe", str(self.home), local, dash, ext, "host.sub.test", sender, default)
        command = self.place.command([self.program, *options, "--", *operands])
        if file_size is not None:
            command = ["prlimit", f"--fsize={file_size}", *command]
        with self.message.open("rb") as message:
            wanted = {"stdin": message, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} | popen
            return self.place.start(*command, env=env, **wanted).process

    def deliver(self, *options: str, **arguments: object) -> tuple[int, bytes]:
        """(exit code, what it said) of a delivery."""
        process = self.start(*options, **arguments)  # type: ignore[arg-type]
        said, _ = process.communicate(timeout=60)
        return process.returncode, said


@pytest.fixture
def joe(place: Place) -> Mailbox:
    return Mailbox(place)


# Usage


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


# Loops


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


# Mailboxes


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


# Programs


def test_program(joe: Mailbox) -> None:
    joe.write(".qmail-a:b", "|cat >one; pwd; echo complaint >&2\n| cat >two\n")
    assert joe.deliver() == (0, f"{joe.home}\ncomplaint\ndid 0+0+2\n".encode())
    assert (joe.home / "one").read_bytes() == (joe.home / "two").read_bytes() == MESSAGE


@pytest.mark.parametrize("code", [100, 64, 65, 70, 76, 77, 78, 112])
def test_hard_exit_codes(joe: Mailbox, code: int) -> None:
    joe.write(".qmail-a:b", f"|echo said; exit {code}\n|echo not reached\n")
    assert joe.deliver() == (100, b"said\n")


@pytest.mark.parametrize("code", [1, 2, 71, 74, 75, 98, 101, 111, 113, 127, 255])
def test_soft_exit_codes(joe: Mailbox, code: int) -> None:
    joe.write(".qmail-a:b", f"|echo said; exit {code}\n|echo not reached\n")
    assert joe.deliver() == (111, b"said\n")


def test_crashed_program(joe: Mailbox) -> None:
    joe.write(".qmail-a:b", "|kill -9 $$\n")
    assert joe.deliver() == (111, b"Aack, child crashed. (#4.3.0)\n")


def test_program_that_does_not_read(joe: Mailbox) -> None:
    joe.write(".qmail-a:b", "|true\n|yes | head -n 1\n")  # dies of SIGPIPE, or yes would complain
    assert joe.deliver() == (0, b"y\ndid 0+0+2\n")


VARIABLES = """\
DEFAULT=B.c
DTLINE=Delivered-To: Joe-a-B.c@host.sub.test
EXT2=B.c
EXT3=
EXT4=
EXT=a-B.c
HOME={home}
HOST2=host.sub
HOST3=host
HOST4=host
HOST=host.sub.test
INHERITED=yes
LOCAL=Joe-a-B.c
NEWSENDER=a b@there
RECIPIENT=Joe-a-B.c@host.sub.test
RPLINE=Return-Path: <"a b"@there>
SENDER=a b@there
USER=joe
"""


def test_environment(joe: Mailbox) -> None:
    joe.write(".qmail-a-default", '|env | grep -v "^$" | grep -v UFLINE | sort; printf %s "$UFLINE"\n')
    env = {"INHERITED": "yes", "LC_ALL": "C"}
    code, said = joe.deliver(ext="a-B.c", local="Joe-a-B.c", sender="a b@there", env=env)
    lines = said.decode().splitlines(keepends=True)
    others = ("PATH=", "PWD=", "LC_ALL=", "OLDPWD=", "_=", "SHLVL=")
    seen = [line for line in lines if not line.startswith(others)]
    assert code == 0
    assert "".join(seen[:-2]) == VARIABLES.format(home=joe.home)
    assert re.fullmatch(r"From a-b@there \w{3} \w{3} \d\d \d\d:\d\d:\d\d \d{4}\n", seen[-2])
    assert seen[-1] == "did 0+0+1\n"


def test_default_is_not_set_for_a_file_of_its_own(joe: Mailbox) -> None:
    joe.write(".qmail-a:b", '|echo "${DEFAULT-unset} $DEFAULT"\n')
    assert joe.deliver() == (0, b"unset \ndid 0+0+1\n")


# Forwards


def test_forward(joe: Mailbox) -> None:
    capture = Capture(joe.place)
    joe.write(".qmail-a:b", "&x@y\n z@y \n|true\nplain\n", 0o600)
    code, said = joe.deliver(env=capture.env)
    assert code == 0
    assert re.fullmatch(rb"did 0\+3\+1\nqp \d+\n", said)
    assert capture.envelope == (b"sender@there", [b"x@y", b" z@y", b"plain"])
    assert capture.message == DTLINE + MESSAGE


def test_99_leaves_out_the_rest(joe: Mailbox) -> None:
    capture = Capture(joe.place)
    joe.write(".qmail-a:b", "&x@y\n|exit 99\n&z@y\n|echo not reached\n\n+other\n")
    code, said = joe.deliver(env=capture.env)
    assert (code, said.partition(b"\n")[0]) == (0, b"did 0+1+1")
    assert capture.envelope == (b"sender@there", [b"x@y"])


@pytest.mark.parametrize("end", ["exit 100", "exit 111"])
def test_nothing_is_forwarded_after_a_failure(joe: Mailbox, end: str) -> None:
    capture = Capture(joe.place)
    joe.write(".qmail-a:b", f"&x@y\n|{end}\n")
    assert joe.deliver(env=capture.env) == (int(end[-3:]), b"")
    assert not (capture.folder / "message").exists()


@pytest.mark.parametrize(
    ("ending", "code", "text"),
    [
        ("exit 31", 100, b"mail server permanently rejected message (#5.3.0)"),
        ("exit 71", 111, b"mail server temporarily rejected message (#4.3.0)"),
        ("echo Dno thanks >&6; exit 82", 100, b"no thanks"),
    ],
)
def test_forward_refused(joe: Mailbox, ending: str, code: int, text: bytes) -> None:
    capture = Capture(joe.place, ending)
    joe.write(".qmail-a:b", "&x@y\n")
    assert joe.deliver(env=capture.env) == (code, b"Unable to forward message: " + text + b".\n")


def test_forward_into_the_queue(place: Place) -> None:
    home = private_home(place)
    joe = Mailbox(place, home.file("bin", "qmail-local"))
    joe.write(".qmail-a:b", "&x@y\n")
    code, said = joe.deliver()
    assert (code, said.partition(b"\n")[0]) == (0, b"did 0+1+0")
    _, files = only_message(home.file("queue"))
    assert files["mess"].endswith(DTLINE + MESSAGE)
    assert files["todo"].endswith(b"Fsender@there\0Tx@y\0")


@pytest.mark.parametrize(
    ("owners", "sender", "new"),
    [
        ((), "s@t", b"s@t"),
        (("-owner",), "s@t", b"Joe-My.L-x-owner@host.sub.test"),
        (("-owner", "-owner-default"), "s@t", b"Joe-My.L-x-owner-@host.sub.test-@[]"),
        (("-owner-default",), "s@t", b"s@t"),
        (("-owner",), "", b""),
        (("-owner",), "#@[]", b"#@[]"),
    ],
)
def test_list_owner(joe: Mailbox, owners: tuple[str, ...], sender: str, new: bytes) -> None:
    capture = Capture(joe.place)
    joe.write(".qmail-my:l-default", "&x@y\n")
    for owner in owners:
        joe.write(f".qmail-my:l-x{owner}", "&owner\n")
    code, _ = joe.deliver(ext="My.L-x", local="Joe-My.L-x", sender=sender, env=capture.env)
    assert code == 0
    assert capture.envelope == (new, [b"x@y"])


# What would be done


def test_asking(joe: Mailbox) -> None:
    joe.write(".qmail-a:b", "./Mailbox\n#\n./M/\n\n|false\n+list\n&x@y\nz\n")
    said = b"mbox ./Mailbox\nmaildir ./M/\nprogram false\nforward x@y\nforward z\ndid 2+2+1\n"
    assert joe.deliver("-n") == (0, said)
    assert not list(joe.home.glob("M*"))
    joe.deliver("-nN")
    assert (joe.home / "Mailbox").exists()
