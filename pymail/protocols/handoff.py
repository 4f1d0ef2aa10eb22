"""What is said on the socket between the queue service and those who have something to queue

Each request and each answer is one packet. A client sends either

    a small message whole, with its envelope; when that is answered it may send the next one;
    or one request line with two descriptors, the message's and the envelope's, once.

The service answers `ready PID` when a process of that number cares for the connection, and `exit CODE`
for each message; the codes are those of qmail-queue. Whoever has not seen `ready`, or whose request was
never read, may ask again without queueing anything twice.

The service gives each connection to one of its children: who asked, with the connection and the
descriptors that came. Each child says in one pipe, common to all, that it has done with one of them.
"""

import struct

WHOLE = b"w"                  # the first byte of a message with its envelope, from a program of ours
SUBMISSION = b"submission\n"  # from one too: the Received line bears the pid of the service's process
PROCESS = b"process\n"        # a qmail-queue process: the Received line bears the client's own pid
REQUESTS = (SUBMISSION, PROCESS)
LONGEST = 65536       # bytes of a request
LONGEST_ANSWER = 64
DESCRIPTORS = 2       # message and envelope, in this order
_WHOLE = struct.Struct("=cI")
_WORK = struct.Struct("=Ii")
_FREE = struct.Struct("=iI")
LARGEST = LONGEST - _WHOLE.size  # bytes of a message and its envelope that can be sent whole


class Malformed(Exception):
    """No message with its envelope."""


def whole(message: bytes, envelope: bytes) -> bytes:
    """The request to queue a message; both together have at most LARGEST bytes."""
    return _WHOLE.pack(WHOLE, len(message)) + message + envelope


def parse_whole(request: bytes) -> tuple[bytes, bytes]:
    """(message, envelope), the envelope not yet looked at. Raises Malformed."""
    if not request.startswith(WHOLE) or not _WHOLE.size <= len(request) <= LONGEST:
        raise Malformed
    end = _WHOLE.size + _WHOLE.unpack_from(request)[1]
    if end > len(request):
        raise Malformed
    return request[_WHOLE.size : end], request[end:]


def ready(pid: int) -> bytes:
    """The answer when the process `pid` cares for the connection."""
    return b"ready %d\n" % pid


def result(code: int) -> bytes:
    """The answer when a message is done."""
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


def free(pid: int, uid: int) -> bytes:
    """What the child `pid` says when it has done with a connection of the user `uid`."""
    return _FREE.pack(pid, uid)


def parse_free(data: bytes) -> list[tuple[int, int]]:
    """(pid, uid) for each time that was said; what a child says at once arrives whole."""
    return list(_FREE.iter_unpack(data))
