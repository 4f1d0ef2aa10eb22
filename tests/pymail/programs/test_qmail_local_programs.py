"""qmail-local runs programs and forwards"""

import re

import pytest

from tests.support.capture import Capture
from tests.support.homes import only_message, private_home
from tests.support.user_home import DTLINE, MESSAGE, Mailbox
from tests.support.world import Place

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
    env = {"INHERITED": "yes", "LC_ALL": "C", "": "nobody=can pass that on"}
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
