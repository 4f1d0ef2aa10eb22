"""What is said on the socket between the queue service and those who have something to queue

The client sends one request line together with two descriptors, the message's and the envelope's.
The service answers `ready PID` when a process of that number has begun to read them, and `exit CODE`
when that is done; the codes are those of qmail-queue. Whoever has not seen `ready` may ask
again without queueing anything twice.

The service gives the work to one of its children: who asked, with three descriptors, the client's
connection and the two that came. Each child says in one pipe, common to all, that it is free again.
"""

import struct

SUBMISSION = b"submission\n"  # a program of ours: the Received line bears the pid of the service's process
PROCESS = b"process\n"        # a qmail-queue process: the Received line bears the client's own pid
REQUESTS = (SUBMISSION, PROCESS)
LONGEST_REQUEST = 64  # bytes; nothing that anybody should send is as long
LONGEST_ANSWER = 64
DESCRIPTORS = 2       # message and envelope, in this order
WORK_DESCRIPTORS = 3  # connection, message and envelope
_WORK = struct.Struct("=Ii")
_FREE = struct.Struct("=i")


def ready(pid: int) -> bytes:
    """The answer when the process `pid` has begun."""
    return b"ready %d\n" % pid


def result(code: int) -> bytes:
    """The answer when that process is done."""
    return b"exit %d\n" % code


def parse(word: bytes, line: bytes) -> int | None:
    """The number in an answer that begins with `word` (b"ready" or b"exit"); None if it is no such answer."""
    first, _, number = line.rstrip(b"\n").partition(b" ")
    if first != word or not line.endswith(b"\n") or not number.isdigit():
        return None
    return int(number[:20])


def work(uid: int, pid: int) -> bytes:
    """What a child is told: the client's uid, and the pid for the Received line, 0 for the child's own."""
    return _WORK.pack(uid, pid)


def parse_work(data: bytes) -> tuple[int, int]:
    """(uid, pid) of what a child was told."""
    uid, pid = _WORK.unpack(data)
    return uid, pid


def free(pid: int) -> bytes:
    """What a child says when it has done its work."""
    return _FREE.pack(pid)


def parse_free(data: bytes) -> list[int]:
    """The pids of the children that have said so; what each says arrives whole."""
    return [pid for (pid,) in _FREE.iter_unpack(data)]
