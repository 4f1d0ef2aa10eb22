"""CPU and memory of a tree of processes"""

import os
import subprocess
import sys

import pytest

from tests.bench import processes
from tests.support.world import eventually

BURN = "import time\nend = time.process_time() + 0.1\nwhile time.process_time() < end: pass\n"
PARENT = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {BURN!r}])
print("done", flush=True)
sys.stdin.read()
"""


def test_stat_of_a_name_with_brackets_and_blanks() -> None:
    fields = ["S", "7", *["0"] * 9, "100", "50", "30", "20", *["0"] * 4, "999", *["0"] * 20]
    process = processes.parse(f"12 (a (b) c) {' '.join(fields)}\n")
    assert (process.pid, process.name, process.parent, process.started) == (12, "a (b) c", 7, 999)
    assert (process.own * processes.TICK, process.ended * processes.TICK) == pytest.approx((150, 50))


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("supervise qmail-send", "supervise qmail-send"),
        ("tcpserver -v -R 0 smtp /var/qmail/bin/qmail-smtpd ", "tcpserver qmail-smtpd"),
        ("qmail-lspawn ./Maildir/", "qmail-lspawn Maildir"),
        ("/usr/lib/postfix/sbin/master -w ", "master"),
        ("local -t unix", "local"),
        ("readproctitle service errors: .....", "readproctitle"),
        ("", ""),
    ],
)
def test_titles_are_short(command: str, shown: str) -> None:
    assert processes.short(command) == shown


def test_children_that_ended_count_at_their_parent() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "input()\n" + PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdin
        assert parent.stdout
        account = processes.Account([parent.pid])
        parent.stdin.write(b"go\n")
        parent.stdin.flush()
        parent.stdout.readline()
        rows = account.rows()
        parent.stdin.close()
    assert len(rows) == 1
    assert rows[0][2] >= 0.09
    assert processes.total(rows) >= rows[0][2]


def test_a_tree_is_the_root_and_all_below_it() -> None:
    code = "import os, sys\nos.fork() and os.fork()\nsys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as root:
        eventually(lambda: len(processes.tree([root.pid])) == 3, what="three processes")
        found = processes.tree([root.pid])
        assert found[0].pid == root.pid
        assert processes.pss(process.pid for process in found) > processes.pss([root.pid])
        assert root.stdin
        root.stdin.close()


def test_who_has_ended_is_in_no_tree_and_has_no_memory() -> None:
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    assert processes.tree([child]) == []
    assert processes.pss([child]) == 0


def test_the_sampler_keeps_the_peak() -> None:
    values = iter([5, 90, 7])
    seen: list[int] = []

    def measure() -> int:
        seen.append(next(values, 1))
        return seen[-1]

    sampler = processes.Sampler(measure, 0.001)
    sampler.start()
    eventually(lambda: len(seen) >= 3, what="three samples")
    assert sampler.stop() == 90
