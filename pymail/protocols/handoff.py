"""What is said on the socket between the queue service and those who have something to queue

The client sends one request line together with two descriptors, the message's and the envelope's.
The service answers `ready PID` when a process of that number has begun to read them, and `exit CODE`
when that process is done; the codes are those of qmail-queue. Whoever has not seen `ready` may ask
again without queueing anything twice.
"""

SUBMISSION = b"submission\n"  # a program of ours: the Received line bears the pid of the service's process
PROCESS = b"process\n"        # a qmail-queue process: the Received line bears the client's own pid
REQUESTS = (SUBMISSION, PROCESS)
LONGEST_REQUEST = 64  # bytes; nothing that anybody should send is as long
LONGEST_ANSWER = 64
DESCRIPTORS = 2       # message and envelope, in this order


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
