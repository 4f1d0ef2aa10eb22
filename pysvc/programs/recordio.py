"""recordio - run a program and log what it reads and writes

Synopsis:    recordio program [ arg ... ]
Exit codes:  100 wrong usage; 111 no pipe, no process, or the program cannot be run; else the program's own

The program gets pipes in place of descriptors 0 and 1; a child copies between them and the original ones,
at most 256 bytes at a time in each direction, and logs on descriptor 2, before it passes the bytes on:

    PID < DATA␠   a line from outside to the program, whose process is PID
    PID < DATA+   the same, to be continued: no end of line yet
    PID < [EOF]   the end of what comes from outside
    PID > ...     likewise for what the program writes

The copier ends when the program's output ends, or when nobody takes what it has to pass on.
"""

import os

from pysvc import launch
from pysvc.unix import chain, copier
from pysvc.unix.strerr import unable_to, usage

CHUNK = 256  # bytes; it shows in the log


def main(argv: list[str]) -> int:
    if len(argv) < 2:
        raise usage(__doc__)
    pid = os.getpid()
    copier.insert(
        lambda body: launch.fork("recordio", body),
        lambda chunk: _record(b"%d < " % pid, chunk),
        lambda chunk: _record(b"%d > " % pid, chunk),
        CHUNK,
    )
    with unable_to(f"run {argv[1]}"):
        chain.run(argv[1:])


def _record(prefix: bytes, chunk: bytes) -> bytes:
    """Log a chunk, and pass it on as it is."""
    *lines, rest = chunk.split(b"\n")
    for line in lines:
        _log(prefix + line + b" ")
    if rest or not chunk:
        _log(prefix + (rest + b"+" if rest else b"[EOF]"))
    return chunk


def _log(line: bytes) -> None:
    try:
        os.write(2, line + b"\n")
    except OSError:
        pass  # nobody reads the log
