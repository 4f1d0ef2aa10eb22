"""qmail-qread - list the messages of the queue and their recipients

Synopsis:    qmail-qread
Output:      date  #number  bytes  <sender> [ bouncing], then one line for each recipient: [  done],
             channel, address. Messages that have not been preprocessed are not shown.
Files:       queue/info queue/mess queue/bounce queue/local queue/remote
Exit codes:  0 all were listed, trouble with single ones is told in the list; 111 the queue cannot be read
"""

import os

from pymail.formats import envelope
from pymail.formats.date import date822
from pymail.queue import layout
from pymail.unix.home import Home
from pysvc.unix.files import read_file, write_all
from pysvc.unix.strerr import TEMPORARY, reason

_PRINTABLE = bytes(byte if 32 <= byte <= 126 else ord("_") for byte in range(256))


def main(argv: list[str]) -> int:
    queue = Home.of(argv[0]).file("queue")
    try:
        os.chdir(queue)
    except OSError as error:
        return _fatal("unable to chdir", error)
    try:
        layout.learn(queue)
    except OSError as error:
        return _fatal("unable to opendir mess", error)
    for part in layout.parts("info"):
        try:
            names = os.listdir(part)
        except OSError as error:
            return _fatal(f"unable to opendir {part}", error)
        for name in names:
            if name.isascii() and name.isdigit():
                write_all(1, _message(int(name)))
    return 0


def _fatal(doing: str, error: OSError) -> int:
    write_all(1, f"fatal: {doing}: {reason(error)}\n".encode())
    return TEMPORARY


def _message(number: int) -> bytes:
    """The lines of one message, or of the trouble with it."""
    try:
        return _opening(number) + b"".join(_channel(name, number) for name in layout.CHANNELS)
    except OSError as error:
        return f"warning: trouble with #{number}: {reason(error)}\n".encode()


def _opening(number: int) -> bytes:
    info = layout.split_path("info", number)
    sender = envelope.sender_of(read_file(info)) or b""
    birth = int(os.stat(info).st_mtime)
    size = os.stat(layout.split_path("mess", number)).st_size
    bouncing = b" bouncing" if os.path.exists(layout.flat_path("bounce", number)) else b""
    date = date822(birth).replace(b"-0000", b"GMT")
    return b"%s  #%d  %d  <%s> %s\n" % (date, number, size, sender.translate(_PRINTABLE), bouncing)


def _channel(name: str, number: int) -> bytes:
    try:
        content = read_file(layout.split_path(name, number))
    except FileNotFoundError:
        return b""  # no recipients there, or none left
    return b"".join(
        b"%s\t%s\t%s\n" % (b"  done" if done else b"", name.encode(), address.translate(_PRINTABLE))
        for _, done, address in envelope.recipients(content)
    )
