"""mconnect-io - copy between a terminal and a connection

Synopsis:    mconnect-io
Exit codes:  0 the connection has ended; 111 no process

Copies standard input to descriptor 7, with CR before every LF, and descriptor 6 to standard output, as it
is. The end of standard input ends only its own direction.
"""

import os

from pysvc import launch
from pysvc.formats import crlf
from pysvc.unix import files, signals
from pysvc.unix.strerr import unable_to

READ, WRITE = 6, 7  # where a UCSPI client has its connection


def main(argv: list[str]) -> int:
    signals.ignore(signals.SIGPIPE)
    with unable_to("fork"):
        child = launch.fork("mconnect-io", _from_terminal)
    _to_terminal()
    try:
        os.kill(child, signals.SIGTERM)
        os.waitpid(child, 0)
    except (ProcessLookupError, ChildProcessError):
        pass  # where SIGCHLD is ignored nobody waits for it
    return 0


def _from_terminal() -> int:
    try:
        for block in files.blocks(0):
            files.write_all(WRITE, crlf.add(block))
    except OSError:
        pass  # as good as the end
    return 0


def _to_terminal() -> None:
    """Also where nobody looks, for as long as the other side stays: it may still be told something."""
    try:
        for block in files.blocks(READ):
            _print(block)
    except OSError:
        pass  # as good as the end


def _print(text: bytes) -> None:
    try:
        files.write_all(1, text)
    except OSError:
        pass
