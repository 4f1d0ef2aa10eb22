"""tcprules and tcprulescheck as processes, alone and beside the C programs"""

import os
import random
from pathlib import Path

import pytest

from pysvc.formats import tcprules
from tests.support.world import Place

CLASSIC = Path("/usr/bin/tcprules")
classic = pytest.mark.skipif(not CLASSIC.exists(), reason="Debian's ucspi-tcp is not installed")

USAGE = b"tcprules: usage: tcprules rules.cdb rules.tmp\n"
LINES = [
    b"", b"#x:y", b"no colon", b":allow", b":deny", b"1.2.3.4:deny", b"1.2.3.4:allow \t", b" 1.2.3.4:deny",
    b"1:allow,A=\"b\",C=/d/", b"1:deny,A=\"\"", b"1:allow,A,B=,x,", b"1:allow,A==x=", b"1:allow,=\"x\"",
    b"1.2.3.5-3:deny", b"1.2.3.4-:deny", b"1.2.3.300-400:deny", b"1.2.3.-3:deny", b"1.2.3.250-400:deny",
    b"10.2-3.:allow", b"007-9.:allow", b"1.2-3.4-5:allow", b"=foo-bar.com:deny", b"a-b@1.2.3.4:deny",
    b"\xff\xfe:deny", b"a\0b:deny", b"127.:allow,RELAYCLIENT=\"\"", b"joe@=.x:deny", b"=:allow", b"=.a:deny",
]  # fmt: skip
BAD = [
    b"1:", b"1:allowfoo", b"1: allow", b"1:Allow", b"1:deny\r", b"1:allow,", b"1:allow,A", b"1:allow,A=",
    b"1:allow,A=\"b", b"1:allow,A=\"b\"x", b"1:allow ,A=\"b\"", b"1:allow,A=\"b\" ,C=\"d\"", b"foo-bar:deny",
    b"1.2.3.x-4:deny", b"1.2.3.4-5x:deny", b"1.2.3.4:25:deny", b"\xe9\xff:no  ",
]  # fmt: skip


def test_usage(place: Place) -> None:
    for arguments in ([], ["x.cdb"]):
        done = place.run("tcprules", *arguments)
        assert (done.returncode, done.stdout, done.stderr) == (100, b"", USAGE)


def test_a_database_of_the_specification(place: Place) -> None:
    done = place.run("tcprules", "x.cdb", "x.tmp", stdin=b"1.2.3.4:deny")
    assert (done.returncode, done.stderr) == (0, b"")
    data = (place.path / "x.cdb").read_bytes()
    assert len(data) == 2081
    assert data[2048:] == b"\7\0\0\0\2\0\0\0001.2.3.4D\0" + bytes.fromhex("cffa4c3c00080000") + bytes(8)
    assert not (place.path / "x.tmp").exists()
    assert (place.path / "x.cdb").stat().st_mode & 0o777 == 0o644


def test_the_mode_obeys_the_umask(place: Place) -> None:
    assert place.run("tcprules", "x.cdb", "x.tmp", umask=0o77).returncode == 0
    assert (place.path / "x.cdb").stat().st_mode & 0o777 == 0o600
    assert (place.path / "x.cdb").stat().st_size == 2048


@pytest.mark.parametrize("line", BAD)
def test_a_bad_line_leaves_the_old_rules(place: Place, line: bytes) -> None:
    (place.path / "x.cdb").write_bytes(b"old")
    done = place.run("tcprules", "x.cdb", "x.tmp", stdin=b"1:deny\n" + line + b"\n2:deny\n")
    message = b"tcprules: fatal: unable to parse this line: " + line.rstrip(b" \t") + b"\n"
    assert (done.returncode, done.stderr) == (100, message)
    assert (place.path / "x.cdb").read_bytes() == b"old"
    assert (place.path / "x.tmp").exists()


def test_files_that_cannot_be_made(place: Place) -> None:
    done = place.run("tcprules", "x.cdb", "no/x.tmp")
    assert done.returncode == 111
    assert done.stderr == b"tcprules: fatal: unable to create no/x.tmp: file does not exist\n"
    (place.path / "dir").mkdir()
    done = place.run("tcprules", "dir", "x.tmp")
    assert done.returncode == 111
    assert done.stderr == b"tcprules: fatal: unable to move x.tmp to dir: is a directory\n"
    done = place.run("tcprules", "x.cdb", "x.tmp", stdin=b"", preexec_fn=lambda: os.close(0))
    assert done.stderr == b"tcprules: fatal: unable to read input: file descriptor not open\n"


def test_a_full_disk_leaves_the_old_rules(place: Place) -> None:
    (place.path / "x.cdb").write_bytes(b"old")
    done = place.run("tcprules", "x.cdb", "/dev/full", stdin=b":allow\n")
    assert done.returncode == 111
    assert done.stderr == b"tcprules: fatal: unable to write to /dev/full: out of disk space\n"
    assert (place.path / "x.cdb").read_bytes() == b"old"


def test_written_to_the_disk_before_it_has_the_name(place: Place) -> None:
    trace = ("strace", "-qq", "-y", "-o", "trace", "-e", "trace=fsync,rename,renameat,renameat2,write")
    command = (place.world.bin / "tcprules", "x.cdb", "x.tmp")
    assert place.run(*trace, *command, stdin=b":allow\n").returncode == 0
    calls = [line for line in (place.path / "trace").read_text().splitlines() if "x.tmp" in line]
    assert [line.partition("(")[0] for line in calls] == ["write", "fsync", "rename"]


def test_ipv6_rules_are_found(place: Place) -> None:
    rules = b"::1:allow,A=\"1\"\n2001:db8::deny\n:allow\n"
    assert place.run("tcprules", "x.cdb", "x.tmp", stdin=rules).returncode == 0
    for ip, answer in (
        ("::1", b"rule ::1:\nset environment variable A=1\nallow connection\n"),
        ("2001:db8::7", b"rule 2001:db8::\ndeny connection\n"),
        ("2001:db9::7", b"rule :\nallow connection\n"),
    ):
        assert place.run("tcprulescheck", "x.cdb", env={"TCPREMOTEIP": ip}).stdout == answer


@classic
@pytest.mark.parametrize("line", [*LINES, *BAD])
def test_one_line_as_the_original(place: Place, line: bytes) -> None:
    ours = place.run("tcprules", "o.cdb", "tmp", stdin=line)
    theirs = place.run(CLASSIC, "c.cdb", "tmp", stdin=line)
    assert (ours.returncode, ours.stderr) == (theirs.returncode, theirs.stderr)
    databases = [place.path / name for name in ("o.cdb", "c.cdb")]
    assert [path.exists() for path in databases] == [theirs.returncode == 0] * 2
    if theirs.returncode == 0:
        assert databases[0].read_bytes() == databases[1].read_bytes()


def generated(chance: random.Random) -> bytes:
    """A line put together from the grammar's parts, mostly a rule."""
    number = ["0", "7", "09", "255", "256", "300", "1000", "", "16"]
    part = lambda: chance.choice([*number, "-".join(chance.choices(number, k=2)), "x", "=h.x", "u@1"])  # noqa: E731
    address = ".".join(part() for _ in range(chance.randrange(5))) + chance.choice(["", "."])
    quote = chance.choice('"/,=x')
    variable = f",{chance.choice(['A', 'BC', ''])}={quote}{chance.choice(['', '1', 'a b'])}{quote}"
    return (address + chance.choice([":allow", ":deny"]) + variable * chance.randrange(3)).encode()


@classic
def test_many_lines_as_the_original(place: Place) -> None:
    chance = random.Random(1)
    lines = []
    while len(lines) < 2000:
        line = generated(chance)
        try:
            tcprules.records(line)
        except tcprules.Malformed:
            continue
        lines.append(line)
    text = b"\n".join(lines)
    for program, name in (("tcprules", "o.cdb"), (CLASSIC, "c.cdb")):
        done = place.run(program, name, "tmp", stdin=text)
        assert (done.returncode, done.stderr) == (0, b"")
    assert (place.path / "o.cdb").read_bytes() == (place.path / "c.cdb").read_bytes()


CHECKS = [
    ({}, b"default:\nallow connection\n"),
    ({"TCPREMOTEIP": "1.2.3.4"}, b"rule 1.2.3.4:\nset environment variable A=x\n"
                                 b"set environment variable B=\nallow connection\n"),
    ({"TCPREMOTEIP": "1.2.3.5"}, b"rule 1.2.3.:\ndeny connection\n"),
    ({"TCPREMOTEIP": "9.9.9.9", "TCPREMOTEINFO": ""}, b"rule @9.9.9.9:\nallow connection\n"),
    ({"TCPREMOTEIP": "9.9.9.9", "TCPREMOTEHOST": ""}, b"rule =:\ndeny connection\n"),
    ({"TCPREMOTEIP": "9.9.9.9", "TCPREMOTEHOST": "a.b.c"}, b"rule =.b.c:\nallow connection\n"),
    ({"TCPREMOTEIP": "1.2.3.9", "TCPREMOTEHOST": "h.x"}, b"rule =h.x:\nallow connection\n"),
    ({"TCPREMOTEIP": "1.2.3.9", "TCPREMOTEHOST": "a.b.c"}, b"rule 1.2.3.:\ndeny connection\n"),
    ({"TCPREMOTEIP": "1.2.3.9", "TCPREMOTEHOST": "h.x", "TCPREMOTEINFO": "joe"},
     b"rule joe@=h.x:\ndeny connection\n"),
]  # fmt: skip
RULES = b"""1.2.3.4:allow,A="x",B=""
1.2.3.4:deny
1.2.3.:deny,C="hidden"
@9.9.9.9:allow
=:deny
=.b.c:allow
=h.x:allow
joe@=h.x:deny
"""


@pytest.mark.parametrize(("env", "answer"), CHECKS)
def test_check(place: Place, env: dict[str, str], answer: bytes) -> None:
    assert place.run("tcprules", "x.cdb", "x.tmp", stdin=RULES).returncode == 0
    done = place.run("tcprulescheck", "x.cdb", env=env)
    assert (done.returncode, done.stdout, done.stderr) == (0, answer, b"")
    if CLASSIC.exists():
        assert place.run("/usr/bin/tcprulescheck", "x.cdb", env=env).stdout == answer


@pytest.mark.parametrize(
    ("address", "answer"),
    [
        ("10.1.2.3", b"rule 10.0.0.0/8:\ndeny connection\n"),
        ("2001:db8::1", b"rule 2001:db8::/32:\nset environment variable A=1\nallow connection\n"),
        ("11.1.2.3", b"default:\nallow connection\n"),
        ("2001:db9::1", b"default:\nallow connection\n"),
    ],
)
def test_check_of_networks(place: Place, address: str, answer: bytes) -> None:
    rules = b'10/8:deny\n2001:db8::/32:allow,A="1"\n'
    assert place.run("tcprules", "x.cdb", "x.tmp", stdin=rules).returncode == 0
    assert place.run("tcprulescheck", "x.cdb", env={"TCPREMOTEIP": address}).stdout == answer


def test_a_network_that_is_none(place: Place) -> None:
    done = place.run("tcprules", "x.cdb", "x.tmp", stdin=b"10/33:deny\n")
    said = b"tcprules: fatal: unable to parse this line: 10/33:deny\n"
    assert (done.returncode, done.stderr) == (100, said)


def test_the_empty_key(place: Place) -> None:
    assert place.run("tcprules", "x.cdb", "x.tmp", stdin=b":deny").returncode == 0
    assert place.run("tcprulescheck", "x.cdb").stdout == b"rule :\ndeny connection\n"


def test_the_address_asked_about_where_none_is_given(place: Place) -> None:
    assert place.run("tcprules", "x.cdb", "x.tmp", stdin=b"0.0.0.0:deny").returncode == 0
    assert place.run("tcprulescheck", "x.cdb").stdout == b"rule 0.0.0.0:\ndeny connection\n"


def test_check_of_what_is_no_database(place: Place) -> None:
    done = place.run("tcprulescheck")
    assert (done.returncode, done.stderr) == (100, b"tcprulescheck: usage: tcprulescheck rules.cdb\n")
    (place.path / "short").write_bytes(b"short")
    (place.path / "wild").write_bytes(b"\xff" * 2048)
    for name, why in (("no", "file does not exist"), ("short", "protocol error"), ("wild", "protocol error"),
                      (".", "is a directory")):  # fmt: skip
        done = place.run("tcprulescheck", name)
        message = f"tcprulescheck: fatal: unable to read {name}: {why}\n".encode()
        assert (done.returncode, done.stdout, done.stderr) == (111, b"", message)


def test_bytes_survive(place: Place) -> None:
    assert place.run("tcprules", "x.cdb", "x.tmp", stdin=b'\xff:allow,A="\xe9"').returncode == 0
    done = place.run("env", b"TCPREMOTEIP=\xff", place.world.bin / "tcprulescheck", "x.cdb")
    assert done.stdout == b"rule \xff:\nset environment variable A=\xe9\nallow connection\n"
