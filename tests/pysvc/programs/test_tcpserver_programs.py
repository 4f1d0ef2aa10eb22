"""What a program finds that tcpserver runs, whether a process of the server is forked for it or not"""

import os

import pytest

from tests.support.tcp import SILENT, VARIABLES, both, received, serve
from tests.support.world import Place, eventually


@both
def test_the_environment(place: Place, server: str) -> None:
    names = "TCPREMOTEHOST TCPREMOTEINFO TCPLOCALHOST TCPREMOTEIP PROTO"
    stale = dict.fromkeys(names.split(), "stale")
    running = serve(place, server, "--", "sh", "-c", VARIABLES, env=stale)
    with running.connect() as client:
        expected = {
            "PROTO": "TCP", "TCPLOCALHOST": "here", "TCPLOCALIP": "127.0.0.1",
            "TCPLOCALPORT": str(running.port), "TCPREMOTEIP": "127.0.0.1",
            "TCPREMOTEPORT": str(client.getsockname()[1]),
        }  # fmt: skip
        text = received(client).decode()
    assert dict(line.split("=", 1) for line in text.splitlines()) == expected


@both
@pytest.mark.parametrize(("name", "shown"), [("", "TCPLOCALHOST="), (b"\xe9 :%", "TCPLOCALHOST=\xe9 :%")])
def test_the_local_name(place: Place, server: str, name: str | bytes, shown: str) -> None:
    running = serve(place, server, "--", "sh", "-c", VARIABLES, options=("-vRHl", name))
    assert shown in running.talk().decode("latin-1").splitlines()
    field = ":" if not name else "????:"
    assert running.ended()[3] == f"tcpserver: ok PID {field}127.0.0.1:LPORT :127.0.0.1::RPORT"


@both
def test_signals_and_modes_that_the_program_finds(place: Place, server: str) -> None:
    """No signal blocked or ignored, and the connection in blocking mode."""
    files = ("/proc/self/status", "/proc/self/fdinfo/0", "/proc/self/fdinfo/1")
    words = [line.split() for line in serve(place, server, "--", "cat", *files).talk().decode().splitlines()]
    masks = {line[0]: int(line[1], 16) for line in words if line[0].startswith("Sig") and "/" not in line[1]}
    assert (masks["SigBlk:"], masks["SigIgn:"], masks["SigCgt:"]) == (0, 0, 0)
    flags = [int(line[1], 8) for line in words if line[0] == "flags:"]
    assert [flag & os.O_NONBLOCK for flag in flags] == [0, 0]


@both
def test_descriptors_that_the_program_finds(place: Place, server: str) -> None:
    """The connection as 0 and 1, and what the server itself inherited."""
    kept, other = os.pipe()
    try:
        running = serve(place, server, "--", "ls", "-l", "/proc/self/fd", pass_fds=[kept])
        lines = running.talk().decode().splitlines()
    finally:
        os.close(kept)
        os.close(other)
    links = {line.split()[8]: line.split()[10] for line in lines if " -> " in line}
    assert links["0"] == links["1"] and links["0"].startswith("socket:")
    own = {fd for fd, link in links.items() if link.endswith("/fd")}  # with which ls reads the directory
    assert set(links) - own == {"0", "1", "2", str(kept)}


def test_programs_of_ours_run_in_the_same_process(place: Place) -> None:
    running = serve(place, "tcpserver", "--", "recordio", "sh", "-c", "echo $PPID; cat")
    parent = running.talk().split()[0]
    assert int(parent) == running.pid  # no process of its own for recordio
    assert "tcpserver: end PID status 0" in running.ended()
    eventually(lambda: running.log.read_bytes().count(b" > [EOF]\n") == 1)


# Where nothing is said the program is started without a fork of the server


def _own_signals(line: str) -> str:
    """A line of /proc/self/status without the two signals that the C library keeps for itself."""
    if not line.startswith("Sig"):
        return line
    name, mask = line.split()
    return f"{name} {int(mask, 16) & ~0x180000000:x}"


def test_without_status_lines_the_program_finds_the_same(place: Place) -> None:
    """What a program finds is the same whether the server tells of it, and therefore forks, or not."""
    rules = b'127.:allow,A="\xff",PATH="/nowhere"\n'
    assert place.run("tcprules", "r.cdb", "tmp", stdin=rules).returncode == 0
    script = (
        "PATH=/bin:/usr/bin; env | grep -av '^\\(_\\|PWD\\|TCPREMOTEPORT\\|TCPLOCALPORT\\)=';"
        " cat /proc/self/fdinfo/[01]; ls /proc/$$/fd; grep -h ^Sig[BIC] /proc/self/status"
    )
    found = []
    for options in (("-v", *SILENT), SILENT):
        running = serve(
            place, "tcpserver", "-x", "r.cdb", "-D", "--", "sh", "-c", script,
            options=options, env={"TCPREMOTEHOST": "stale", "B": "1"},
        )  # fmt: skip
        lines = running.talk().decode("latin-1").splitlines()
        found.append([_own_signals(line) for line in lines if not line.startswith(("mnt_id", "ino"))])
    assert found[0] == found[1]
    assert "A=\xff" in found[1] and "B=1" in found[1] and not [one for one in found[1] if "stale" in one]


@both
@pytest.mark.parametrize("program", ["./no", "./directory", "./script"])
def test_what_cannot_be_run_is_said(place: Place, server: str, program: str) -> None:
    (place.path / "directory").mkdir()
    (place.path / "script").write_text("echo no interpreter\n")
    (place.path / "script").chmod(0o755)
    running = serve(place, server, "--", program, options=SILENT)
    assert running.talk() == b""
    why = {"./no": "file does not exist", "./directory": "access denied", "./script": "exec format error"}
    said = f"tcpserver: warning: dropping connection, unable to run {program}: {why[program]}"
    eventually(lambda: running.lines() == [said])


def test_without_status_lines_rules_deny_too(place: Place) -> None:
    assert place.run("tcprules", "r.cdb", "tmp", stdin=b"127.0.0.1:deny\n").returncode == 0
    running = serve(place, "tcpserver", "-x", "r.cdb", "--", "echo", "ran", options=SILENT)
    assert running.talk() == b""
    assert running.talk(source="127.0.0.2") == b"ran\n"
    (place.path / "r.cdb").unlink()
    assert running.talk() == b""
    said = "tcpserver: warning: dropping connection, unable to read r.cdb: file does not exist"
    eventually(lambda: running.lines() == [said])
