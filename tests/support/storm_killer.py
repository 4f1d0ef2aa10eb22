"""Kills processes of the mail system with SIGKILL, at random moments

Run in a machine: storm_killer.py SEED SECONDS PAUSE [NAME ...]. Chooses a name first, then one
of its processes, so that a name with many processes is not all that dies. PAUSE: seconds between two
kills, on average. Prints the name of each process killed.
"""

import os
import random
import signal
import sys
import time

NAMES = (
    "qmail-send", "qmail-lspawn", "qmail-rspawn", "qmail-clean", "qmail-queued", "qmail-queue",
    "qmail-smtpd", "qmail-local", "qmail-remote", "qmail-getpw", "multilog", "supervise", "tcpserver",
)  # fmt: skip


def processes(wanted: "tuple[str, ...]") -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) > 1:
            try:
                with open(f"/proc/{entry}/comm", "rb") as comm:
                    name = comm.read().strip().decode(errors="replace")
            except OSError:
                continue
            if name in wanted:
                found.setdefault(name, []).append(int(entry))
    return found


def main() -> None:
    chance = random.Random(int(sys.argv[1]))
    deadline = time.monotonic() + float(sys.argv[2])
    while time.monotonic() < deadline:
        time.sleep(chance.uniform(0, 2 * float(sys.argv[3])))
        found = processes(tuple(sys.argv[4:]) or NAMES)
        if not found:
            continue
        name = chance.choice(sorted(found))
        try:
            os.kill(chance.choice(sorted(found[name])), signal.SIGKILL)
        except ProcessLookupError:
            continue
        print(name, flush=True)


if __name__ == "__main__":
    main()
