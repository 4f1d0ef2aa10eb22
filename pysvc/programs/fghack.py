"""fghack - keep a program that puts itself in the background

Synopsis:    fghack child

Waits until the program and everything it started have ended: they all inherit many copies of a pipe, and
few of them close all. A program that closes every descriptor escapes.

Exit codes:  100 wrong usage; 111 a system call failed, or the program crashed; else the program's own
"""

import os

from pysvc import launch
from pysvc.unix import chain, files
from pysvc.unix.strerr import Fatal, reason, unable_to, usage

COPIES = 30  # of the pipe's write end, besides that end itself


def main(argv: list[str]) -> int:
    if len(argv) < 2:
        raise usage(__doc__)
    with unable_to("create pipe"):
        read, write = os.pipe()
    with unable_to("fork"):
        pid = launch.fork("fghack", lambda: child(argv[1:], read, write))
    os.close(write)
    wait_for_end(read)
    try:
        _, status = os.waitpid(pid, 0)
    except OSError as error:
        raise Fatal(f"wait failed: {reason(error)}") from error
    if os.WIFSIGNALED(status):
        raise Fatal("child crashed")
    return os.waitstatus_to_exitcode(status)


def child(program: list[str], read: int, write: int) -> int:
    os.close(read)
    os.set_inheritable(write, True)
    for _ in range(COPIES):
        try:
            os.set_inheritable(os.dup(write), True)
        except OSError:
            break  # fewer copies make it easier to escape, not wrong
    with unable_to(f"run {program[0]}"):
        chain.run(program)


def wait_for_end(read: int) -> None:
    """Discard what comes until no process has the pipe open for writing."""
    try:
        for _ in files.blocks(read):
            pass
    except OSError:
        pass
