"""qmail-qstat - count the messages of the queue

Synopsis:    qmail-qstat
Output:      how many messages there are, and how many of them qmail-send has not looked at yet
Files:       queue/mess queue/todo
Exit codes:  0; 111 the queue cannot be read
"""

import os

from pymail.queue import layout
from pymail.unix.home import Home
from pysvc.unix.files import write_all
from pysvc.unix.strerr import unable_to


def main(argv: list[str]) -> int:
    queue = Home.of(argv[0]).file("queue")
    with unable_to(f"opendir {queue}/mess"):
        layout.learn(queue)
    messages = sum(_count(f"{queue}/{part}") for part in layout.parts("mess"))
    unseen = _count(f"{queue}/todo")
    text = f"messages in queue: {messages}\nmessages in queue but not yet preprocessed: {unseen}\n"
    with unable_to("write output"):
        write_all(1, text.encode())
    return 0


def _count(path: str) -> int:
    with unable_to(f"opendir {path}"):
        return len(os.listdir(path))
