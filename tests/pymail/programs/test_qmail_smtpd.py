"""qmail-smtpd as a process: what the dialogs cannot show"""

import os
import re
import resource
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pymail.unix.home import Home
from pysvc.formats import cdb
from tests.support.capture import Capture
from tests.support.homes import control, only_message, private_home, queued
from tests.support.world import Place, eventually, free_port, listening

PEER = {"TCPREMOTEIP": "192.0.2.9", "TCPREMOTEHOST": "client.example", "TCPLOCALHOST": "mail.example"}
ENVELOPE = b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"
FROM = b"from 192.0.2.9 (client.example) helo "


@pytest.fixture
def home(place: Place) -> Home:
    home = private_home(place)
    control(home, "me", "mail.example\n")
    return home


def talk(
    place: Place, home: Home, said: bytes, env: Mapping[str, str] | None = None, **popen: object
) -> "subprocess.CompletedProcess[bytes]":
    """What qmail-smtpd answers to everything at once, then the end of input."""
    return place.run(home.file("bin", "qmail-smtpd"), stdin=said, env={**PEER, **(env or {})}, **popen)  # type: ignore[arg-type]


def log(done: "subprocess.CompletedProcess[bytes]") -> list[bytes]:
    """The log lines, numbers that vary taken out."""
    return [
        re.sub(rb" qp \d+", b" qp N", re.sub(rb"^qmail-smtpd: \d+ ", b"", line))
        for line in done.stderr.splitlines()
    ]


def test_a_message_into_the_queue(place: Place, home: Home) -> None:
    done = talk(place, home, ENVELOPE + b"Subject: x\r\n\r\nhello\r\n.\r\nQUIT\r\n")
    assert done.returncode == 0
    assert re.search(rb"\r\n250 ok \d+ qp \d+\r\n221 mail.example\r\n\Z", done.stdout)
    _, files = only_message(home.file("queue"))
    assert files["todo"].endswith(b"Fa@b\0Tc@d\0")
    lines = files["mess"].split(b"\n")
    assert lines[1] == b"Received: from client.example (192.0.2.9)"
    assert lines[2].startswith(b"  by mail.example with SMTP; ")
    assert lines[3:] == [b"Subject: x", b"", b"hello", b""]
    assert log(done) == [b"accepted " + FROM + b"- sender <a@b> recipients 1 bytes 18 qp N"]


def test_end_of_input_is_no_message(place: Place, home: Home) -> None:
    done = talk(place, home, b"HELO x\r\n" + ENVELOPE + b"Subject: x\r\n\r\nhello\r\n.\r")
    assert (done.returncode, done.stdout.endswith(b"354 go ahead\r\n")) == (1, True)
    assert queued(home.file("queue")) == {}
    assert log(done) == [b"trouble " + FROM + b"x: connection lost after DATA"]


def test_end_of_input_before_any_command(place: Place, home: Home) -> None:
    done = talk(place, home, b"partial command")
    assert (done.returncode, done.stdout) == (1, b"220 mail.example ESMTP\r\n")
    assert log(done) == [b"trouble " + FROM + b"-: connection lost"]


@pytest.mark.parametrize("said", [b"", b"NOOP\r\nNO", ENVELOPE + b"hello\r\n"])
def test_timeout(place: Place, home: Home, said: bytes) -> None:
    control(home, "timeoutsmtpd", "0\n")
    reader, writer = os.pipe()
    os.write(writer, said)
    try:
        process = place.start(
            home.file("bin", "qmail-smtpd"), env=PEER, stdin=reader,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ).process  # fmt: skip
        out, err = process.communicate(timeout=30)
    finally:
        os.close(reader)
        os.close(writer)
    assert (process.returncode, out.splitlines()[-1]) == (1, b"451 timeout (#4.4.2)")
    assert b": timeout" in err
    assert queued(home.file("queue")) == {}


def test_a_reply_comes_without_further_input(place: Place, home: Home) -> None:
    process = place.start(
        home.file("bin", "qmail-smtpd"), env=PEER, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ).process
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == b"220 mail.example ESMTP\r\n"
    for said, reply in ((b"MAIL", b"250 ok\r\n"), (b"RCPT", b"250 ok\r\n"), (b"RSET", b"250 flushed\r\n")):
        process.stdin.write(said + b"\r\n")
        process.stdin.flush()
        assert process.stdout.readline() == reply


def test_nobody_reads_the_replies(place: Place, home: Home) -> None:
    control(home, "timeoutsmtpd", "1\n")
    reader, writer = os.pipe()
    process = place.start(
        home.file("bin", "qmail-smtpd"), env=PEER, stdin=subprocess.PIPE,
        stdout=writer, stderr=subprocess.PIPE,
    ).process  # fmt: skip
    os.close(writer)
    try:
        assert process.stdin is not None
        process.stdin.write(b"\n" * 4000)
        process.stdin.close()
        process.stdin = None
        _, err = process.communicate(timeout=30)
    finally:
        os.close(reader)
    assert process.returncode == 1
    assert b": timeout" in err


@pytest.mark.parametrize(
    "name",
    ["smtpgreeting", "localiphost", "timeoutsmtpd", "rcpthosts", "badmailfrom", "databytes"],
)
def test_unreadable_control(place: Place, home: Home, name: str) -> None:
    Path(home.file("control", name)).mkdir()
    done = talk(place, home, b"QUIT\r\n")
    assert (done.returncode, done.stdout) == (1, b"421 unable to read controls (#4.3.0)\r\n")
    assert log(done) == [b"trouble " + FROM + b"-: unable to read controls: is a directory"]


def test_no_name(place: Place, home: Home) -> None:
    os.unlink(home.file("control", "me"))
    done = talk(place, home, b"QUIT\r\n")
    assert (done.returncode, done.stdout) == (1, b"421 unable to read controls (#4.3.0)\r\n")


def test_morercpthosts(place: Place, home: Home) -> None:
    control(home, "rcpthosts", "one.example\n")
    database = cdb.build([(b"two.example", b""), (b".three.example", b"")])
    Path(home.file("control", "morercpthosts.cdb")).write_bytes(database)
    hosts = (b"One.example", b"TWO.example", b"a.three.example", b"three.example")
    recipients = b"".join(b"RCPT TO:<x@%s>\r\n" % host for host in hosts)
    done = talk(place, home, b"MAIL FROM:<>\r\n" + recipients + b"QUIT\r\n")
    codes = [line[:3] for line in done.stdout.splitlines()]
    assert codes == [b"220", b"250", b"250", b"250", b"250", b"553", b"221"]


def test_broken_morercpthosts(place: Place, home: Home) -> None:
    control(home, "rcpthosts", "one.example\n")
    control(home, "morercpthosts.cdb", "")
    said = b"MAIL FROM:<>\r\nRCPT TO:<x@one.example>\r\nRCPT TO:<x@two.example>\r\nQUIT\r\n"
    done = talk(place, home, said)
    assert done.returncode == 1
    assert [line[:3] for line in done.stdout.splitlines()] == [b"220", b"250", b"250", b"421"]


def test_morercpthosts_alone_does_nothing(place: Place, home: Home) -> None:
    control(home, "morercpthosts.cdb", "")
    done = talk(place, home, b"MAIL FROM:<>\r\nRCPT TO:<x@two.example>\r\nQUIT\r\n")
    assert done.returncode == 0
    assert b"553" not in done.stdout


@pytest.mark.parametrize(("hops", "code"), [(99, b"250"), (100, b"554"), (101, b"554")])
def test_hops(place: Place, home: Home, hops: int, code: bytes) -> None:
    words = (b"Received: x", b"DELIVERED-to: y", b"receivedX: z", b"DeliveredX")
    header = b"".join(words[n % 4] + b"\r\n" for n in range(hops))
    ignored = b" Received: folded\r\n.Received: stuffed\r\n\r\nReceived: in the body\r\n"
    said = ENVELOPE + header + ignored + b".\r\nQUIT\r\n"
    done = talk(place, home, said)
    reply = done.stdout.splitlines()[-2]
    assert reply.startswith(code)
    if code == b"554":
        assert reply == b"554 too many hops, this message is looping (#5.4.6)"
        assert queued(home.file("queue")) == {}


def test_hops_win_over_size(place: Place, home: Home) -> None:
    control(home, "databytes", "10\n")
    done = talk(place, home, ENVELOPE + b"Received: x\r\n" * 100 + b".\r\nQUIT\r\n")
    assert done.stdout.splitlines()[-2].startswith(b"554 too many hops")


def test_missing_queue_program(place: Place, home: Home) -> None:
    done = talk(place, home, ENVELOPE + b".\r\nQUIT\r\n", env={"QMAILQUEUE": "/nonexistent/program"})
    assert done.stdout.splitlines()[-3:-1] == [b"354 go ahead", b"451 unable to exec qq (#4.3.0)"]


def test_queue_program_is_not_searched_for(place: Place, home: Home) -> None:
    done = talk(place, home, ENVELOPE + b".\r\nQUIT\r\n", env={"QMAILQUEUE": "true"})
    assert b"451 unable to exec qq (#4.3.0)\r\n" in done.stdout


def test_a_queue_program_with_its_own_words(place: Place, home: Home) -> None:
    capture = Capture(place, "printf 'Dno \\r\\nthanks' >&6; exit 82")
    done = talk(place, home, ENVELOPE + b".\r\nQUIT\r\n", env=capture.env)
    assert b"\r\n554 no   thanks\r\n" in done.stdout


def test_a_large_message_passes_in_bounded_memory(place: Place, home: Home) -> None:
    capture = Capture(place)
    line = b"x" * 998 + b"\r\n"
    said = ENVELOPE + line * 30000 + b".\r\nQUIT\r\n"

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (24 << 20, 24 << 20))

    done = talk(place, home, said, env=capture.env, preexec_fn=limited)
    assert done.returncode == 0
    assert log(done)[-1].endswith(b"bytes 29970000 qp N")
    assert len(capture.message) > 29970000


def test_an_endless_command_line_takes_no_memory(place: Place, home: Home) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (16 << 20, 16 << 20))

    done = talk(place, home, b"NOOP " + b"x" * (40 << 20) + b"\r\nQUIT\r\n", preexec_fn=limited)
    assert done.returncode == 0
    assert done.stdout.splitlines()[1:] == [b"502 unimplemented (#5.5.1)", b"221 mail.example"]


def test_log_of_refusals(place: Place, home: Home) -> None:
    control(home, "rcpthosts", "here.example\n")
    control(home, "databytes", "3\n")
    done = talk(
        place, home,
        b"HELO a b\x01\xff\r\nMAIL FROM:<x y@z>\r\nRCPT TO:<c> d>\r\nRCPT TO:<e f@there.example>\r\n"
        b"RCPT TO:<%s@b>\r\nMAIL FROM:<%s>\r\nDATA\r\n1234\r\n.\r\nQUIT\r\n" % (b"l" * 900, b"m" * 900),
    )  # fmt: skip
    start = b"rejected " + FROM + b"a_b__ sender "
    size = b": 552 sorry, that message size exceeds my databytes limit (#5.3.4)"
    domain = b": 553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"
    assert log(done) == [
        start + b"<x_y@z> recipient <e_f@there.example>" + domain,
        start + b"<x_y@z> recipient <" + b"l" * 300 + b">: 555 syntax error (#5.5.4)",
        start + b"<" + b"m" * 300 + b">: 555 syntax error (#5.5.4)",
        start + b"<x_y@z> recipients 1 bytes 5" + size,
    ]


def test_log_of_a_stray_newline(place: Place, home: Home) -> None:
    done = talk(place, home, ENVELOPE + b"a\nb\r\n.\r\n")
    assert done.returncode == 1
    assert log(done) == [b"trouble " + FROM + b"-: stray newline after DATA"]


def test_a_forged_name_stays_one_word(place: Place, home: Home) -> None:
    env = {"TCPREMOTEHOST": "x) helo y: fail from 10.0.0.1\n"}
    done = talk(place, home, b"", env=env)
    assert log(done) == [b"trouble from 192.0.2.9 (x)_helo_y:_fail_from_10.0.0.1_) helo -: connection lost"]


def test_no_log_into_the_connection(place: Place, home: Home) -> None:
    """inetd makes the connection descriptor 2 as well."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            process = place.start(
                home.file("bin", "qmail-smtpd"), env=PEER, stdin=theirs, stdout=theirs, stderr=theirs
            )
        ours.sendall(b"MAIL FROM:<%s>\r\n" % (b"l" * 900))
        ours.shutdown(socket.SHUT_WR)
        with ours.makefile("rb") as stream:
            assert stream.read() == b"220 mail.example ESMTP\r\n555 syntax error (#5.5.4)\r\n"
    assert process.wait() == 1


def test_nobody_is_connected(place: Place, home: Home) -> None:
    done = place.run("sh", "-c", f"exec {home.file('bin', 'qmail-smtpd')} <&- >&-", env=PEER)
    assert (done.returncode, done.stdout) == (1, b"")
    assert log(done) == [b"trouble " + FROM + b"-: connection lost"]


def test_who_is_connected_is_unknown(place: Place, home: Home) -> None:
    capture = Capture(place)
    done = place.run(home.file("bin", "qmail-smtpd"), stdin=ENVELOPE + b".\r\n", env=capture.env)
    assert capture.message.startswith(b"Received: from unknown (unknown)\n  by unknown with SMTP; ")
    assert b" from unknown (unknown) helo - " in done.stderr


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    said=st.lists(
        st.one_of(
            st.sampled_from([b"MAIL FROM:<a>\r\n", b"RCPT TO:<c>\r\n", b"DATA\r\n", b"\r\n.\r\n", b"EHLO\n"]),
            st.binary(max_size=30),
        ),
        max_size=30,
    ).map(b"".join)
)
def test_any_input_ends_in_order(place: Place, home: Home, said: bytes) -> None:
    done = talk(place, home, said, env={"QMAILQUEUE": "/bin/true"})
    assert done.returncode in (0, 1)
    assert all(line.startswith(b"qmail-smtpd: ") for line in done.stderr.splitlines())
    assert all(re.match(rb"\d{3}[ -]", line) for line in done.stdout.splitlines())


def test_swaks_through_tcpserver(place: Place, home: Home) -> None:
    capture = Capture(place)
    port = free_port()
    place.start(
        "tcpserver", "-RHl0", "127.0.0.1", str(port), home.file("bin", "qmail-smtpd"),
        env=capture.env, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    eventually(lambda: listening(port))
    done = place.run(
        "swaks", "--server", "127.0.0.1", "--port", str(port), "--from", "a@b.example",
        "--to", "c@mail.example", "--body", "from swaks\n.dot\n", "--pipeline",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout.decode()
    assert capture.envelope == (b"a@b.example", [b"c@mail.example"])
    assert b"\nfrom swaks\n.dot\n" in capture.message


def test_many_at_once(place: Place, home: Home) -> None:
    port = free_port()
    place.start(
        "tcpserver", "-RHl0", "127.0.0.1", str(port), home.file("bin", "qmail-smtpd"),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    eventually(lambda: listening(port))
    done = place.run("smtp-source", "-s", "5", "-m", "40", "-r", "2", "-l", "3000", f"127.0.0.1:{port}")
    assert done.returncode == 0, done.stderr
    found = queued(home.file("queue"))
    assert len(found) == 40
    assert all(files["todo"].count(b"\0T") == 2 and len(files["mess"]) > 3000 for files in found.values())
