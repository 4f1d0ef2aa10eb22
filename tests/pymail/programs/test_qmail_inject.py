"""qmail-inject as a process"""

import os
import re
import subprocess
from pathlib import Path

import pytest

from pymail.unix.home import Home
from tests.support.capture import Capture
from tests.support.homes import private_home, queued
from tests.support.world import Place

CONTROLS = {"me": "mx.example.org", "defaultdomain": "example.org", "plusdomain": "plus.org"}
COMPLETE = b"Date: d\nMessage-ID: i\nFrom: f@f.f\nTo: t@t.t\n\nbody\n"


@pytest.fixture
def home(place: Place) -> Home:
    home = private_home(place)
    for name, value in CONTROLS.items():
        Path(home.file("control", name)).write_text(value + "\n")
    return home


Done = subprocess.CompletedProcess[bytes]


def inject(place: Place, home: Home, *arguments: str, stdin: bytes = COMPLETE, **env: str) -> Done:
    program = home.file("bin", "qmail-inject")
    return place.run(program, *arguments, stdin=stdin, env={"USER": "joe", **env})


def show(place: Place, home: Home, *arguments: str, stdin: bytes = COMPLETE, **env: str) -> bytes:
    """What -n prints."""
    done = inject(place, home, "-n", *arguments, stdin=stdin, **env)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def refused(done: Done, code: int, text: bytes) -> None:
    assert (done.returncode, done.stdout, done.stderr) == (code, b"", b"qmail-inject: fatal: " + text)


def test_a_message_is_completed_and_queued(place: Place, home: Home) -> None:
    capture = Capture(place)
    done = inject(place, home, stdin=b"To: ann, bob@there\nSubject: x\n\nHi!\n", **capture.env)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert capture.envelope == (b"joe@mx.example.org", [b"bob@there.example.org", b"ann@mx.example.org"])
    assert re.fullmatch(
        rb"Date: [1-9]\d? [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d -0000\n"
        rb"Message-ID: <\d{14}\.\d+\.qmail@mx\.example\.org>\n"
        rb"From: joe@mx\.example\.org\n"
        rb"To: ann@mx\.example\.org, bob@there\.example\.org\nSubject: x\n\nHi!\n",
        capture.message,
    )


def test_the_message_id_names_the_process(place: Place, home: Home) -> None:
    running = place.start(
        home.file("bin", "qmail-inject"), "-n", stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    out, _ = running.process.communicate(b"To: a\n", 20)
    assert b".%d.qmail@mx.example.org>" % running.pid in out


def test_into_the_real_queue(place: Place, home: Home) -> None:
    assert inject(place, home, "-f", "me@h.org", "a@b.org").returncode == 0
    ((_, files),) = queued(home.file("queue")).items()
    assert files["mess"].endswith(COMPLETE)
    assert b"Fme@h.org\0Ta@b.org\0" in files["todo"]


def test_dry_run(place: Place, home: Home) -> None:
    assert show(place, home) == b"Return-Path: <joe@mx.example.org>\n" + COMPLETE


def test_dry_run_quotes_the_sender(place: Place, home: Home) -> None:
    assert show(place, home, "-f", "a b@c.d").startswith(b'Return-Path: <"a b"@c.d>\n')
    assert show(place, home, "-f", "").startswith(b"Return-Path: <>\n")


def test_the_last_of_several_options_wins(place: Place, home: Home) -> None:
    capture = Capture(place)
    done = inject(place, home, "-nfa@a.a", "-hN", "-fb@b.b", "x@y.z", **capture.env)
    assert (done.returncode, done.stdout) == (0, b"")
    assert capture.envelope == (b"b@b.b", [b"t@t.t"])


@pytest.mark.parametrize(
    ("arguments", "recipients"),
    [
        (["-a"], []),
        (["-a", "x@x.x"], [b"x@x.x"]),
        (["-h", "x@x.x", "("], [b"t@t.t"]),
        (["-H", "x@x.x"], [b"x@x.x", b"t@t.t"]),
        (["-A"], [b"t@t.t"]),
        (["-A", "x@x.x"], [b"x@x.x"]),
        (["x@x.x", "-a"], [b"x@x.x", b"-a@mx.example.org"]),
        (["--", "-n"], [b"-n@mx.example.org"]),
        (["-"], [b"-@mx.example.org"]),
        (["<a@b>", "a,b", '"x y"@z.z'], [b"<a@b>.example.org", b"a,b@mx.example.org", b'"x y"@z.z']),
    ],
)
def test_recipients(place: Place, home: Home, arguments: list[str], recipients: list[bytes]) -> None:
    capture = Capture(place)
    assert inject(place, home, *arguments, **capture.env).returncode == 0
    assert capture.envelope[1] == recipients


def test_arguments_are_bytes(place: Place, home: Home) -> None:
    capture = Capture(place)
    done = place.run(home.file("bin", "qmail-inject"), b"caf\xe9@b.c", stdin=COMPLETE, env=capture.env)
    assert done.returncode == 0
    assert capture.envelope[1] == [b"caf\xe9@b.c"]


@pytest.mark.parametrize(
    ("message", "tail"),
    [
        (b"hello there\nSubject: x", b"\n\nhello there\nSubject: x\n"),
        (b"To: t\r\n\r\nx\r\n", b"To: t@mx.example.org\n\n\r\nx\r\n"),
        (b"To: t\n\nno newline", b"To: t@mx.example.org\n\nno newline\n"),
        (b"To: t", b"To: t@mx.example.org\n"),
        (b"From x\nTo: t\n>From y\n", b"MBOX-Line: From x\nTo: t@mx.example.org\n\n>From y\n"),
        (b"", b"Cc: recipient list not shown: ;\n"),
    ],
)
def test_where_the_header_ends(place: Place, home: Home, message: bytes, tail: bytes) -> None:
    assert show(place, home, stdin=message).endswith(tail)


def test_a_long_message(place: Place, home: Home) -> None:
    capture = Capture(place)
    header = b"To: " + b",\n ".join(b"user%d@example.org" % n for n in range(9000)) + b"\n"
    body = b"\n" + b"0123456789" * 300_000
    assert inject(place, home, stdin=header + body, **capture.env).returncode == 0
    assert capture.message.endswith(body + b"\n")
    assert capture.envelope[1][:2] == [b"user8999@example.org", b"user8998@example.org"]
    assert len(capture.envelope[1]) == 9000


def test_default_hosts_from_the_environment(place: Place, home: Home) -> None:
    env = {"QMAILDEFAULTHOST": "h", "QMAILDEFAULTDOMAIN": "d.d", "QMAILPLUSDOMAIN": "p.p", "QMAILIDHOST": ""}
    out = show(place, home, stdin=b"To: a, b@c+\n", **env)
    assert b"To: a@h.d.d, b@c.p.p\n" in out
    assert b".qmail@>\n" in out


def test_an_empty_control_file_is_an_empty_value(place: Place, home: Home) -> None:
    Path(home.file("control", "defaultdomain")).write_text("")
    assert b"\nTo: a@b.\n" in show(place, home, stdin=b"To: a@b\n")


def test_without_control_files(place: Place) -> None:
    home = private_home(place)
    out = show(place, home, stdin=b"To: a, b@c+\n")
    assert b"To: a@defaulthost.defaultdomain, b@c.plusdomain\n" in out
    assert b".qmail@idhost>\n" in out


def test_mail_followup_to(place: Place, home: Home) -> None:
    """The file lies where the user is, not in the home."""
    (place.path / "lists").write_text("# mine\nLIST@l.org \n")
    out = show(place, home, stdin=b"To: list@l.org, x@y.z\n", QMAILMFTFILE="lists")
    assert b"\nMail-Followup-To: list@l.org,\n  x@y.z\n" in out
    assert b"Mail-Followup-To" not in show(place, home, stdin=b"To: list@l.org\n", QMAILMFTFILE="none")


@pytest.mark.parametrize("field", [b"To: foo: bar, baz\n", b"From: (\n x\n", b"Bcc: a; b;\n"])
def test_a_header_that_cannot_be_parsed(place: Place, home: Home, field: bytes) -> None:
    """Also where the recipients are arguments; and nothing reaches the queue program."""
    capture = Capture(place)
    done = inject(place, home, "-a", "x@y.z", stdin=b"Subject: x\n" + field + b"\nbody\n", **capture.env)
    refused(done, 100, b"unable to parse this line:\n" + field)
    assert os.listdir(capture.folder) == []


@pytest.mark.parametrize(
    ("arguments", "env", "text"),
    [
        (["a@(b"], {}, b"unable to parse address: a@(b\n"),
        (["-f", "a b@("], {}, b'unable to parse this line:\n"a b"@('),
        ([], {"QMAILDEFAULTHOST": "a("}, b"unable to parse this line:\n@a("),
        ([], {"QMAILDEFAULTDOMAIN": ")"}, b"unable to parse this line:\n.)"),
        ([], {"QMAILPLUSDOMAIN": "["}, b"unable to parse this line:\n.["),
    ],
)
def test_names_that_cannot_be_parsed(
    place: Place, home: Home, arguments: list[str], env: dict[str, str], text: bytes
) -> None:
    refused(inject(place, home, *arguments, **env), 100, text)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["-x"], b"qmail-inject: illegal option -- x\n"),
        (["-f"], b"qmail-inject: option requires an argument -- f\n"),
    ],
)
def test_wrong_options(place: Place, home: Home, arguments: list[str], text: bytes) -> None:
    done = inject(place, home, *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (100, b"", text)


def test_a_control_file_that_cannot_be_read_beats_a_wrong_option(place: Place, home: Home) -> None:
    os.mkdir(home.file("control", "idhost"))
    refused(inject(place, home, "-x", QMAILIDHOST="unused"), 111, b"read error\n")


def test_a_list_file_that_cannot_be_read(place: Place, home: Home) -> None:
    refused(inject(place, home, QMAILMFTFILE="/"), 111, b"read error\n")


def test_a_message_that_cannot_be_read(place: Place, home: Home) -> None:
    program = home.file("bin", "qmail-inject")
    done = place.run("sh", "-c", 'exec "$1" a@b.c 0>/dev/null', "sh", program)
    refused(done, 111, b"read error\n")
    assert queued(home.file("queue")) == {}


def test_output_that_cannot_be_written(place: Place, home: Home) -> None:
    done = place.run("sh", "-c", 'exec "$1" -n >/dev/full', "sh", home.file("bin", "qmail-inject"))
    refused(done, 111, b"write error\n")


@pytest.mark.parametrize(
    ("ending", "code", "text"),
    [
        ("exit 31", 100, b"mail server permanently rejected message (#5.3.0)\n"),
        ("exit 53", 111, b"qq write error or disk full (#4.3.0)\n"),
        ("kill -9 $$", 111, b"qq crashed (#4.3.0)\n"),
        ("echo 'Dnot this one' >&6; exit 82", 100, b"not this one\n"),
    ],
)
def test_the_queue_program_refuses(place: Place, home: Home, ending: str, code: int, text: bytes) -> None:
    refused(inject(place, home, **Capture(place, ending).env), code, text)


def test_no_queue_program(place: Place, home: Home) -> None:
    refused(inject(place, home, QMAILQUEUE="/none"), 111, b"unable to exec qq (#4.3.0)\n")


def test_the_queue_program_is_looked_for_from_the_home(place: Place, home: Home) -> None:
    capture = Capture(place)
    Path(home.file("bin", "mine")).symlink_to(capture.env["QMAILQUEUE"])
    assert inject(place, home, QMAILQUEUE="bin/mine").returncode == 0
    assert capture.message == COMPLETE


@pytest.mark.root
def test_root_queues(place: Place, home: Home) -> None:
    program = home.file("bin", "qmail-inject")
    assert place.run(program, "a@b.org", stdin=COMPLETE, as_root=True).returncode == 0
    assert len(queued(home.file("queue"))) == 1
