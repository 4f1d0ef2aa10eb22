"""splogger as a process, with a syslog of its own"""

import re
import socket
import subprocess

import pytest

from tests.support.world import Place


@pytest.mark.root
@pytest.mark.parametrize(
    ("words", "head"),
    [((), "<%d>TIME splogger: "), (("qmail",), "<%d>TIME qmail: "), (("qmail", "3"), "<%d>TIME qmail: ")],
)
def test_lines_in_syslog(place: Place, words: tuple[str, ...], head: str) -> None:
    """/dev in a mount namespace holds nothing but the log's socket."""
    folder = place.path / "dev"
    folder.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(str(folder / "log"))
        script = 'mount --bind "$1" /dev; shift; exec "$@"'
        command = ["unshare", "--mount", "sh", "-c", script, "sh", str(folder)]
        program = str(place.world.bin / "splogger")
        process = place.start(
            *command, program, *words, as_root=True, stdin=subprocess.PIPE, stderr=subprocess.PIPE
        ).process
        assert process.stdin is not None
        facility = 3 if len(words) > 1 else 2
        said = b"new msg 1\n\nalert: x\xff\nwarning: " + b"y" * 900 + b"\nlast"
        process.stdin.write(said)
        process.stdin.close()
        log.settimeout(20)
        lines = [log.recv(2000).decode() for _ in range(5)]
        assert process.wait(20) == 0
    wanted = [
        (6, "STAMP new msg 1"), (1, "STAMP alert: x?"), (4, "STAMP warning: " + "y" * 790),
        (4, "STAMP+" + "y" * 110), (6, "STAMP last"),
    ]  # fmt: skip
    assert list(map(shown, lines)) == [head % (facility * 8 + priority) + text for priority, text in wanted]


def shown(line: str) -> str:
    """What syslog was sent, without the times."""
    line = re.sub(r">\w{3} [ \d]\d [\d:]{8} ", ">TIME ", line)
    return re.sub(r"\d+\.\d{6}", "STAMP", line).rstrip("\0")


def test_without_a_syslog(place: Place) -> None:
    done = place.run("splogger", "tag", "99999999999999999999", stdin=b"x\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
