"""readproctitle - show the last lines of standard input in ps

Synopsis:    readproctitle label ... dots

The last argument, five bytes or longer, is shown as dots in the process's command line; what is read
pushes them out at the left, all but the first three. `ps` shows it after the other arguments.

Exit codes:  0 end of input; 100 wrong usage (silently); 111 input cannot be read (silently)

A command line can be no longer than what the process was started with, arguments and environment
together. Where readproctitle replaces another program in its process, as svscanboot's does, that
program must have been started with room enough; fewer dots are shown otherwise. Arguments are shown
with spaces between them. In a process that has changed its ids, or where arguments alone are too short,
a byte that is not UTF-8 is shown as a question mark.
"""

import os

from pysvc.unix import title
from pysvc.unix.strerr import PERMANENT, TEMPORARY

FIXED = b"..."  # stay at the left, whatever is read
SHORTEST = 5
BLOCK = 4096


def main(argv: list[str]) -> int:
    if len(argv) < 2 or len(os.fsencode(argv[-1])) < SHORTEST:
        return PERMANENT
    size = len(os.fsencode(argv[-1]))
    label = argv[:-1]
    shown = fitting(size, label)
    text = b"." * size
    try:
        while True:
            title.set_title([*label, text[:3].decode() + text[-shown:].decode("utf-8", "surrogateescape")])
            data = os.read(0, BLOCK)
            if not data:
                return 0
            text = push(text, data)
    except OSError:
        return TEMPORARY


def push(text: bytes, data: bytes) -> bytes:
    """The text after reading data: as long as before, its latest bytes at the right."""
    kept = len(text) - len(FIXED)
    return FIXED + (text[len(FIXED) :] + data.replace(b"\0", b""))[-kept:]


def fitting(size: int, label: list[str]) -> int:
    """How many of the text's bytes, besides the fixed ones, the command line has room for."""
    room = title.room()
    wanted = size - len(FIXED)
    if room is None:
        return wanted
    others = len(os.fsencode(" ".join([label[0].rsplit("/", 1)[-1], *label[1:]]))) + 1 + len(FIXED)
    return max(1, min(wanted, room - others))
