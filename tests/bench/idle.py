"""Memory and CPU of the whole installed system when nothing happens; needs root

    .venv/bin/python -m tests.bench.idle [seconds]

Installs the system in namespaces of its own, sends one message through, then prints PSS for each process
and the CPU that all of them used in some idle seconds.
"""

import sys
import time

from tests.support.mail import FQDN, MailSystem, running


def sizes(system: MailSystem) -> list[tuple[int, str, str]]:
    """(PSS in KB, pid, command line) of each process of the system."""
    report = system.sh(
        "for p in $(ls /proc | grep '^[0-9]'); do "
        "c=$(tr '\\0' ' ' </proc/$p/cmdline 2>/dev/null); "
        "case \"$c\" in *svscan*|*supervise*|*multilog*|*tcpserver*|*qmail-*|*readproctitle*) "
        "echo $(awk '/^Pss:/{print $2}' /proc/$p/smaps_rollup) $p $c;; esac; done",
        check=False,
    )  # fmt: skip
    rows = [line.split(" ", 2) for line in report.splitlines()]
    return [(int(row[0]), row[1], row[2]) for row in rows if len(row) == 3 and row[0].isdigit()]


def ticks(system: MailSystem, pids: list[str]) -> int:
    stats = system.sh(f"cat {' '.join(f'/proc/{pid}/stat' for pid in pids)}", check=False)
    return sum(int(word) for line in stats.splitlines() for word in line.rpartition(")")[2].split()[11:15])


def main() -> int:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with running() as system:
        system.send(b"Subject: one\n\nmessage\n", f"joe@{FQDN}")
        system.wait_mail("/home/joe/Maildir", b"Subject: one")
        time.sleep(3)  # let everything that the message started come to rest
        rows = sizes(system)
        for pss, pid, command in sorted(rows, reverse=True):
            print(f"{pss:6} KB  {pid:>5}  {command[:90]}")
        print(f"{sum(row[0] for row in rows):6} KB in {len(rows)} processes")
        pids = [row[1] for row in rows]
        before = ticks(system, pids)
        time.sleep(seconds)
        print(f"{(ticks(system, pids) - before) * 10} ms CPU in {seconds} idle seconds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
