"""forward, condredirect, bouncesaying, except and preline, alone and in dot-qmail files"""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.capture import Capture
from tests.support.world import Place

MESSAGE = b"Subject: x\n\nhello\nlast"
DTLINE = b"Delivered-To: joe@here.test\n"
ENV = {"SENDER": "s@t.test", "NEWSENDER": "owner@t.test", "DTLINE": DTLINE.decode(),
       "RPLINE": "Return-Path: <s@t.test>\n",
       "UFLINE": "From s@t.test Sat Feb 03 04:05:06 2001\n"}  # fmt: skip
LINES = (ENV["UFLINE"] + ENV["RPLINE"] + ENV["DTLINE"]).encode()


def run(
    place: Place, *words: str, env: Mapping[str, str] = ENV, message: bytes = MESSAGE
) -> tuple[int, bytes, bytes]:
    """(exit code, output, errors) of a command that reads the message from a file."""
    path = place.path / "the message"
    path.write_bytes(message)
    with path.open("rb") as file:
        started = place.start(
            *words, env=env, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ).process
        out, err = started.communicate(timeout=30)
    return started.returncode, out, err


def without(name: str, env: Mapping[str, str] = ENV) -> dict[str, str]:
    return {key: value for key, value in env.items() if key != name}


# Programs that ask another one

ASKING = [("condredirect", "new@x"), ("bouncesaying", "No."), ("except",)]
CRASH = "kill -9 $$"


@pytest.mark.parametrize("words", ASKING, ids=lambda words: words[0])
@pytest.mark.parametrize("question", [("sh", "-c", "exit 1"), ("sh", "-c", "exit 99"), ("no-such-program",),
                                      ("/",), ("sh", "-c", "exit 100")])  # fmt: skip
def test_no(place: Place, words: tuple[str, ...], question: tuple[str, ...]) -> None:
    """Whatever is not a yes is a no; a program that is not there says no as well."""
    assert run(place, *words, *question, env={}) == (0, b"", b"")


@pytest.mark.parametrize("words", ASKING, ids=lambda words: words[0])
def test_nobody_can_tell(place: Place, words: tuple[str, ...]) -> None:
    text = f"{words[0]}: fatal: temporary child error\n".encode()
    assert run(place, *words, "sh", "-c", "exit 111") == (111, b"", text)
    text = f"{words[0]}: fatal: child crashed\n".encode()
    assert run(place, *words, "sh", "-c", CRASH) == (111, b"", text)


@pytest.mark.parametrize("words", ASKING, ids=lambda words: words[0])
def test_a_program_that_cannot_be_run_now(place: Place, words: tuple[str, ...]) -> None:
    busy = place.path / "busy"
    busy.write_bytes(Path("/bin/true").read_bytes())
    busy.chmod(0o755)
    with busy.open("ab"):  # text busy
        text = f"{words[0]}: fatal: temporary child error\n".encode()
        assert run(place, *words, str(busy)) == (111, b"", text)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("condredirect",), b"condredirect newaddress program [ arg ... ]"),
        (("condredirect", "x"), b"condredirect newaddress program [ arg ... ]"),
        (("bouncesaying",), b"bouncesaying error [ program [ arg ... ] ]"),
        (("except",), b"except program [ arg ... ]"),
        (("preline",), b"preline cmd [ arg ... ]"),
        (("preline", "-f"), b"preline cmd [ arg ... ]"),
    ],
)
def test_usage(place: Place, words: tuple[str, ...], text: bytes) -> None:
    name = words[0].encode()
    assert run(place, *words) == (100, b"", name + b": usage: " + text + b"\n")


# bouncesaying and except


def test_bounce(place: Place) -> None:
    assert run(place, "bouncesaying", "No such\nlist.") == (100, b"", b"No such\nlist.\n")
    seen = run(place, "bouncesaying", "No.", "cat")
    assert seen == (100, MESSAGE, b"No.\n")


def test_except(place: Place) -> None:
    assert run(place, "except", "sh", "-c", "exit 0") == (100, b"", b"")
    assert run(place, "except", "except", "sh", "-c", "exit 0") == (0, b"", b"")


# forward


def test_forward(place: Place) -> None:
    capture = Capture(place)
    code, out, err = run(place, "forward", "a@b", "<c@d>", "e", env={**ENV, **capture.env})
    assert (code, out) == (0, b"")
    assert err.startswith(b"forward: qp ")
    assert int(err.removeprefix(b"forward: qp ")) > 0
    assert capture.message == DTLINE + MESSAGE
    assert capture.envelope == (b"owner@t.test", [b"a@b", b"<c@d>", b"e"])


def test_forward_to_nobody(place: Place) -> None:
    capture = Capture(place)
    assert run(place, "forward", env={**ENV, "NEWSENDER": "", **capture.env})[0] == 0
    assert capture.envelope == (b"", [])


def test_forward_needs_its_variables(place: Place) -> None:
    assert run(place, "forward", "a@b", env={}) == (100, b"", b"forward: fatal: NEWSENDER not set\n")
    done = run(place, "forward", "a@b", env=without("DTLINE"))
    assert done == (100, b"", b"forward: fatal: DTLINE not set\n")


@pytest.mark.parametrize(
    ("program", "code", "text"),
    [
        ("exit 31", 100, "mail server permanently rejected message (#5.3.0)"),
        ("exit 53", 111, "qq write error or disk full (#4.3.0)"),
        ("kill -9 $$", 111, "qq crashed (#4.3.0)"),
        ("printf Dmy-text >&6; exit 82", 100, "my-text"),
    ],
)
def test_forward_refused(place: Place, program: str, code: int, text: str) -> None:
    env = {**ENV, **Capture(place, program).env}
    assert run(place, "forward", "a@b", env=env) == (code, b"", f"forward: fatal: {text}\n".encode())
    asked = run(place, "condredirect", "a@b", "true", env=env)
    assert asked == (code, b"", f"condredirect: fatal: {text}\n".encode())


def test_no_queue_program(place: Place) -> None:
    done = run(place, "forward", "a@b", env={**ENV, "QMAILQUEUE": "/nonexistent"})
    assert done == (111, b"", b"forward: fatal: unable to exec qq (#4.3.0)\n")


def test_unreadable_message(place: Place) -> None:
    capture = Capture(place)
    done = place.run("sh", "-c", 'exec "$@" 0>/dev/null', "sh", str(place.world.bin / "forward"), "a@b",
                     env={**ENV, **capture.env})  # fmt: skip
    text = b"forward: fatal: unable to read message: file descriptor not open\n"
    assert (done.returncode, done.stderr) == (111, text)
    assert not Path(capture.folder, "envelope").exists()  # nothing to queue, nobody asked to


# condredirect


def test_redirect(place: Place) -> None:
    """The program has read the message; it is read again from its beginning."""
    capture = Capture(place)
    env = {**ENV, **capture.env}
    code, out, err = run(place, "condredirect", "new@x", "sh", "-c", "cat >/dev/null", env=env)
    assert (code, out) == (99, b"")
    assert err.startswith(b"condredirect: qp ")
    assert capture.message == DTLINE + MESSAGE
    assert capture.envelope == (b"s@t.test", [b"new@x"])


def test_redirect_needs_its_variables_only_then(place: Place) -> None:
    done = run(place, "condredirect", "new@x", "true", env=without("SENDER"))
    assert done == (100, b"", b"condredirect: fatal: SENDER not set\n")
    done = run(place, "condredirect", "new@x", "true", env=without("DTLINE"))
    assert done == (100, b"", b"condredirect: fatal: DTLINE not set\n")


def test_redirect_of_a_pipe(place: Place) -> None:
    done = place.run("condredirect", "new@x", "true", stdin=MESSAGE, env=ENV)
    text = b"condredirect: fatal: unable to rewind: unseekable descriptor\n"
    assert (done.returncode, done.stderr) == (111, text)


# preline


def test_preline(place: Place) -> None:
    assert run(place, "preline", "cat") == (0, LINES + MESSAGE, b"")


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (["-f"], ["RPLINE", "DTLINE"]), (["-r"], ["UFLINE", "DTLINE"]), (["-d"], ["UFLINE", "RPLINE"]),
        (["-frd"], []), (["-frdR"], ["RPLINE"]), (["-fF", "--"], ["UFLINE", "RPLINE", "DTLINE"]),
    ],
)  # fmt: skip
def test_preline_leaves_lines_out(place: Place, options: list[str], wanted: list[str]) -> None:
    code, out, _ = run(place, "preline", *options, "cat")
    assert (code, out) == (0, "".join(ENV[name] for name in wanted).encode() + MESSAGE)


@pytest.mark.parametrize("name", ["UFLINE", "RPLINE", "DTLINE"])
def test_preline_needs_all_lines(place: Place, name: str) -> None:
    done = run(place, "preline", "-frd", "cat", env=without(name))
    assert done == (100, b"", b"preline: usage: preline cmd [ arg ... ]\n")


def test_preline_bad_option(place: Place) -> None:
    text = b"preline: illegal option -- x\npreline: usage: preline cmd [ arg ... ]\n"
    assert run(place, "preline", "-x", "cat") == (100, b"", text)


def test_preline_ends_as_its_program(place: Place) -> None:
    assert run(place, "preline", "sh", "-c", "cat >/dev/null; exit 99") == (99, b"", b"")
    crash = run(place, "preline", "sh", "-c", f"cat >/dev/null; {CRASH}")
    assert crash == (111, b"", b"preline: fatal: child crashed\n")
    gone = run(place, "preline", "no-such-program")
    assert gone == (100, b"", b"preline: fatal: unable to run no-such-program: file does not exist\n")


def test_preline_to_a_program_that_does_not_listen(place: Place) -> None:
    done = run(place, "preline", "sh", "-c", "exit 0", message=b"x" * 200_000)
    assert done == (111, b"", b"preline: fatal: unable to copy input: broken pipe\n")


def test_programs_find_sigpipe_at_its_default(place: Place) -> None:
    """Here: yes dies of it, and the shell says so."""
    script = "cat >/dev/null; { yes; echo $? >&2; } | true"
    assert run(place, "preline", "sh", "-c", script)[2].strip() == b"141"
    assert run(place, "except", "sh", "-c", script)[2].strip() == b"141"


# In dot-qmail files


def deliver(place: Place, text: str, capture: Capture) -> tuple[int, bytes]:
    """(exit code, report) of a delivery to an account with this dot-qmail file."""
    home = place.path / "joe"
    home.mkdir(exist_ok=True, mode=0o700)
    (home / ".qmail").write_text(text)
    (home / ".qmail").chmod(0o600)
    place.own()
    words = ("joe", str(home), "joe", "", "", "here.test", "s@t.test", "./Mailbox")
    env = {"PATH": f"{place.world.bin}:/usr/bin:/bin", **capture.env}
    code, out, err = run(place, "qmail-local", "--", *words, env=env)
    return code, err + out


def test_in_dot_qmail_files(place: Place) -> None:
    capture = Capture(place)
    mailbox = place.path / "joe" / "Mailbox"
    code, said = deliver(place, "|forward a@b\n./Mailbox\n", capture)
    assert code == 0
    assert said.startswith(b"forward: qp ")
    assert said.endswith(b"did 1+0+1\n")
    assert capture.envelope == (b"s@t.test", [b"a@b"])
    assert capture.message == DTLINE + MESSAGE
    assert b"hello" in mailbox.read_bytes()
    mailbox.unlink()
    code, said = deliver(place, "|condredirect new@x grep -q hello\n./Mailbox\n", capture)
    assert code == 0
    assert said.startswith(b"condredirect: qp ")
    assert capture.envelope == (b"s@t.test", [b"new@x"])
    assert not mailbox.exists()
    code, said = deliver(place, "|condredirect new@x except grep -q hello\n./Mailbox\n", capture)
    assert (code, said, mailbox.exists()) == (0, b"did 1+0+1\n", True)


def test_bounces_in_dot_qmail_files(place: Place) -> None:
    capture = Capture(place)
    assert deliver(place, "|bouncesaying 'Not here.'\n./Mailbox\n", capture) == (100, b"Not here.\n")
    assert not (place.path / "joe" / "Mailbox").exists()
    text = "|bouncesaying No grep -q absent\n|preline cat >copy\n"
    assert deliver(place, text, capture) == (0, b"did 0+0+2\n")
    copy = Path(place.path, "joe", "copy").read_bytes()
    assert copy.startswith(b"From s@t.test ")
    assert copy.endswith(b"\nReturn-Path: <s@t.test>\n" + DTLINE + MESSAGE)
    assert os.listdir(capture.folder) == []
