"""tcpserver's processes that serve one client after the other, with the programs that allow it"""

import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from pysvc.workers.pool import USES
from tests.support.homes import private_home
from tests.support.lookups import CLIENT, Net
from tests.support.processes import children
from tests.support.tcp import SERVERS, Server, received, serve
from tests.support.world import Place, eventually


class Smtp:
    """tcpserver before qmail-smtpd, with rules; on the addresses of this host it answers each of 127/8."""

    def __init__(
        self, place: Place, rules: str = ":allow\n", *options: str, before: tuple[str, ...] = ()
    ) -> None:
        self.home = Path(private_home(place).path)
        for name, content in {"me": "mail.test", "rcpthosts": "mail.test"}.items():
            (self.home / "control" / name).write_text(content + "\n")
        assert place.run("tcprules", "rules.cdb", "rules.tmp", stdin=rules.encode()).stderr == b""
        program = (*before, str(self.home / "bin/qmail-smtpd"))
        arguments = ("-x", str(place.path / "rules.cdb"), *options, "--", *program)
        self.server: Server = serve(place, str(self.home / "bin/tcpserver"), *arguments, host="0")

    def connect(self, source: str = "127.0.0.1") -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.server.port), 20, (source, 0))

    def talk(self, *said: bytes, source: str = "127.0.0.1") -> bytes:
        """All that is answered to some commands."""
        with self.connect(source) as client:
            client.sendall(b"".join(line + b"\r\n" for line in said))
            return received(client)

    def log(self, *kinds: bytes) -> list[bytes]:
        """The lines of some kinds so far."""
        lines = self.server.log.read_bytes().splitlines()
        return [line for line in lines if line.startswith(tuple(b"tcpserver: %s " % kind for kind in kinds))]

    def ended(self, count: int) -> list[bytes]:
        """pid and status of so many connections that have ended."""
        eventually(lambda: len(self.log(b"end")) >= count, what=f"{count} ended")
        return [line.removeprefix(b"tcpserver: end ") for line in self.log(b"end")]

    def pids(self) -> list[bytes]:
        """Of the process that served each connection."""
        return [line.split()[2] for line in self.log(b"pid")]


def test_one_client_after_the_other(place: Place) -> None:
    smtp = Smtp(place)
    for number in range(1, 4):
        assert smtp.talk(b"QUIT") == b"220 mail.test ESMTP\r\n221 mail.test\r\n"
        assert smtp.ended(number)[-1].endswith(b" status 0")
    assert len(set(smtp.pids())) == 1
    assert set(smtp.ended(3)) == {smtp.pids()[0] + b" status 0"}


def test_what_a_rule_sets_is_for_its_client_alone(place: Place) -> None:
    smtp = Smtp(place, '127.0.0.2:allow,RELAYCLIENT="",DATABYTES="7"\n:allow\n')
    strangers = b"MAIL FROM:<>", b"RCPT TO:<a@elsewhere.test>", b"QUIT"
    for number, source in enumerate(("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.2", "127.0.0.1"), 1):
        answer = smtp.talk(*strangers, source=source)
        assert (b"\r\n553 " in answer) is (source != "127.0.0.2"), source
        smtp.ended(number)
    assert len(set(smtp.pids())) == 1


def test_a_client_that_misbehaves_leaves_nothing(place: Place) -> None:
    smtp = Smtp(place)
    with smtp.connect() as client:
        client.sendall(b"MAIL FROM:<x@y>\r\nRCPT TO:<a@mail.test>\r\nDATA\r\nhalf a message")
        assert client.recv(100)
    assert smtp.ended(1)[-1].endswith(b" status 256")
    assert b"503" in smtp.talk(b"DATA", b"QUIT")
    smtp.ended(2)
    assert b"451" in smtp.talk(b"MAIL FROM:<x@y>", b"RCPT TO:<a@mail.test>", b"DATA", b"a\nb", b".", b"QUIT")
    smtp.ended(3)
    assert smtp.talk(b"QUIT").endswith(b"221 mail.test\r\n")
    smtp.ended(4)
    assert len(set(smtp.pids())) == 1


def test_killed_at_work(place: Place) -> None:
    smtp = Smtp(place)
    with smtp.connect() as client:
        assert client.recv(100)
        os.kill(int(smtp.pids()[0]), signal.SIGKILL)
        assert received(client) == b""
    assert smtp.ended(1) == [smtp.pids()[0] + b" status 9"]
    assert smtp.talk(b"QUIT").endswith(b"221 mail.test\r\n")
    assert len(set(smtp.pids())) == 2


def test_killed_while_idle(place: Place) -> None:
    smtp = Smtp(place)
    smtp.talk(b"QUIT")
    smtp.ended(1)
    os.kill(int(smtp.pids()[0]), signal.SIGTERM)
    eventually(lambda: not children(smtp.server.pid), what="buried")
    assert smtp.talk(b"QUIT").endswith(b"221 mail.test\r\n")
    assert [line.split()[-1] for line in smtp.ended(2)] == [b"0", b"0"]
    assert smtp.log(b"status:")[-1] == b"tcpserver: status: 0/40"


def test_limit(place: Place) -> None:
    smtp = Smtp(place, ":allow\n", "-c", "2")
    smtp.talk(b"QUIT")
    smtp.ended(1)
    with smtp.connect() as first, smtp.connect() as second, smtp.connect() as third:
        assert first.recv(100) and second.recv(100)
        third.settimeout(0.2)
        with pytest.raises(TimeoutError):
            third.recv(100)
        third.settimeout(20)
        first.sendall(b"QUIT\r\n")
        assert third.recv(100).startswith(b"220 ")
    smtp.ended(4)
    assert max(smtp.log(b"status:")) == b"tcpserver: status: 2/2"


def test_the_end_of_the_server(place: Place) -> None:
    """Conversations go on; processes without one end."""
    smtp = Smtp(place)
    with smtp.connect() as client:
        assert client.recv(100)
        smtp.talk(b"QUIT")
        smtp.ended(1)
        idle, busy = (int(pid) for pid in reversed(smtp.pids()))
        smtp.server.running.signal(signal.SIGTERM)
        assert smtp.server.running.wait() == 0
        eventually(lambda: not Path(f"/proc/{idle}").exists(), what="the idle one ended")
        client.sendall(b"NOOP\r\nQUIT\r\n")
        assert received(client) == b"250 ok\r\n221 mail.test\r\n"
    eventually(lambda: not Path(f"/proc/{busy}").exists(), what="the busy one ended")


def test_descriptors_of_an_idle_process(place: Place) -> None:
    smtp = Smtp(place, ":allow\n")
    smtp.talk(b"MAIL FROM:<>", b"QUIT")
    smtp.ended(1)
    pid = smtp.pids()[0].decode()
    places = {name: os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")}
    assert places["0"] == places["1"] == "/dev/null"
    others = [re.sub(r"\[\d+\]", "", target) for name, target in places.items() if int(name) > 2]
    assert sorted(others) == sorted(["/dev/null", "socket:", str(place.path)])


def test_a_bounded_life(place: Place) -> None:
    smtp = Smtp(place)
    for number in range(1, USES + 2):
        smtp.talk(b"QUIT")
        smtp.ended(number)
    assert len(set(smtp.pids())) == 2


def test_a_chain(place: Place) -> None:
    """Each program of a chain must allow it; one that is no program of ours is executed, as ever."""
    smtp = Smtp(place, ":allow\n", before=("rblsmtpd", "-b"))
    for number in (1, 2):
        assert smtp.talk(b"QUIT").endswith(b"221 mail.test\r\n")
        smtp.ended(number)
    assert len(set(smtp.pids())) == 1


def test_programs_that_do_not_allow_it(place: Place) -> None:
    server = serve(place, "tcpserver", "--", "rblsmtpd", "sh", "-c", "echo $$; exit 7")
    pids = {server.talk() for _ in range(2)}
    server.ended(2)
    ends = [line for line in server.log.read_bytes().splitlines() if b" end " in line]
    assert {line.split()[2] for line in ends} == {pid.strip() for pid in pids} and len(pids) == 2
    assert all(line.endswith(b" status 1792") for line in ends)


# All that a program inherits, but what is its connection's own.
INHERITED = """
env | grep -av '^TCP.*PORT=' | sort; umask; ulimit -a; ulimit -Ha; pwd; id
grep -E 'SigP|SigI|SigB|SigC|Shd|Cap|NoNew|Seccomp' /proc/self/status
for fd in /proc/$$/fd/*; do echo ${fd##*/} $(readlink $fd | tr -d 0-9); done
cut -d' ' -f19 /proc/self/stat; cat /proc/self/oom_score_adj; date +%Z
"""
TRAPS = """127.0.0.2:allow,RBLSMTPD="-no",TZ="Asia/Tokyo",PATH="/x",A="b",TCPREMOTEIP="9.9.9.9",LC_ALL="C"
127.0.0.3:deny,A="b"
127.0.0.4:allow,RBLSMTPD="later",MAXCONNIP="0",DIEMSG="too many"
:allow
"""


@pytest.mark.parametrize("before", ["127.0.0.2", "127.0.0.3", "127.0.0.4"])
def test_what_an_executed_program_inherits_after_another_client(place: Place, before: str) -> None:
    """The same as without that client; the process is the one that refused it."""
    assert place.run("tcprules", "r.cdb", "tmp", stdin=TRAPS.encode()).stderr == b""
    found = []
    for clients in (["127.0.0.1"], [before, "127.0.0.1"]):
        server = serve(place, "tcpserver", "-x", "r.cdb", "--", "rblsmtpd", "sh", "-c", INHERITED)
        for number, source in enumerate(clients, 1):
            with socket.create_connection(("127.0.0.1", server.port), 20, (source, 0)) as client:
                client.sendall(b"noop\r\nmail from:<>\r\nrcpt to:<>\r\nhalf a li")
                client.shutdown(socket.SHUT_WR)
                said = received(client)
            server.ended(number)
        lines = server.log.read_text().splitlines()
        assert len({line.split()[2] for line in lines if line.startswith("tcpserver: pid ")}) == 1
        found.append(said)
    assert b"TCPREMOTEIP=127.0.0.1\n" in found[0] and b"Sig" in found[0]
    assert found[0] == found[1]


@pytest.mark.parametrize("server", SERVERS)
def test_descriptors_that_were_passed_on(place: Place, server: str) -> None:
    """As in the original the program finds them, also behind one that could serve the next client."""
    kept, other = os.pipe()
    try:
        program = (str(place.world.bin / "rblsmtpd"), "readlink", f"/proc/self/fd/{kept}")
        running = serve(place, server, "--", *program, pass_fds=[kept])
        assert running.talk() == running.talk() == os.readlink(f"/proc/self/fd/{kept}").encode() + b"\n"
    finally:
        os.close(kept)
        os.close(other)


@pytest.mark.root
@pytest.mark.parametrize("server", SERVERS)
def test_sigterm_before_the_program(place: Place, server: str) -> None:
    program = (str(place.world.bin / "rblsmtpd"), "true")
    net = Net(place, server, "-Rlx", dns=[{CLIENT: "silent"}], signal=15, program=program)
    assert next(line for line in net.log if line.startswith("tcpserver: end")).endswith(" status 0")


@pytest.mark.root
@pytest.mark.parametrize("server", SERVERS)
def test_a_directory_that_is_roots_alone(place: Place, server: str) -> None:
    """That of a service, which tcpserver can no longer enter once it is a user's."""
    folder = place.path / "closed"
    folder.mkdir(0o700)
    program = (str(place.world.bin / "rblsmtpd"), "-t0", "sh", "-c", "echo $RBLSMTPD hi")
    running = serve(
        place, server, "-u", "65534", "-g", "65534", "--", *program, cwd=folder, as_root=True,
        preexec_fn=lambda: os.chown(folder, 0, 0),
    )  # fmt: skip
    assert folder.stat().st_uid == 0
    assert running.talk() == running.talk() == b"hi\n"
    assert running.ended(2).count("tcpserver: end PID status 0") == 2


def test_a_program_that_ends_the_process_holds_nothing_of_the_server(place: Place) -> None:
    """It may become another user, who must not speak to the server in the name of a process that waits."""
    server = serve(place, "tcpserver", "--", "rblsmtpd", "addcr")
    with server.connect() as client:
        client.sendall(b"x\n")
        assert client.recv(3, socket.MSG_WAITALL) == b"x\r\n"
        (pid,) = children(server.pid)
        assert sorted(os.listdir(f"/proc/{pid}/fd")) == ["0", "1", "2"]
    assert server.ended()[-2:] == ["tcpserver: end PID status 0", "tcpserver: status: 0/40"]
    assert server.talk(b"y\n") == b"y\r\n"


def test_directory_and_umask(place: Place) -> None:
    smtp = Smtp(place)
    smtp.talk(b"QUIT")
    smtp.ended(1)
    pid = smtp.pids()[0].decode()
    assert os.readlink(f"/proc/{pid}/cwd") == str(place.path)
    status = Path(f"/proc/{pid}/status").read_text()
    mine = subprocess.run(["sh", "-c", "umask"], capture_output=True, check=True).stdout.decode().strip()
    assert int(re.search(r"Umask:\s+(\d+)", status).group(1), 8) == int(mine, 8)  # type: ignore[union-attr]
