"""qmail-clean - remove files from the queue for qmail-send

Synopsis:    qmail-clean
Descriptors: 0   commands, each ended by NUL: foop/N, todo/N
             1   one byte for each: + done, ! not everything could be removed, x not understood
Files:       queue/intd queue/todo queue/mess   what is removed
             queue/pid           what dead writers left, looked at now and then; queue/intd likewise
Exit codes:  0 no more commands; 100 nobody takes the answers; 111 no queue, or commands unreadable

Runs as qmailq; qmail-start starts it.
"""

import os
import time

from pymail.queue import cleanup, layout
from pymail.unix.home import Home
from pysvc.unix import signals
from pysvc.unix.files import BLOCK, write_all
from pysvc.unix.strerr import unable_to

PATIENCE = 31  # commands from one look at pid/ to the next
PAUSE = 76431  # seconds from one look at intd/ to the next, at least
NOT_TAKEN = 100


def main(argv: list[str]) -> int:
    queue = Home.of(argv[0]).file("queue")
    with unable_to(f"chdir to {queue}"):
        os.chdir(queue)
    with unable_to(f"opendir {queue}/mess"):
        layout.learn(queue)
    os.umask(0o077)
    cleanup.claim()
    signals.ignore(signals.SIGPIPE)
    left, rest, next_look = 0, b"", 0
    while True:
        if left <= 0:
            now = int(time.time())
            cleanup.expire_pids(now)
            if now >= next_look:
                cleanup.expire_envelopes(now)
                next_look = now + PAUSE
            left = PATIENCE
        with unable_to("read commands"):
            data = os.read(0, BLOCK)
        if not data:
            return 0
        *commands, rest = (rest + data).split(b"\0")
        rest = rest[: cleanup.LONGEST + 1]  # more of it would not make it a command
        left -= len(commands)
        try:
            write_all(1, cleanup.answers(commands))
        except OSError:
            return NOT_TAKEN
