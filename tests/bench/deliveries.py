"""CPU that one local delivery costs, in qmail-lspawn and everything that it starts

    .venv/bin/python -m tests.bench.deliveries [deliveries [concurrency [bytes]]]

Plays qmail-send to a qmail-lspawn of a private instance; the Maildir lies where TMPDIR says.
"""

import ctypes
import os
import resource
import sys
import time
from pathlib import Path

from pymail.installation.hierarchy import make_tree
from pymail.unix.home import Home
from tests.support import spawners
from tests.support.world import TESTER, TESTER_GROUP, Place, World, temporary_directory

PR_SET_CHILD_SUBREAPER = 36


def used() -> float:
    """CPU seconds of all processes that have ended and been waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def collect() -> None:
    """Wait for everybody who is left: qmail-lspawn does not wait for its workers."""
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return


def drive(place: Place, deliveries: int, concurrency: int) -> tuple[float, float]:
    """CPU and wall seconds of so many deliveries, so many at a time."""
    before, started = used(), time.monotonic()
    client = spawners.start(place, place.path / "bin/qmail-lspawn", "./Maildir/")
    for number in range(min(concurrency, deliveries)):
        client.ask(b"joe@host", number)
    for number in range(deliveries):
        delnum, text = client.report()
        assert text == b"Kdid 1+0+0\n", text
        if number + concurrency < deliveries:
            client.ask(b"joe@host", delnum)
    assert client.end() == 0
    collect()
    return used() - before, time.monotonic() - started


def prepare(place: Place, size: int) -> None:
    """A private instance of TESTER, with one message."""
    place.world.home_bin(place.path)
    place.own()
    child = os.fork()
    if child == 0:
        if not os.geteuid():
            os.setgid(TESTER_GROUP)
            os.setuid(TESTER)
        make_tree(Home(str(place.path)))
        for part in ("", "tmp", "new", "cur"):
            (place.path / "alias/Maildir" / part).mkdir()
        (place.path / "alias/.qmail-default").touch()
        os._exit(0)
    assert os.wait()[1] == 0
    spawners.write_message(place.path / "queue", TESTER, TESTER_GROUP)
    with Path(place.path, "queue/mess/0/23").open("ab") as message:
        message.write((b"x" * 69 + b"\n") * (size // 70))


def main() -> int:
    deliveries, concurrency, size = (*map(int, sys.argv[1:]), *(1000, 10, 2000)[len(sys.argv) - 1 :])
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with temporary_directory("bench-world-") as base, temporary_directory("bench-home-") as path:
        place = Place(World(base), path)
        prepare(place, size)
        idle = min(drive(place, 1, 1)[0] for _ in range(3))
        cpu, wall = drive(place, deliveries, concurrency)
        each = (cpu - idle) / deliveries * 1000
        print(f"{each:.2f} ms CPU a delivery, {deliveries / wall:.0f} deliveries a second")
    return 0


if __name__ == "__main__":
    sys.exit(main())
