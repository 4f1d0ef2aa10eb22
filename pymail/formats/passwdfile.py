"""Password files of virtual mailboxes: one line each, as Dovecot reads and writes them

    user:{SCHEME}hash:uid:gid:gecos:home:shell:extra

Fields at the end may be missing; empty lines and lines that begin with `#` are nobody's.
Source: Dovecot's documentation of its passwd-file database.
"""

from pysvc.formats.number import scan

FIELDS = 8
# Schemes whose hash is for crypt(); Dovecot's names for its kinds.
CRYPT_SCHEMES = frozenset(
    (b"", b"CRYPT", b"SHA512-CRYPT", b"SHA256-CRYPT", b"MD5-CRYPT", b"BLF-CRYPT", b"DES-CRYPT")
)
PLAIN_SCHEMES = frozenset((b"PLAIN", b"CLEARTEXT"))


class Entry:
    """One mailbox; `scheme` is b"" where none is named; uid and gid are None where the fields are empty."""

    __slots__ = ("extra", "gecos", "gid", "hash", "home", "scheme", "shell", "uid", "user")

    def __init__(
        self,
        user: bytes,
        *,
        scheme: bytes = b"",
        hash: bytes = b"",
        uid: int | None = None,
        gid: int | None = None,
        gecos: bytes = b"",
        home: bytes = b"",
        shell: bytes = b"",
        extra: bytes = b"",
    ) -> None:
        self.user, self.scheme, self.hash = user, scheme, hash
        self.uid, self.gid, self.gecos = uid, gid, gecos
        self.home, self.shell, self.extra = home, shell, extra

    def line(self) -> bytes:
        """The entry as it stands in the file."""
        password = b"{%s}%s" % (self.scheme, self.hash) if self.scheme else self.hash
        fields = (self.user, password, _id(self.uid), _id(self.gid), self.gecos, self.home, self.shell)
        return b":".join((*fields, self.extra)) + b"\n"


def _id(number: int | None) -> bytes:
    return b"" if number is None else b"%d" % number


def parse_line(line: bytes) -> Entry | None:
    """The entry of a line without its end; None for a line that is no entry."""
    fields = line.split(b":", FIELDS - 1)
    if not fields[0] or line.startswith(b"#") or len(fields) < 2:
        return None
    fields += [b""] * (FIELDS - len(fields))
    scheme, stored = b"", fields[1]
    if stored.startswith(b"{") and b"}" in stored:
        scheme, _, stored = stored[1:].partition(b"}")
    return Entry(
        fields[0], scheme=scheme.upper(), hash=stored, uid=_number(fields[2]), gid=_number(fields[3]),
        gecos=fields[4], home=fields[5], shell=fields[6], extra=fields[7],
    )  # fmt: skip


def _number(field: bytes) -> int | None:
    return scan(field)[0] if field.isdigit() else None


def parse(content: bytes) -> list[Entry]:
    """The entries of a file, in its order."""
    return [entry for entry in map(parse_line, content.split(b"\n")) if entry is not None]


def find(content: bytes, user: bytes) -> Entry | None:
    """The first entry of a user; names are compared exactly."""
    start = user + b":"
    for line in content.split(b"\n"):
        entry = parse_line(line) if line.startswith(start) else None
        if entry is not None and entry.user == user:  # a name with a colon is nobody's
            return entry
    return None


def changed(content: bytes, user: bytes, line: bytes) -> bytes:
    """The file with the user's line replaced, or added at its end; b"" removes it. Other lines stay."""
    lines = content.splitlines(keepends=True)
    start = user + b":"
    kept = [other if other.endswith(b"\n") else other + b"\n" for other in lines]
    places = [number for number, other in enumerate(kept) if other.startswith(start)]
    if not places:
        return b"".join([*kept, line])
    kept[places[0]] = line
    return b"".join(other for number, other in enumerate(kept) if number not in places[1:])
