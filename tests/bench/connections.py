"""Connections a second that a tcpserver serves, one after another and many at once, and what it leaves behind

    .venv/bin/python -m tests.bench.connections [connections] [option ...]

Ours and the C tcpserver (Debian's ucspi-tcp, if it is there) take turns: before /bin/true; each before its
own rblsmtpd, which greets a client that it refuses and waits for QUIT; then, with a tenth of the connections
(2000), before a program of this installation, which the C one must execute. The options are tcpserver's,
besides `-R -H -l here`. Medians of the rounds are printed, with the CPU time of
server and programs, and the server's descriptors, children and resident memory before and after.
"""

import contextlib
import os
import signal
import socket
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.tcp import CLASSIC, received
from tests.support.world import Place, World, eventually, free_port, listening, temporary_directory

ROUNDS = 5
AT_ONCE = 1000
REFUSED = {"RBLSMTPD": "-sorry"}


def talk(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 60) as client:
        finish(client)


def finish(client: socket.socket) -> None:
    """Say goodbye to a server that waits for it, and see the end."""
    with contextlib.suppress(ConnectionError):
        client.sendall(b"QUIT\r\n")
    received(client)


def resources(pid: int) -> str:
    """What a server holds: descriptors, children, resident memory."""
    fields = Path(f"/proc/{pid}/status").read_text().splitlines()
    memory = next(line.split()[1] for line in fields if line.startswith("VmRSS"))
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return f"{len(os.listdir(f'/proc/{pid}/fd'))} fds, {len(children)} children, {memory} KB"


class Measured:
    """One server under load. wall: seconds for a connection in each round; cpu: those of everything."""

    def __init__(self, place: Place, server: str, options: list[str], program: list[str]) -> None:
        self.port = free_port()
        self.running = place.start(
            server, *options, "-R", "-H", "-l", "here", "-b", "1000", "-c", "1000", "127.0.0.1",
            str(self.port), *program, stderr=open(os.devnull, "w"), env=REFUSED,
        )  # fmt: skip
        eventually(lambda: listening(self.port), what="listening")
        for _ in range(20):
            talk(self.port)
        self.before = resources(self.running.pid)
        self.wall: list[float] = []
        self.cpu = 0.0

    def round(self, connections: int) -> None:
        start = time.perf_counter()
        for _ in range(connections):
            talk(self.port)
        self.wall.append((time.perf_counter() - start) / connections)

    def at_once(self) -> float:
        """Seconds until so many clients, all connected before the first is served to its end, are done."""
        start = time.perf_counter()
        with ThreadPoolExecutor(64) as pool:
            clients = [socket.create_connection(("127.0.0.1", self.port), 60) for _ in range(AT_ONCE)]
            list(pool.map(finish, clients))
        for client in clients:
            client.close()
        return time.perf_counter() - start

    def stop(self, connections: int) -> None:
        eventually(lambda: " 0 children" in resources(self.running.pid))
        self.after = resources(self.running.pid)
        os.kill(self.running.pid, signal.SIGTERM)
        _, _, usage = os.wait4(self.running.pid, 0)
        self.running.process.returncode = 0
        self.cpu = (usage.ru_utime + usage.ru_stime) / connections


def main() -> int:
    connections = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    options = sys.argv[2:]
    with temporary_directory("bench-world-") as base, temporary_directory("bench-tcp-") as path:
        place = Place(World(base), path)
        servers = {"ours": "tcpserver", **({"C": str(CLASSIC)} if CLASSIC.exists() else {})}
        own = place.world.bin
        refusing = {"ours": [f"{own}/rblsmtpd", "true"], "C": [f"{CLASSIC.parent}/rblsmtpd", "true"]}
        for programs, number in (
            ({name: ["/bin/true"] for name in servers}, connections),
            (refusing, connections),
            ({name: [f"{own}/tcprulescheck"] for name in servers}, connections // 10),  # only says its usage
        ):
            found = {name: Measured(place, servers[name], options, programs[name]) for name in servers}
            for _ in range(ROUNDS):
                for measured in found.values():
                    measured.round(max(1, number // ROUNDS))
            for name, measured in found.items():
                together = measured.at_once()
                measured.stop(number + AT_ONCE)
                rate = 1 / statistics.median(measured.wall)
                program = Path(programs[name][0]).name
                print(f"{name:5} before {program:13} {rate:6.0f} a second, {AT_ONCE} at once in "
                      f"{together:.1f} s, {measured.cpu * 1e6:.0f} us CPU each; "
                      f"{measured.before} -> {measured.after}")  # fmt: skip
        place.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
