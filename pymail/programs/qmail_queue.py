"""qmail-queue - put one message into the queue

Synopsis:    qmail-queue
Descriptors: 0   the message, read to its end
             1   then the envelope: F sender NUL, T recipient NUL for each recipient, and one more NUL
Files:       queue/pid queue/mess queue/intd queue/todo   a message on its way
             queue/lock/trigger   written to when the message is in the queue
             run/queue            the queue service, which does all this for those who may not
Exit codes:  0 queued, durably; 11 address over 1002 bytes; 51 out of memory; 52 took over a day; 53 write
             error or disk full; 54 message or envelope cannot be read to its end; 56 the queue service
             does not answer; 61 home, 62 queue, 63 pid, 64 mess, 65 intd, 66 todo cannot be used; 81 bug;
             91 malformed envelope; 111 an account is missing

There is no setuid bit: root and qmailq write the queue, everybody else hands both descriptors to
qmail-queued.
"""

import os

from pymail.protocols import handoff
from pymail.queue import enqueue
from pymail.unix import queue_service
from pymail.unix.home import Home

OUT_OF_MEMORY, NO_SERVICE, BUG = 51, 56, 81


def main(argv: list[str]) -> int:
    home = Home.of(argv[0])
    try:
        if os.geteuid() in (0, home.uid("qmailq")):
            uid = os.getuid()
            enqueue.become_owner(home)
            return enqueue.enqueue(home, uid, os.getpid())
        return _hand_over(home)
    except MemoryError:
        return OUT_OF_MEMORY


def _hand_over(home: Home) -> int:
    """Have the queue service do it; its exit code."""
    try:
        enqueue.prepare()
        connection, _ = queue_service.ask(home, handoff.PROCESS, 0, 1)
        code = queue_service.outcome(connection)
    except enqueue.Late:
        return enqueue.TIMEOUT
    except queue_service.Refused:
        return NO_SERVICE
    except OSError:
        return BUG
    return BUG if code is None else code
