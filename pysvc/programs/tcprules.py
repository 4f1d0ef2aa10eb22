"""tcprules - compile the rules that tcpserver obeys

Synopsis:    tcprules rules.cdb rules.tmp
Files:       rules.tmp   written first, then moved over rules.cdb; must lie in the same file system
Exit codes:  0 done; 100 wrong usage, or a line that is no rule; 111 a file cannot be read or written

Standard input holds one rule on each line, `ADDRESS:INSTRUCTIONS`. Lines that begin with `#` and lines
without a colon mean nothing; blanks count, except at the end of a line.

INSTRUCTIONS are `allow` or `deny`, then any number of `,NAME="VALUE"`: variables for the program that
tcpserver starts. Any byte may stand in place of both quotes.

ADDRESS is compared, in this order, with `info@ip`, `info@=host`, `ip`, `=host`, the beginnings of the ip
that end in a dot or (IPv6) a colon from the longest on, networks from the longest prefix on, `=` and the
ends of the host that begin with a dot, `=` where the host is known, and the empty address. The first rule
found decides alone. A range as in `10.0.2-5.:deny` stands for one rule per number up to 255; not in
addresses with `=` or `@`. A network is written `10.0/8`, `192.0.2.64/26` or `2001:db8::/32`; what looks like
one and is none is an error.

An IPv6 address contains colons: its line is split at the first colon directly before `allow` or `deny`.
So `::1:allow` is about the address ::1, and `2001:db8::deny` about all that begin with `2001:db8:`.
Addresses are compared as text, in the form that tcpserver puts into TCPREMOTEIP; a whole IPv6 address is
turned into that form here. IPv4 clients of an IPv6 socket are IPv4 clients to rules.

A rule that allows can limit the connections of those whom it is for: see MAXCONNIP in tcpserver's manual.

On an error rules.tmp is left as far as it was written, and rules.cdb as it was.
"""

import os

from pysvc.formats import cdb, tcprules
from pysvc.unix import files
from pysvc.unix.strerr import PERMANENT, Fatal, unable_to, usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def main(argv: list[str]) -> int:
    if len(argv) < 3:
        raise usage(__doc__)
    path, temporary = argv[1], argv[2]
    with unable_to(f"create {temporary}"):
        out = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    records = [record for line in _lines() for record in _records(line)]
    with unable_to(f"write to {temporary}"):
        files.write_all(out, _database(records))
        os.fsync(out)
        os.close(out)
    with unable_to(f"move {temporary} to {path}"):
        os.rename(temporary, path)
        files.sync_directory(os.path.dirname(path) or ".")
    return 0


def _lines() -> "Iterator[bytes]":
    """The lines of standard input, the last one also where it does not end in LF."""
    rest = b""
    blocks = files.blocks(0)
    while True:
        with unable_to("read input"):
            block = next(blocks, b"")
        if not block:
            break
        *lines, rest = (rest + block).split(b"\n")
        yield from lines
    yield rest


def _records(line: bytes) -> list[tuple[bytes, bytes]]:
    try:
        return tcprules.records(line)
    except tcprules.Malformed:
        shown = os.fsdecode(line.rstrip(b" \t"))
        raise Fatal(f"unable to parse this line: {shown}", PERMANENT) from None


def _database(records: list[tuple[bytes, bytes]]) -> bytes:
    try:
        return cdb.build(records)
    except OverflowError:
        raise MemoryError from None  # positions beyond 4 GB: `out of memory`, as the original says
