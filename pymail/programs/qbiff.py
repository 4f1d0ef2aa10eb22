"""qbiff - tell a user's terminals of new mail

For dot-qmail files: `|qbiff`. Writes to each terminal at which the user is logged in and has said
`biff y`: whom the message on descriptor 0 is to and from, and how it begins.

Synopsis:    qbiff
Environment: USER, SENDER, LOCAL   as qmail-local sets them
Files:       /var/run/utmp   who is logged in
Exit codes:  0, whatever happens: new mail is no less delivered
"""

import os
import stat

from pymail.formats import header, utmp
from pysvc.unix.files import blocks, read_file

UTMP = "/var/run/utmp"
LONGEST = 78  # bytes of the message that are shown, with the blanks before them
INDENT = b"    "
BLANKS = b" \t\r\n"
WISHED = stat.S_IXUSR  # what `biff y` sets on a terminal

_ADDRESS = bytes(byte if 32 <= byte <= 126 else ord("_") for byte in range(256))
_TEXT = bytes(byte if 32 <= byte <= 126 else ord("/") for byte in range(256))


def main(_argv: list[str]) -> int:
    try:
        user, sender, local = (os.environb[name] for name in (b"USER", b"SENDER", b"LOCAL"))
        terminals = utmp.lines(read_file(UTMP), user, utmp.record_size(os.uname().machine))
        if terminals:
            tell(terminals, announcement(local, sender, beginning()))
    except (KeyError, OSError):
        pass
    return 0


def announcement(local: bytes, sender: bytes, text: bytes) -> bytes:
    """What the terminals show, safe for any of them."""
    who = b"*** TO <" + local + b"> FROM <" + sender + b">"
    shown = (INDENT + text)[:LONGEST]
    return b"\r\n\a" + who.translate(_ADDRESS) + b"\r\n" + shown.translate(_TEXT) + b"\r\n"


def beginning() -> bytes:
    """The subject and the start of the body."""
    reader = header.Reader()
    body: bytes | None = None
    for block in blocks(0):
        body = reader.feed(block) if body is None else body + block
        if body is not None and len(body) >= LONGEST:
            break
    if body is None:
        body = reader.end()
    subjects = [field for name, field in reader.fields if name == b"subject"]
    return b"".join([*(field.partition(b":")[2].lstrip(BLANKS) for field in subjects), body])


def tell(terminals: list[bytes], text: bytes) -> None:
    for line in terminals:
        try:
            flags = os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
            fd = os.open(b"/dev/" + line, flags)
        except OSError:
            continue
        try:
            found = os.fstat(fd)
            if found.st_mode & WISHED and found.st_uid == os.geteuid():
                os.write(fd, text)
        except OSError:
            pass  # a terminal that is stopped, or gone
        os.close(fd)
