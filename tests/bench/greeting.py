"""CPU that one new SMTP connection costs, from accept to the greeting and QUIT

    .venv/bin/python -m tests.bench.greeting [connections]

Runs the chain softlimit … tcpserver … qmail-smtpd of the installation document and, as the peer, the C
tcpserver (Debian's ucspi-tcp, if it is there) before the same qmail-smtpd, which it must exec afresh.
"""

import os
import shutil
import signal
import socket
import sys

from pymail.installation.hierarchy import make_tree
from pymail.unix.home import Home
from tests.support.processes import children
from tests.support.world import Place, World, eventually, free_port, listening, temporary_directory

MEMORY = {"ours": "9000000", "C": "90000000"}  # C softlimit counts the interpreter too


def talk(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        assert connection.recv(200).startswith(b"220 ")
        connection.sendall(b"QUIT\r\n")
        while connection.recv(200):
            pass


def cpu(place: Place, softlimit: str, tcpserver: str, memory: str, connections: int) -> float:
    """CPU seconds, user and system, of the whole chain for so many connections."""
    port = free_port()
    server = place.start(
        softlimit, "-m", memory, tcpserver, "-R", "-H", "-l", "here", "127.0.0.1", str(port),
        place.path / "bin/qmail-smtpd",
    )  # fmt: skip
    eventually(lambda: listening(port), what="listening")
    for _ in range(connections):
        talk(port)
    eventually(lambda: not children(server.pid), what="no process that serves or waits")
    os.kill(server.pid, signal.SIGTERM)
    _, _, usage = os.wait4(server.pid, 0)
    server.process.returncode = 0
    return usage.ru_utime + usage.ru_stime


def main() -> int:
    connections = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with temporary_directory("bench-world-") as base, temporary_directory("bench-home-") as path:
        world, home = World(base), path
        world.home_bin(home)
        place = Place(world, home)
        place.own()
        child = os.fork()
        if child == 0:
            place.own()
            os.setgid(os.stat(home).st_gid)
            os.setuid(os.stat(home).st_uid)
            make_tree(Home(str(home)))
            (home / "control/me").write_text("mail.example.test\n")
            os._exit(0)
        os.waitpid(child, 0)
        chains = {"ours": (str(home / "bin/softlimit"), str(home / "bin/tcpserver"))}
        if shutil.which("/usr/bin/tcpserver"):
            chains["C"] = ("/usr/bin/softlimit", "/usr/bin/tcpserver")
        for name, (softlimit, tcpserver) in chains.items():
            idle = min(cpu(place, softlimit, tcpserver, MEMORY[name], 0) for _ in range(3))
            busy = cpu(place, softlimit, tcpserver, MEMORY[name], connections)
            print(f"{name:5} tcpserver: {(busy - idle) / connections * 1000:.2f} ms CPU a connection, "
                  f"{idle * 1000:.0f} ms to start")  # fmt: skip
        place.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
