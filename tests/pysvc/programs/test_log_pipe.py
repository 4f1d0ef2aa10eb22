"""No line is lost between a service and its log, whoever of them and of their keepers dies and comes back"""

import os
import random
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.processes import alive, children, command_line, process_state
from tests.support.services import pid_of, service, up
from tests.support.world import Place, Running, eventually

CLASSIC = Path("/usr/bin/multilog")
# Each line says who wrote it and how many there were before; what is not written whole is not counted.
DAEMON = """#!{python} -IS
import os, time
number, me = 0, os.getpid()
sent = os.open(f"{sent}/{{me}}", os.O_WRONLY | os.O_CREAT, 0o644)
while True:
    line = b"%d %d %b\\n" % (me, number, b"x" * (number % 300))
    os.write(1, line)
    number += 1
    os.pwrite(sent, b"%d" % number, 0)
    time.sleep(0.002)
"""


class Tree:
    """A logged service under svscan, and each of the five to be killed."""

    def __init__(self, place: Place, logger: Path) -> None:
        self.place = place
        (place.path / "sent").mkdir()
        daemon = DAEMON.format(python=place.world.python, sent=place.path / "sent")
        self.service = service(place, "service/a", daemon)
        self.log = service(place, "service/a/log", f"#!/bin/sh\nexec {logger} n1000 s16777215 ./main\n")
        self.svscan = self.scan()
        up(self.service), up(self.log)
        eventually((self.log / "main/current").exists)

    def scan(self) -> Running:
        return self.place.start("svscan", "service", stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def keeper(self, name: str) -> int:
        """The pid of a supervise that works, whoever is its parent now."""
        directory = self.service if name == "a" else self.log
        for entry in os.listdir("/proc"):
            try:
                words = command_line(int(entry)).rstrip(b"\0").replace(b"\0", b" ").split()
                here = os.path.samefile(f"/proc/{entry}/cwd", directory)
                owned = "supervise/lock" in "".join(map(_link, Path(f"/proc/{entry}/fd").iterdir()))
            except (OSError, ValueError):
                continue
            if here and owned and words[-1:] == [name.encode()] and process_state(int(entry)) == "S":
                return int(entry)
        return 0

    def kill_daemon(self) -> None:
        pid = self.writer()
        os.kill(pid, signal.SIGKILL)
        up(self.service, but=pid)

    def writer(self) -> int:
        """The daemon that supervise knows, once it has written."""
        pid = up(self.service)
        sent = self.place.path / "sent" / str(pid)
        eventually(lambda: sent.exists() and sent.stat().st_size)
        return pid

    def kill_logger(self) -> None:
        """By TERM: with KILL it would lose what it has read."""
        for pid in self.loggers():
            os.kill(pid, signal.SIGTERM)
            eventually(lambda pid=pid: not alive(pid))
        eventually(self.loggers)

    def loggers(self) -> list[int]:
        """Those that have the log directory open."""
        lock = str(self.log / "main/lock")
        return [pid for pid in _processes() if lock in map(_link, _descriptors(pid)) and self.holds(pid)]

    def holds(self, pid: int) -> bool:
        """Whether it has come as far as the lock: the others end at once."""
        return str(self.log / "main/current") in map(_link, _descriptors(pid))

    def kill_keeper(self, name: str) -> None:
        pid = int(str(eventually(lambda: self.keeper(name))))
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: not alive(pid))
        eventually(lambda: self._woken() and self.keeper(name) not in (0, pid))
        if name == "a":  # whose new daemon shall be known before all are counted
            eventually(lambda: pid_of(self.service) in children(self.keeper("a")), what="a new daemon")

    def _woken(self) -> bool:
        self.svscan.signal(signal.SIGALRM)  # not to wait for the five seconds
        return True

    def kill_svscan(self) -> None:
        self.svscan.signal(signal.SIGKILL)
        self.svscan.wait()
        self.svscan = self.scan()
        eventually(lambda: len(_looked(self.svscan.pid)) > 0)

    def received(self) -> dict[int, list[int]]:
        """The numbers that came of each daemon."""
        found: dict[int, list[int]] = {}
        for file in [*sorted((self.log / "main").glob("@*")), self.log / "main/current"]:
            for line in file.read_bytes().splitlines():
                daemon, number, rest = line.split(b" ")
                assert len(rest) == int(number) % 300, "torn"
                found.setdefault(int(daemon), []).append(int(number))
        return found


def _processes() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def _descriptors(pid: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return []


def _link(path: Path) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _looked(svscan: int) -> list[int]:
    """Its children, dead or alive: it has made its first look."""
    return children(svscan)


def _orders() -> list[object]:
    """Some that were once a loss, and some by chance."""
    chosen = [["svscan", "log", "logger", "daemon"], ["svscan", "a", "daemon", "log", "logger"]]
    chance = random.Random(os.environ.get("LOG_PIPE_SEED", "1"))
    count = int(os.environ.get("LOG_PIPE_ORDERS", "2"))
    by_chance = [[chance.choice(VICTIMS) for _ in range(8)] for _ in range(count)]
    return [pytest.param(order, id="-".join(order)) for order in (*chosen, *by_chance)]


VICTIMS = ["daemon", "logger", "a", "log", "svscan"]


@pytest.mark.parametrize("order", _orders())
@pytest.mark.parametrize("whose", ["ours", "classic"])
def test_no_line_is_lost(place: Place, order: list[str], whose: str) -> None:
    if whose == "classic" and not CLASSIC.exists():
        pytest.skip("the classic daemontools are not installed")
    tree = Tree(place, place.world.bin / "multilog" if whose == "ours" else CLASSIC)
    kill: dict[str, Callable[[], None]] = {
        "daemon": tree.kill_daemon, "logger": tree.kill_logger, "svscan": tree.kill_svscan,
        "a": lambda: tree.kill_keeper("a"), "log": lambda: tree.kill_keeper("log"),
    }  # fmt: skip
    for victim in order:
        kill[victim]()
    tree.writer()
    sent = _stop_daemons(place)
    assert len(sent) > order.count("daemon")
    eventually(lambda: sum(map(len, tree.received().values())) >= sum(sent.values()), what="all lines came")
    for pid, numbers in tree.received().items():
        assert numbers == list(range(len(numbers))), "lost, doubled or out of order"
        assert len(numbers) - sent[pid] in (0, 1)  # killed between the line and its count
    assert pid_of(tree.log)


def _stop_daemons(place: Place) -> dict[int, int]:
    """Stop all that write; how many lines each has written at least."""
    pids = [int(path.name) for path in (place.path / "sent").iterdir()]
    for pid in pids:
        if alive(pid):
            os.kill(pid, signal.SIGSTOP)
            eventually(lambda pid=pid: process_state(pid) == "T")
    return {pid: int((place.path / "sent" / str(pid)).read_text() or 0) for pid in pids}
