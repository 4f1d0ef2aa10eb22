"""users/assign and users/cdb: which account a local part belongs to

    =local:user:uid:gid:home:dash:ext:      exactly this local part
    +prefix:user:uid:gid:home:dash:pre:     every local part that begins so; the rest is appended to pre
    .

In the database an exact key is `!`, the local part in lower case and NUL; that of a prefix has no NUL.
The record with the empty key lists the last bytes of all prefixes, so that a search tries few of them.
Source: qmail-users manual; qmail-newu.c, qmail-lspawn.c.
"""

from pysvc.formats.cdb import Malformed
from pysvc.formats.number import scan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Records(Protocol):
        """A constant database."""

        def find(self, key: bytes) -> bytes | None: ...


FIELDS = 6              # user, uid, gid, home, dash, ext
HIGHEST_ID = 2**32 - 2  # the id after it stands for "leave it as it is" in setresuid


class BadFormat(Exception):
    """A text that is no users/assign, or a record without the six fields."""


class Entry:
    """One line: whether `name` is a prefix, and the six fields as written."""

    __slots__ = ("fields", "name", "wildcard")

    def __init__(self, wildcard: bool, name: bytes, fields: "tuple[bytes, ...]") -> None:
        self.wildcard, self.name, self.fields = wildcard, name, fields

    def key(self) -> bytes:
        return b"!" + self.name.lower() + (b"" if self.wildcard else b"\0")

    def line(self) -> bytes:
        """The entry as it stands in users/assign."""
        return (b"+" if self.wildcard else b"=") + b":".join((self.name, *self.fields)) + b":\n"


class Assignment:
    """Who takes the mail for a local part, and the dot-qmail name (dash, ext) in that account's home."""

    __slots__ = ("dash", "ext", "gid", "home", "uid", "user")

    def __init__(  # noqa: PLR0917  the fields in their order on disk
        self, user: bytes, uid: int, gid: int, home: bytes, dash: bytes, ext: bytes
    ) -> None:
        self.user, self.uid, self.gid = user, uid, gid
        self.home, self.dash, self.ext = home, dash, ext

    def pack(self) -> bytes:
        """The six fields, each ended by NUL: what qmail-getpw prints."""
        fields = (self.user, b"%d" % self.uid, b"%d" % self.gid, self.home, self.dash, self.ext)
        return b"\0".join((*fields, b""))


def unpack(data: bytes) -> Assignment:
    """The assignment in six fields, each ended by NUL. Raises BadFormat.

    An id without digits is 0, which nobody delivers as.
    """
    fields = data.split(b"\0")
    if len(fields) <= FIELDS:
        raise BadFormat("fewer than six fields")
    uid, gid = scan(fields[1])[0], scan(fields[2])[0]
    if max(uid, gid) > HIGHEST_ID:
        raise BadFormat("no such id")
    return Assignment(fields[0], uid, gid, *fields[3:FIELDS])


def parse(text: bytes) -> list[Entry]:
    """The entries of a users/assign. Raises BadFormat.

    There are no comments and no empty lines, and the line that begins with a dot must be there.
    """
    entries: list[Entry] = []
    for line in text.split(b"\n")[:-1]:
        if line.startswith(b"."):
            return entries
        entries.append(_entry(line))
    if text.rpartition(b"\n")[2].startswith(b"."):
        return entries
    raise BadFormat("no last line with a dot")


def _entry(line: bytes) -> Entry:
    head, *fields = line.split(b":", FIELDS + 1)
    if not head or len(fields) <= FIELDS or b"\0" in line:
        raise BadFormat(line)
    return Entry(head.startswith(b"+"), head[1:], tuple(fields[:FIELDS]))


def render(entries: list[Entry]) -> bytes:
    """A whole users/assign."""
    return b"".join(entry.line() for entry in entries) + b".\n"


def records(entries: list[Entry]) -> list[tuple[bytes, bytes]]:
    """The records of users/cdb, in the order of the entries; the one with the empty key last."""
    found = [(entry.key(), b"\0".join(entry.fields)) for entry in entries]
    ends = dict.fromkeys(entry.name[-1:] for entry in entries if entry.wildcard)
    return [*found, (b"", b"".join(ends))]


def find(reader: "Records", local: bytes) -> Assignment | None:
    """Whom users/cdb assigns a local part to; None if to nobody.

    The exact key first, then prefixes from the longest on. Raises Malformed for a damaged database
    or one without the list of prefix ends, BadFormat for a record that lacks fields.
    """
    ends = reader.find(b"")
    if ends is None:
        raise Malformed
    key = b"!" + local.lower()
    data = reader.find(key + b"\0")
    if data is not None:
        return unpack(data + b"\0")
    for size in range(len(local), -1, -1):
        if size and key[size] not in ends:
            continue
        data = reader.find(key[: size + 1])
        if data is not None:
            return unpack(data + local[size:] + b"\0")
    return None
