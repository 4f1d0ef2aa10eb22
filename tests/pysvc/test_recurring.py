"""What programs leave behind in a process that serves one client after the other"""

import socket
import subprocess
from pathlib import Path

import pytest

from pymail.programs import qmail_smtpd
from tests.support.homes import private_home
from tests.support.tcp import received
from tests.support.world import Place, eventually

# tcpserver, whose processes say how many objects only the collector would find after each client: what that
# one said, or a socket, which would later close a number that by then is the next client's.
PROBE = """
import gc, os, sys
sys.path[:0] = {path!r}
from pysvc import launch, recurring
restore = recurring.Ground.restore
def counting(ground):
    os.write(2, b"left behind: %d\\n" % gc.collect())
    restore(ground)
recurring.Ground.restore = counting
sys.argv = sys.argv[1:]
launch.start("pysvc", "tcpserver", sys.argv[0])
"""
MAIL = b"MAIL FROM:<x@y>\r\nRCPT TO:<a@mail.test>\r\nDATA\r\n"
NETSTRING = b"16:\nsome message\n.\n,3:x@y,13:11:a@mail.test,,"
SAID = {
    "rblsmtpd -b qmail-smtpd": [
        b"QUIT\r\n", b"", MAIL + b"a\r\n.\r\nQUIT\r\n", MAIL + b"a\r\n", MAIL + b"a\nb\r\n.\r\n",
        MAIL[:40], b"RCPT TO:<%s\r\n" % (b"x" * 70000),
    ],
    "qmail-qmtpd": [b"", b"x", NETSTRING, NETSTRING[:30], NETSTRING.replace(b"11:a", b"12:a")],
    "qmail-qmqpd": [b"", b"x", b"5:abc", b"4:1:a,,"],
    "proxy-server -f 127/8 qmail-smtpd": [
        b"", b"EHLO x\r\n", b"PROXY TCP4 1", b"PROXY UNKNOWN\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.5 6 7\r\n" + MAIL + b"a\r\n.\r\n",
    ],
}  # fmt: skip


@pytest.mark.parametrize("program", SAID)
def test_nothing_is_left_for_the_collector(place: Place, program: str) -> None:
    home = Path(private_home(place).path)
    for name in ("me", "rcpthosts"):
        (home / "control" / name).write_text("mail.test\n")
    (place.path / "probe").write_text(PROBE.format(path=place.world.path))
    place.own()
    words = [str(home / "bin" / word) if (home / "bin" / word).exists() else word for word in program.split()]
    command = (place.world.python, "-IS", "probe", home / "bin/tcpserver", "-1RHlx", "127.0.0.1", "0", *words)
    log = place.path / "log"
    with log.open("wb") as err:
        running = place.start(*command, stdout=subprocess.PIPE, stderr=err)
    assert running.process.stdout is not None
    port = int(running.process.stdout.readline())
    for number, said in enumerate(SAID[program], 1):
        with socket.create_connection(("127.0.0.1", port), 20) as client:
            client.sendall(said)
            client.shutdown(socket.SHUT_WR)
            received(client)
        eventually(lambda: log.read_bytes().count(b"left behind") == number)  # noqa: B023
    found = [line for line in log.read_text().splitlines() if line.startswith("left behind")]
    assert found == ["left behind: 0"] * len(SAID[program])


REHEARSAL = """
import os, sys, types
sys.path[:0] = {path!r}
from pysvc import recurring
from pysvc.unix.launchers import Launcher
heard = []
def main(argv):
    heard.append(os.read(0, 100))
    os.write(1, b"to the client")
    os.write(2, b"to the log")
    os.chdir("/")
    if len(heard) == 2:
        raise ValueError
    return 0
program = types.ModuleType("talker")
program.main, program.REHEARSAL = main, b"hello"
launcher = Launcher("some", "talker")
sys.modules[launcher.module] = program
here, before = os.getcwd(), os.listdir("/proc/self/fd")
recurring.rehearse(launcher, ["talker"])
assert heard == [b"hello"] * recurring.TURNS
assert (os.getcwd(), os.listdir("/proc/self/fd")) == (here, before)
try:
    os.write(2, b"nothing is left")
except OSError:
    pass
"""


def test_rehearsal_leaves_nothing(place: Place) -> None:
    (place.path / "script").write_text(REHEARSAL.format(path=place.world.path))
    place.own()
    result = place.run(place.world.python, "-IS", "script")
    assert (result.returncode, result.stderr, result.stdout) == (0, b"nothing is left", b"")


def test_rehearsed_conversation(place: Place) -> None:
    """It runs to its end, and asks for nothing that reaches the queue."""
    home = Path(private_home(place).path)
    for name in ("me", "rcpthosts"):
        (home / "control" / name).write_text("mail.test\n")
    place.own()
    result = place.run(home / "bin/qmail-smtpd", stdin=qmail_smtpd.REHEARSAL)
    assert [line[:3] for line in result.stdout.splitlines() if line[3:4] == b" "] == [
        b"220", b"250", b"250", b"553", b"250", b"221",
    ]  # fmt: skip
    assert b"DATA" not in qmail_smtpd.REHEARSAL


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_no_rehearsal_without_the_usual_descriptors(place: Place, closed: str) -> None:
    script = REHEARSAL.replace("assert heard == [b\"hello\"] * recurring.TURNS", "assert not heard")
    (place.path / "script").write_text(script.format(path=place.world.path))
    place.own()
    result = place.run("/bin/sh", "-c", f"exec {place.world.python} -IS script {closed}")
    assert result.returncode == 0
