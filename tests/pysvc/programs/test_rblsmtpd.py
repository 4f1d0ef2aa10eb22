"""rblsmtpd as a process, each case also with the C program where that is installed"""

import socket
import subprocess
from pathlib import Path

import pytest

from tests.support import privatenet
from tests.support.privatenet import Outcome
from tests.support.tcp import SERVERS, serve
from tests.support.world import Place

CLASSIC = Path("/usr/bin/rblsmtpd")  # Debian's ucspi-tcp, which has no default list either
both = pytest.mark.parametrize("program", ["rblsmtpd", *([str(CLASSIC)] if CLASSIC.exists() else [])])
USAGE = b"rblsmtpd: usage: rblsmtpd [ -b ] [ -R ] [ -t timeout ] [ -r base ] [ -a base ] smtpd [ arg ... ]\n"
ECHO = ("echo", "hi")


@both
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], USAGE),
        (["-b"], USAGE),
        (["-R", "x"], b"rblsmtpd: illegal option -- R\n" + USAGE),
        (["-t"], b"rblsmtpd: option requires an argument -- t\n" + USAGE),
    ],
)
@pytest.mark.parametrize("given", [None, "refused"])
def test_usage(place: Place, program: str, arguments: list[str], message: bytes, given: str | None) -> None:
    """Also for a client that would be refused."""
    done = place.run(program, *arguments, env={"RBLSMTPD": given} if given is not None else {})
    assert (done.returncode, done.stdout, done.stderr) == (100, b"", message)


@both
def test_who_is_not_refused_gets_the_program(place: Place, program: str) -> None:
    for environment in ({}, {"RBLSMTPD": ""}):
        done = place.run(program, "sh", "-c", "echo $1; exit 7", "x", "hi", env=environment)
        assert (done.returncode, done.stdout, done.stderr) == (7, b"hi\n", b"")
    done = place.run(program, "./no")
    text = b"rblsmtpd: fatal: unable to run ./no: file does not exist\n"
    assert (done.returncode, done.stderr) == (111, text)


def refused(place: Place, program: str, *options: str, given: str, stdin: bytes = b"") -> list[bytes]:
    """The lines of the log and of the replies; nothing was run."""
    env = {"RBLSMTPD": given, "TCPREMOTEIP": "1.2.3.4"}
    done = place.run(program, *options, *ECHO, stdin=stdin, env=env)
    assert done.returncode == 0
    words = done.stderr.split(b" ")
    assert words[1:3] == [b"1.2.3.4", b"pid"]
    assert done.stdout.endswith(b"\r\n")
    return [b" ".join(words[4:]).removesuffix(b"\n"), *done.stdout.split(b"\r\n")[:-1]]


@both
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("-", b"553 "),
        ("-go away", b"553 go away"),
        ("later", b"451 later"),
        ("\udcff\t\x7f", b"451 ???"),
        ("x" * 300, b"451 " + b"x" * 200),
    ],
)
def test_the_message(place: Place, program: str, given: str, message: bytes) -> None:
    assert refused(place, program, "-t", "0", given=given) == [message, message]
    assert refused(place, program, "-b", "-tx", given=given) == [message, message]  # no number is 0


@both
def test_the_conversation(place: Place, program: str) -> None:
    stdin = b"EHLO x\r\n"
    stdin += b"mail from:<>\nRcpt to:<x>\r\nDATA\r\nHELP\n\nmail\tx\r\nRSET x\nnoop\r\r\nQUIT\r\nnoop\r\n"
    no, ok = b"451 no", b"250 rblsmtpd.local"
    assert refused(place, program, given="no", stdin=stdin) == [
        no, b"220 rblsmtpd.local", ok, ok, no, no, no, no, no, ok, no, b"221 rblsmtpd.local",
    ]  # fmt: skip


@both
def test_an_unfinished_line_gets_no_reply(place: Place, program: str) -> None:
    assert refused(place, program, given="no", stdin=b"noop") == [b"451 no", b"220 rblsmtpd.local"]


@both
def test_replies_come_at_once_and_time_is_limited_as_a_whole(place: Place, program: str) -> None:
    process = place.start(
        program, "-t", "4", *ECHO, env={"RBLSMTPD": "no"},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
    ).process  # fmt: skip
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    assert process.stderr.readline() == b"rblsmtpd:  pid %d: 451 no\n" % process.pid  # before the greeting
    assert process.stdout.readline() == b"220 rblsmtpd.local\r\n"
    process.stdin.write(b"noop\r\n")
    assert process.stdout.readline() == b"250 rblsmtpd.local\r\n"
    assert (process.stdout.read(), process.stderr.read(), process.wait(20)) == (b"", b"", 0)


@both
@pytest.mark.parametrize("server", SERVERS)
def test_behind_tcpserver(place: Place, program: str, server: str) -> None:
    rules = b'127.0.0.2:allow,RBLSMTPD="-bad host"\n:allow\n'
    assert place.run("tcprules", "rules.cdb", "tmp", stdin=rules).returncode == 0
    path = str(place.command([program])[0])
    running = serve(place, server, "-x", "rules.cdb", "--", path, *ECHO)
    assert running.talk() == b"hi\n"
    address = ("127.0.0.1", running.port)
    with socket.create_connection(address, 20, ("127.0.0.2", 0)) as client:
        client.sendall(b"rcpt\r\nquit\r\n")
        replies = client.makefile("rb").read()
    assert replies == b"220 rblsmtpd.local\r\n553 bad host\r\n221 rblsmtpd.local\r\n"


def decide(
    place: Place, program: str, *options: str, zone: "dict[str, object]", address: str = "1.2.3.4"
) -> Outcome:
    env = {"TCPREMOTEIP": address} if address else {}
    return privatenet.run(place, program, "-t0", *options, *ECHO, dns=[zone], env=env)


LISTED: "dict[str, object]" = {
    "4.3.2.1.list TXT": [["TXT", "you are "], ["TXT", "listed\x07"]],
    "4.3.2.1.other TXT": [["TXT", "others"]],
    "4.3.2.1.good A": [["A", "127.0.0.2"]],
    "4.3.2.1.empty TXT": [["TXT", ""]],
    "4.3.2.1.failing TXT": "short",
    "4.3.2.1.failing A": "short",
    "list TXT": [["TXT", "base"]],
}
LATER, NEVER = "451 you are listed?\r\n", "553 you are listed?\r\n"
LET_IN = "hi\n"
ERROR = "451 temporary RBL lookup error\r\n"


@pytest.mark.root
@both
@pytest.mark.parametrize(
    ("options", "output", "asked"),
    [
        ("-r list", LATER, "list"),
        ("-rlist -b", LATER, "list"),  # what follows a list does not change it
        ("-b -r list", NEVER, "list"),
        ("-b -B -r list", LATER, "list"),
        ("-r none -r list", LATER, "none list"),
        ("-r empty -r none", LET_IN, "empty none"),
        ("-r list -r other", LATER, "list"),  # decided
        ("-a good -r list", LET_IN, "good"),
        ("-a none -b -r list", NEVER, "none list"),
        ("-r list -a good", LATER, "list"),
        ("-r failing", LET_IN, "failing"),
        ("-b -r failing -r list", LATER, "failing list"),
        ("-c -r failing -r list", ERROR, "failing"),
        ("-bc -r failing", ERROR, "failing"),
        ("-r failing -c", LET_IN, "failing"),
        ("-c -C -r failing", LET_IN, "failing"),
        ("-a failing -r list", LET_IN, "failing"),
        ("-bc -a failing -r list", LATER, "failing list"),
    ],
)
def test_lists(place: Place, program: str, options: str, output: str, asked: str) -> None:
    found = decide(place, program, *options.split(), zone=LISTED)
    assert (found.code, found.output) == (0, output)
    kinds = ["A" if f"-a {name}" in options else "TXT" for name in asked.split()]
    assert found.queries == [
        f"4.3.2.1.{name} {kind}" for name, kind in zip(asked.split(), kinds, strict=True)
    ]
    assert len(found.lines) == (output != LET_IN)


@pytest.mark.root
@both
def test_no_address(place: Place, program: str) -> None:
    found = decide(place, program, "-r", "list", zone=LISTED, address="")
    assert (found.output, found.queries) == ("451 base\r\n", ["list TXT"])
    found = decide(place, program, "-a", "1.2.3.4", zone=LISTED, address="")
    assert (found.output, found.queries) == (LET_IN, [])  # a literal, so an address


@pytest.mark.root
@both
def test_what_the_environment_decided_is_not_asked(place: Place, program: str) -> None:
    for given, output in (("", LET_IN), ("x", "451 x\r\n")):
        found = privatenet.run(
            place, program, "-t0", "-r", "list", *ECHO, dns=[LISTED],
            env={"TCPREMOTEIP": "1.2.3.4", "RBLSMTPD": given},
        )  # fmt: skip
        assert (found.output, found.queries) == (output, [])


@pytest.mark.root
@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("2001:db8::1a", "a.1.0.0." + "0." * 20 + "8.b.d.0.1.0.0.2.list"),
        ("::ffff:1.2.3.4", "4.3.2.1.list"),
        ("fe80::g", "fe80::g.list"),
    ],
)
def test_ipv6(place: Place, address: str, name: str) -> None:
    zone: dict[str, object] = {f"{name} TXT": [["TXT", "six"]]}
    found = decide(place, "rblsmtpd", "-r", "list", zone=zone, address=address)
    assert (found.output, found.queries) == ("451 six\r\n", [f"{name} TXT"])
