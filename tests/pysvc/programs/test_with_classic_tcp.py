"""The programs of ucspi-tcp against Debian's: the same arguments, descriptors and peers, the same outcome

What differs on purpose is left out of what is generated: IPv6 and networks in rules, empty lines in a page.
"""

import itertools
import os
import re
import socket
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import privatenet
from tests.support.examples import few
from tests.support.tcp import CLASSIC, serve
from tests.support.world import Place

pytestmark = pytest.mark.skipif(not CLASSIC.exists(), reason="Debian's ucspi-tcp is not installed")
BIN = CLASSIC.parent
PROGRAMS = ("tcpserver tcprules tcprulescheck tcpclient rblsmtpd recordio argv0 fixcrio addcr delcr mconnect"
            " mconnect-io who@ date@ finger@ http@ tcpcat").split()  # fmt: skip

Outcome = tuple[int, bytes, bytes]


def both(place: Place, name: str, *arguments: "str | bytes", **options: object) -> tuple[Outcome, Outcome]:
    """Exit code, output and errors of ours and of the C program."""
    outcomes = []
    for program in (place.world.bin / name, BIN / name):
        done = place.run(program, *arguments, **options)  # type: ignore[arg-type]
        outcomes.append((done.returncode, done.stdout, done.stderr))
    return outcomes[0], outcomes[1]


# --- rules

NUMBER = st.sampled_from(["0", "7", "007", "127", "250", "255", "256", "300", "4294967296", ""])
PART = st.one_of(NUMBER, NUMBER, st.tuples(NUMBER, NUMBER).map("-".join), st.sampled_from(["x", "-", "1x"]))
DOTTED = st.lists(PART, max_size=5).map(".".join)
HOST = st.sampled_from(["", "h.x", ".x", ".b.c", "foo-bar.com", "H.X", "a.b.c."])
INFO = st.sampled_from(["joe", "", "a-b", "j@e", "#"])
ADDRESS = st.one_of(
    DOTTED, DOTTED.map("{}.".format), HOST.map("={}".format),
    st.tuples(INFO, st.one_of(DOTTED, HOST.map("={}".format))).map("@".join),
    st.sampled_from([" 1", "#1", "1 "]),
)  # fmt: skip
QUOTE = st.sampled_from('"/,=x \'\xe9')
VARIABLE = st.builds(
    ",{0}={1}{2}{1}".format,
    st.sampled_from(["A", "BC", "", "A,B", "A B", "\xff"]), QUOTE, st.text("ab=1 ", max_size=3),
)  # fmt: skip
VERDICT = st.sampled_from(["allow", "deny"])
RULE = st.builds("{}:{}{}{}".format, ADDRESS, VERDICT, st.lists(VARIABLE, max_size=3).map("".join),
                 st.sampled_from(["", "", "", " ", "\t \t"]))  # fmt: skip
COMMENT = st.sampled_from(["", "#", "# 1:deny", "no colon", "  "])
JUNK = st.one_of(
    st.sampled_from(["1:", "1:allow,", "1:deny\r", "1: deny", "1:Deny", "1:allowx", '1:allow,A="b"x', "1::",
                     "1:allow,A", "1:allow,A=", '1:allow,A="b', "x-y:deny", ":", "1:den", "1:deny ,A=xx",
                     "1:\xff"]),
    st.text("1:,=\"-. adenylow\r\xe9", max_size=12).filter(lambda line: line.count(":") == 1),
)  # fmt: skip
RULES = st.lists(st.one_of(RULE, RULE, RULE, COMMENT), max_size=25)


def as_text(lines: list[str], finished: bool) -> bytes:
    return ("\n".join(lines) + "\n" * finished).encode("latin-1")


def compile_with(place: Place, program: Path, text: bytes) -> "tuple[Outcome, dict[str, tuple[int, bytes]]]":
    """What tcprules says, and what it leaves in a directory that has old rules."""
    folder = place.path / "rules"
    folder.mkdir(exist_ok=True)
    (folder / "cdb").write_bytes(b"old")
    (folder / "tmp").unlink(missing_ok=True)
    place.own()
    done = place.run(program, "cdb", "tmp", stdin=text, cwd=folder)
    left = {path.name: (path.stat().st_mode, path.read_bytes()) for path in folder.iterdir()}
    return (done.returncode, done.stdout, done.stderr), left


@few(40)
@given(RULES, st.lists(JUNK, max_size=1), RULES, st.booleans())
def test_tcprules(place: Place, before: list[str], bad: list[str], after: list[str], finished: bool) -> None:
    """The same database byte for byte, or the same complaint."""
    text = as_text([*before, *bad, *after], finished)
    ours, theirs = (compile_with(place, at / "tcprules", text) for at in (place.world.bin, BIN))
    assert ours[0] == theirs[0]
    if ours[0][0] == 0:
        assert ours[1] == theirs[1]
    else:  # how much of the temporary file was written is nobody's business
        assert (ours[1]["cdb"], "tmp" in ours[1]) == (theirs[1]["cdb"], "tmp" in theirs[1])


IP = st.sampled_from(["1.2.3.4", "127.0.0.1", "7.7.7.7", "7.255.0.1", "255.250.7.0", "x", "", "127"])
KEYS = st.one_of(ADDRESS, IP, IP.map(lambda ip: ip.rpartition(".")[0] + "."), st.just(""))
ENVIRONMENT = st.fixed_dictionaries(
    {},
    optional={
        "TCPREMOTEIP": IP,
        "TCPREMOTEHOST": st.sampled_from(["", "h.x", "a.b.c", "H.X", "x", ".", "foo-bar.com"]),
        "TCPREMOTEINFO": st.sampled_from(["", "joe", "a-b", "@", "="]),
    },
)


@few(30)
@given(st.lists(st.builds("{}:{}{}".format, KEYS, VERDICT, VARIABLE), min_size=1, max_size=15), ENVIRONMENT)
def test_tcprulescheck(place: Place, lines: list[str], env: dict[str, str]) -> None:
    if compile_with(place, BIN / "tcprules", as_text(lines, True))[0][0] == 0:
        ours, theirs = both(place, "tcprulescheck", "rules/cdb", env=env)
        assert ours == theirs


# --- usage, and descriptors that are not there

WORDS = [
    [], ["-x"], ["--"], ["-"], ["", "x"], ["-q"], ["-Z", "x"], ["./no"], ["0"], ["-l"], ["x" * 200 + "/y"],
]  # fmt: skip
PIPELINES = {"who@", "date@", "finger@", "http@"}  # in the original: a shell and filters, which say their own
ASKING = {*PIPELINES, "mconnect", "tcpcat"}        # these take every word for a host


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name not in ASKING])
def test_usage_and_missing_programs(place: Place, name: str) -> None:
    for arguments in WORDS:
        ours, theirs = both(place, name, *arguments)
        assert (*ours[:2], complaints(ours[2])) == (*theirs[:2], complaints(theirs[2])), arguments


def complaints(errors: bytes) -> bytes:
    """Without what recordio's copier says: how far that gets before the program has ended is chance."""
    return re.sub(rb"\d+ [<>] .*\n", b"", errors)


RUNNING = {  # what stands before the program
    "tcpclient": ["-RHl0", "127.0.0.1", "{port}"], "rblsmtpd": [], "recordio": [], "fixcrio": [], "argv0": [],
    "tcpserver": [],
}  # fmt: skip


@pytest.mark.parametrize("name", RUNNING)
def test_programs_that_can_and_cannot_be_run(place: Place, name: str) -> None:
    """Found along PATH or not, no file, a directory, without permission, without interpreter."""
    (place.path / "dir/true").mkdir(parents=True)
    for file, mode in (("plain", 0o644), ("script", 0o755), ("dir/echo", 0o644)):
        (place.path / file).write_text("exit 3\n")
        (place.path / file).chmod(mode)
    (place.path / "loop").symlink_to("loop")
    place.own()
    paths = ["/nowhere:/bin", "dir:/bin", "dir:/nowhere", "", "plain:/bin", "loop:/bin"]
    programs = [("true", path) for path in paths] + [("echo", path) for path in paths]
    programs += [(f"./{file}", "/bin") for file in ("dir", "plain", "script", "plain/x", "loop", "no")]
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        port = str(listener.getsockname()[1])
        for program, path in programs:
            outcomes = []
            for at in (place.world.bin, BIN):
                if name == "tcpserver":
                    outcomes.append(served_by(place, at, program, path))
                    continue
                before = [word.format(port=port) for word in RUNNING[name]]
                done = place.run(at / name, *before, program, "x", env={"PATH": path})
                outcomes.append((done.returncode, done.stdout, complaints(done.stderr)))
            assert outcomes[0] == outcomes[1], (program, path)


def served_by(place: Place, at: Path, program: str, path: str) -> object:
    running = serve(place, str(at / "tcpserver"), "--", program, "x", env={"PATH": path})
    try:
        return running.talk(), running.ended()
    finally:
        running.running.stop()


ORDINARY = {
    "tcpserver": ["1.2.3", "0", "true"], "tcprules": ["cdb", "tmp"], "tcprulescheck": ["no.cdb"],
    "tcpclient": ["-RHl0", "1.2.3", "1", "true"], "rblsmtpd": ["-t0", "true"], "recordio": ["true"],
    "argv0": ["true", "x"], "fixcrio": ["true"], "addcr": [], "delcr": [], "mconnect-io": [],
    "mconnect": ["1.2.3"], "who@": ["1.2.3"], "date@": ["1.2.3"], "finger@": ["1.2.3"], "http@": ["1.2.3"],
    "tcpcat": ["1.2.3"],
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name not in PIPELINES])
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_descriptors(place: Place, name: str, closed: str) -> None:
    outcomes = []
    for at in (place.world.bin, BIN):
        arguments = [str(at / name), *ORDINARY[name]]
        done = place.run("sh", "-c", f'"$@" {closed}', "sh", *arguments, stdin=b"x\n")
        outcomes.append((done.returncode, done.stdout, complaints(done.stderr)))
    assert outcomes[0] == outcomes[1]


# --- client and server

TEXT = st.binary(max_size=300)
NAMES = st.sampled_from(["here", "", "a:b%", "x" * 100, "\udce9"])


@few(5)
@given(
    local=NAMES, banner=st.sampled_from(["", "hello\r\n", "%s:"]), data=TEXT,
    code=st.sampled_from([0, 1, 100, 111]),
    rule=st.sampled_from([':allow', ':deny', '127.:allow,A="1",PROTO="x"', '127.0.0.1:allow,TCPREMOTEIP=""']),
)  # fmt: skip
def test_any_client_with_any_server(
    place: Place, local: str, banner: str, data: bytes, code: int, rule: str
) -> None:
    """The same for both ends, and the same log, whosever they are."""
    assert place.run("tcprules", "r.cdb", "tmp", stdin=rule.encode()).returncode == 0
    (place.path / "data").write_bytes(data)
    show = "env | grep -aE '^(A|PROTO|TCP.*(IP|HOST|INFO))=' | LC_ALL=C sort"
    program = ("sh", "-c", f"{show}; cat data; head -c {len(data)} >/dev/null; exit {code}")
    ask = ("sh", "-c", f"(cat data >&7) 2>/dev/null; cat <&6 2>/dev/null; {show}; exit {code}")
    outcomes = []
    for server, client in itertools.product((place.world.bin, BIN), repeat=2):
        options = ("-v", "-R", "-H", "-l", local, "-B", banner)
        running = serve(place, str(server / "tcpserver"), "-x", "r.cdb", "--", *program, options=options)
        done = place.run(client / "tcpclient", "-vRHl", local, "127.0.0.1", str(running.port), *ask)
        said = done.stderr.replace(b"%d" % running.port, b"PORT")
        outcomes.append((done.returncode, done.stdout, said, running.ended()))
        running.running.stop()
    assert outcomes[1:] == outcomes[:1] * 3


# --- streams

PIECES = st.sampled_from([b"\n", b"\r\n", b"\r", b"\0", b"x", b"\xff" * 7, b"line\n", b"y" * 100, b"\r\r\n"])
CHUNK = st.lists(PIECES, min_size=1, max_size=12).map(lambda pieces: b"".join(pieces)[:256])
CHUNKS = st.lists(CHUNK, max_size=8)


def fixed(data: bytes) -> bytes:
    return re.sub(rb"(?<!\r)\n", b"\r\n", data)


def masked(log: bytes) -> bytes:
    """recordio's log with its pid masked, sorted: the two directions are independent."""
    return b"\n".join(sorted(re.sub(rb"(?m)^\d+ ", b"PID ", log).splitlines()))


def in_chunks(place: Place, program: Path, chunks: list[bytes]) -> Outcome:
    """A program before cat, given one chunk after the other, each when the last has come back."""
    with (place.path / "log").open("wb") as log:
        running = place.start(program, "cat", stdin=-1, stdout=-1, stderr=log, bufsize=0)
    source, output = running.process.stdin, running.process.stdout
    assert source is not None and output is not None
    got = sent = b""
    change = fixed if program.name == "fixcrio" else bytes
    for chunk in chunks:
        source.write(chunk)
        sent += chunk
        while len(got) < len(change(sent)):
            got += os.read(output.fileno(), 4096)
    source.close()
    got += output.read()
    running.process.stdin = None
    code = running.wait()
    return code, got, masked((place.path / "log").read_bytes())


@few(12)
@given(CHUNKS)
@pytest.mark.parametrize("name", ["recordio", "fixcrio"])
def test_streams_in_chunks(place: Place, name: str, chunks: list[bytes]) -> None:
    """One chunk at a time, so that both see the same; what recordio logs of the end comes when it does."""
    ours, theirs = (in_chunks(place, at / name, chunks) for at in (place.world.bin, BIN))
    assert ours == theirs


@few(15)
@given(CHUNKS)
@pytest.mark.parametrize("name", ["addcr", "delcr"])
def test_streams(place: Place, name: str, chunks: list[bytes]) -> None:
    outcomes = []
    for at in (place.world.bin, BIN):
        running = place.start(at / name, stdin=-1, stdout=subprocess.PIPE, bufsize=0)
        assert running.process.stdin is not None and running.process.stdout is not None
        for chunk in chunks:
            running.process.stdin.write(chunk)
        running.process.stdin.close()
        running.process.stdin = None
        outcomes.append((running.process.stdout.read(), running.wait()))
    assert outcomes[0] == outcomes[1]


# --- with servers of other kinds

ZONE: "dict[str, object]" = {
    "4.3.2.1.list TXT": [["TXT", "you are "], ["TXT", "listed\x07\xe9"]],
    "4.3.2.1.long TXT": [["TXT", "y" * 255]],
    "4.3.2.1.good A": [["A", "127.0.0.2"]], "4.3.2.1.broken TXT": "short", "4.3.2.1.broken A": "short",
    "4.3.2.1.empty TXT": [["TXT", ""]], "4.3.2.1.list A": [["TXT", "no address"]],
}  # fmt: skip
BASES = st.sampled_from(["list", "long", "good", "broken", "empty", "none"])
OPTION = st.one_of(
    st.sampled_from(["-b", "-B", "-c", "-C", "-bc", "-t60"]),
    BASES.map("-r{}".format), BASES.map("-r{}".format), BASES.map("-a{}".format),
)  # fmt: skip
VERB = st.sampled_from(
    ["HELO x", "ehlo", "mail from:<>", "RCPT to:<x>", "rset", "noop x", "quit", "DATA", "help", "", "mail\tx",
     "Quit x"]
)  # fmt: skip
GIVEN = st.sampled_from([None, None, None, "", "-", "-no", "later\x01"])


@pytest.mark.root
@few(12)
@given(
    options=st.lists(OPTION, max_size=5), end=st.sampled_from(["-t0", "-t60"]), given_text=GIVEN,
    lines=st.lists(VERB, max_size=6), ending=st.sampled_from(["\n", "\r\n"]),
    rest=st.sampled_from(["", "quit"]),
)  # fmt: skip
def test_rblsmtpd(
    place: Place, options: list[str], end: str, given_text: "str | None", lines: list[str], ending: str,
    rest: str,
) -> None:  # fmt: skip
    said = "".join(line + ending for line in lines) + rest
    env = {"TCPREMOTEIP": "1.2.3.4", **({} if given_text is None else {"RBLSMTPD": given_text})}
    outcomes = []
    for at in (place.world.bin, BIN):
        command = (str(at / "rblsmtpd"), *options, end, "cat")
        found = privatenet.run(place, *command, dns=[ZONE], env=env, input=said)
        errors = re.sub(r" pid \d+:", " pid PID:", found.errors)
        outcomes.append((found.code, found.output, errors, found.queries))
    assert outcomes[0] == outcomes[1]


ANSWER = st.lists(
    st.sampled_from(["\r\n", "\n", "\r", "text", "\x00\x1b", "\xe9", "\x7f", "M-", "H: x\r\n", "\r\n\r\n"]),
    max_size=12,
).map("".join)


@pytest.mark.root
@few(3)
@given(ANSWER)
@pytest.mark.parametrize(("name", "port", "arguments"), [
    ("who@", 11, ["0"]), ("date@", 13, []), ("finger@", 79, ["", "user x"]), ("tcpcat", 17, ["127.0.0.1"]),
    ("http@", 80, ["0", "a/b"]), ("mconnect", 25, []),
])  # fmt: skip
def test_small_clients(place: Place, name: str, port: int, arguments: list[str], answer: str) -> None:
    if name == "http@":  # see DIFFERENCES.md about empty lines of the page
        answer = "HTTP/1.0 200 OK\r\n\r\n" + re.sub("(\r*\n)+", "\n", answer).lstrip("\n")
    outcomes = []
    for at in (place.world.bin, BIN):
        services = {f"127.0.0.1 {port}": answer}
        found = privatenet.run(place, str(at / name), *arguments, services=services, hear=1)
        outcomes.append((found.code, found.output, found.errors, found.heard))
    assert outcomes[0] == outcomes[1]
