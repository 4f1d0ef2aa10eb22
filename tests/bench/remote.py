"""What remote deliveries cost: qmail-rspawn alone, from request to report, against Postfix's smtp-sink

    .venv/bin/python -m tests.bench.remote [deliveries] [at a time] [bytes of the message]

Prints wall time, deliveries per second and the CPU of qmail-rspawn with its workers, a delivery.
"""

import contextlib
import os
import select
import sys
import time
from pathlib import Path

from pymail.installation.hierarchy import make_tree
from pymail.protocols.spawn import Reports, encode_request
from pymail.unix.home import Home
from tests.support.processes import children
from tests.support.world import IS_ROOT, Place, World, eventually, free_port, listening, temporary_directory

MESSID = "0/23"


def cpu(pids: list[int]) -> float:
    """Seconds of CPU that processes have used; 0 for those that are gone."""
    nanoseconds = 0
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            nanoseconds += int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
    return nanoseconds / 1e9


def deliver(requests: int, reports: int, count: int, together: int) -> None:
    """Ask for so many deliveries, with so many going on at a time, and wait for all reports."""
    decoder, free, asked, done = Reports(), list(range(together)), 0, 0
    poll = select.poll()
    poll.register(reports, select.POLLIN)
    while done < count:
        batch = b""
        while free and asked < count:
            recipient = b"user%d@there.example" % asked
            batch += encode_request(free.pop(), MESSID.encode(), b"sender@here.example", recipient)
            asked += 1
        if batch:
            os.write(requests, batch)
        assert poll.poll(60_000), "no report came"
        for delnum, text in decoder.feed(os.read(reports, 65536)):
            assert text.startswith(b"K"), text
            free.append(delnum)
            done += 1


def main() -> int:
    count, together, size = [*map(int, sys.argv[1:]), *(1000, 20, 2000)[len(sys.argv) - 1 :]]
    with temporary_directory("bench-world-") as base, temporary_directory("bench-home-") as path:
        place = Place(World(base), path)
        home = path / "home"
        home.mkdir()
        place.own()
        make_tree(Home(str(home)))
        place.world.home_bin(home)
        port = free_port()
        (home / "control/me").write_text("here.example\n")
        (home / "control/smtproutes").write_text(f":[127.0.0.1]:{port}\n")
        (home / "queue/mess" / MESSID).write_bytes(b"Subject: x\n\n" + (b"x" * 63 + b"\n") * (size // 64))
        place.own()
        user = ["-u", "nobody"] if IS_ROOT else []
        place.start("/usr/sbin/smtp-sink", *user, f"127.0.0.1:{port}", "100", as_root=True)
        eventually(lambda: listening(port), what="smtp-sink")
        measure(place, home, count, together)
        place.stop()
    return 0


def measure(place: Place, home: Path, count: int, together: int) -> None:
    (theirs, requests), (reports, answers) = os.pipe(), os.pipe()
    env = {"PATH": f"{home}/bin:/bin:/usr/bin"}
    spawner = place.start(home / "bin/qmail-rspawn", env=env, stdin=theirs, stdout=answers)
    os.close(theirs)
    os.close(answers)
    assert os.read(reports, 1)
    deliver(requests, reports, min(count, 20), min(together, 20))  # its code is loaded from here on
    start, before = time.monotonic(), cpu([spawner.pid, *children(spawner.pid)])
    deliver(requests, reports, count, together)
    wall = time.monotonic() - start
    used = cpu([spawner.pid, *children(spawner.pid)]) - before
    os.close(requests)
    spawner.wait()
    print(f"{count} deliveries in {wall:.2f} s, {count / wall:.0f} a second, "
          f"{used / count * 1000:.2f} ms CPU each")  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
