"""The child that processes a finished log file"""

import os

from pysvc.unix import chain
from pysvc.unix.strerr import unable_to

READ, WRITE = os.O_RDONLY | os.O_NONBLOCK, os.O_WRONLY | os.O_NONBLOCK | os.O_TRUNC | os.O_CREAT
DESCRIPTORS = ((0, "previous", READ), (1, "processed", WRITE), (4, "state", READ), (5, "newstate", WRITE))


def run(processor: str) -> int:
    """Become the shell that runs the processor in the current directory. Fatal if that cannot be."""
    with unable_to(f"run {processor}"):
        for number, file, flags in DESCRIPTORS:
            fd = os.open(file, flags, 0o644)
            os.dup2(fd, number)
            os.set_inheritable(number, True)  # also where it had that number from the beginning
            if fd != number:
                os.close(fd)
        chain.run(["/bin/sh", "-c", processor], name="sh")
