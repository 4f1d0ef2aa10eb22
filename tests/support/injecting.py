"""A program's system calls: recorded, and tampered with, by strace

A call is named by what strace counts: its name, and how many of that name the same process has made.
The calls by which an interpreter begins and loads code are left out: where one of them is the last, the
program has done nothing since its last own call.
"""

import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tests.support.world import ROOT, Place, Running, eventually

LINE = re.compile(r"(?:(?P<pid>\d+) +)?(?P<name>\w+)\((?P<rest>.*)")
CODE = re.compile(
    rf"\.pyc?\b|__pycache__|/pysvc\b[^-]|/pymail\b[^-]|\.so\b|/lib/python|{re.escape(sys.prefix)}|{ROOT}"
)
# What they change is nobody's but the process's own, and dies with it.
PRIVATE = frozenset(
    "brk mmap munmap mprotect mremap madvise rt_sigaction rt_sigprocmask rt_sigreturn getpid gettid "
    "getuid geteuid getgid getegid getppid umask alarm prctl arch_prctl futex set_robust_list rseq ioctl "
    "restart_syscall".split()
)
LASTING = 12  # more than any program tries again on the spot
NO_SLEEP = "clock_nanosleep:retval=0"  # pauses before another attempt take no time


class Call(NamedTuple):
    """The nth call of a name that some process made; text: its arguments and result as strace shows them."""

    name: str
    nth: int
    text: str

    def __str__(self) -> str:
        return f"{self.name}#{self.nth}({self.text[:90]}"


def kill(call: Call) -> str:
    """A rule: the process dies instead of making this call."""
    return f"{call.name}:signal=KILL:when={call.nth}"


def fail(call: Call, error: str, lasting: bool = False) -> str:
    """A rule: this call fails by an error; if `lasting`, LASTING calls of its name from this one on."""
    return f"{call.name}:error={error}:when={call.nth}" + f"..{call.nth + LASTING - 1}" * lasting


def strace(trace: Path, rules: Iterable[str] = (), follow: bool = False, detached: bool = False) -> list[str]:
    """The words before a command line, or before `-p` and a process that runs already.

    rules: what to do to which calls; without any all calls are recorded. follow: trace what it forks
    too, each process with a count of its own. detached: the program is the caller's child, not strace's.
    """
    words = ["strace", "-q", "-y", "-s", "80", "-o", str(trace)]
    words += ["-f"] * follow + ["-D"] * detached  # with --seccomp-bpf an injected signal would not arrive
    rules = list(rules)
    if rules:
        words += ["-e", "trace=" + ",".join(sorted({rule.partition(":")[0] for rule in rules}))]
    for rule in rules:
        words += ["-e", f"inject={rule}"]
    return words


class Tracer:
    """strace, attached to a process that runs already; counting begins when this is made."""

    def __init__(
        self, place: Place, pid: int, trace: Path, rules: Iterable[str], follow: bool = True
    ) -> None:
        words = strace(trace, rules, follow)
        self.running = place.start(*words, "-p", str(pid), as_root=True, stderr=subprocess.DEVNULL)
        eventually(lambda: _traced(pid), 20, "strace attached")

    def detach(self) -> None:
        """Leave the process and its children alone; afterwards the trace is complete."""
        self.running.signal(signal.SIGTERM)
        self.running.wait()


def _traced(pid: int) -> bool:
    """Whether a process has a tracer, or its end already."""
    try:
        return "TracerPid:\t0\n" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True


def terminate(running: Running, timeout: float = 20) -> int:
    """Have a process end by SIGTERM; its exit code.

    The call that was made to fail may be the one by which it notes a signal: so it is sent more than once.
    """
    deadline = time.monotonic() + timeout
    while True:
        running.signal(signal.SIGTERM)
        try:
            return running.wait(1)
        except subprocess.TimeoutExpired:
            if time.monotonic() > deadline:
                raise


def struck(trace: Path) -> bool:
    """Whether something in a complete trace was tampered with."""
    lines = trace.read_text(errors="replace").splitlines()
    injected = any("(INJECTED)" in line and "nanosleep" not in line for line in lines)
    return injected or any("+++ killed by SIGKILL" in line for line in lines)


def calls(trace: str, module: str = "") -> list[Call]:
    """The calls in a recorded trace, without those for loading code.

    module: the program's; what its process did before it was loaded is left out.
    """
    counts: dict[str, Counter[str]] = {}
    seen: set[tuple[str, int]] = set()
    found = []
    loaded = {} if module else None
    for line in trace.splitlines():
        match = LINE.match(line)
        if match is None:
            continue
        pid, name, rest = match["pid"] or "", match["name"], match["rest"]
        counts.setdefault(pid, Counter())[name] += 1
        nth = counts[pid][name]
        if loaded is not None and not loaded:
            loaded.update({pid: True} if f"/{module}." in rest and name in ("read", "openat") else {})
            continue
        if name in PRIVATE or CODE.search(rest) or (name, nth) in seen:
            continue
        seen.add((name, nth))
        found.append(Call(name, nth, rest))
    return found
