"""The log of a program that serves one client"""

import os


def write(line: bytes) -> None:
    """Write a line, which must end in LF, to descriptor 2 in one write; never raises.

    Nothing is written where descriptor 2 is the client's connection, as under inetd.
    """
    if _is_client(2):
        return
    try:
        os.write(2, line)
    except OSError:
        pass  # a log that is gone is no reason to refuse anybody


def _is_client(fd: int) -> bool:
    try:
        return os.path.sameopenfile(1, fd)
    except OSError:
        return False
