"""Frames between qmail-send and its spawners, qmail-lspawn and qmail-rspawn

    hello     slots: 1 byte                                          spawner to qmail-send, once
    request   delnum: 1 byte, messid \\0 sender \\0 recipient \\0      qmail-send to spawner
    report    delnum: 1 byte, letter K, Z or D, text \\0              spawner to qmail-send

delnum is the number of a slot, and slot 0 makes \\0 the first byte of a frame: a stream of frames must
not be split at zero bytes. Source: qmail INTERNALS; qmail-send.c del_dochan, spawn.c getcmd.
"""

LONGEST_REPORT = 10000    # bytes kept of a report, delnum and letter included
LONGEST_REQUEST = 131072  # bytes of a request that has not come to its end; addresses have at most 1002


class TooLong(Exception):
    """No qmail-send asks for this, and nothing that follows can be understood."""


class Request:
    """One delivery asked for. messid is the path of the message below queue/mess, `20/2154913`."""

    __slots__ = ("delnum", "messid", "recipient", "sender")

    def __init__(self, delnum: int, messid: bytes, sender: bytes, recipient: bytes) -> None:
        self.delnum, self.messid, self.sender, self.recipient = delnum, messid, sender, recipient


def encode_request(delnum: int, messid: bytes, sender: bytes, recipient: bytes) -> bytes:
    """delnum: 0 to 255; the other fields without zero bytes."""
    return b"%c%s\0%s\0%s\0" % (delnum, messid, sender, recipient)


def encode_report(delnum: int, text: bytes) -> bytes:
    """text: the letter K, Z or D, then what to say; it ends at its first zero byte."""
    return b"%c%s\0" % (delnum, text.partition(b"\0")[0])


class Requests:
    """Decodes the requests that a spawner reads, however they were split or joined on their way."""

    __slots__ = ("_partial",)

    def __init__(self) -> None:
        self._partial = b""

    def feed(self, data: bytes) -> list[Request]:
        """The requests that `data` completes. Raises TooLong: who reads may be root, who writes is not."""
        frames = self._partial + data
        complete = []
        start = 0
        while (end := _after_zeros(frames, start + 1, 3)) > 0:
            messid, sender, recipient, _ = frames[start + 1 : end].split(b"\0")
            complete.append(Request(frames[start], messid, sender, recipient))
            start = end
        if len(frames) - start > LONGEST_REQUEST:
            raise TooLong
        self._partial = frames[start:]
        return complete


def _after_zeros(data: bytes, start: int, count: int) -> int:
    """The position after `count` zero bytes from `start` on; 0 if there are fewer."""
    for _ in range(count):
        start = data.find(b"\0", start) + 1
        if not start:
            break
    return start


class Reports:
    """Decodes the reports that qmail-send reads from one spawner."""

    __slots__ = ("_partial",)

    def __init__(self) -> None:
        self._partial = b""  # of the current report: delnum and at most LONGEST_REPORT bytes in all

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The reports that `data` completes: (delnum, letter and text, cut to the limit)."""
        frames = self._partial + data
        complete = []
        start = 0
        while (end := frames.find(b"\0", start + 1)) > 0:
            complete.append((frames[start], frames[start + 1 : min(end, start + LONGEST_REPORT)]))
            start = end + 1
        self._partial = frames[start : start + LONGEST_REPORT]
        return complete
