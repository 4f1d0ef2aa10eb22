"""From passwd to users/assign: the rules of qmail-pw2u

Source: qmail-pw2u manual.
"""

from pysvc.formats.number import scan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

ALIAS = b"alias"
COLONS = 6  # of a line of passwd, at least


class Unknown(Exception):
    """An account that must be there is missing; the message says which."""


class Account:
    """A line of passwd; uid and gid as they are written there."""

    __slots__ = ("gid", "home", "name", "uid")

    def __init__(self, name: bytes, uid: bytes, gid: bytes, home: bytes) -> None:
        self.name, self.uid, self.gid, self.home = name, uid, gid, home

    @property
    def number(self) -> int:
        """The uid; 0 for one without digits, too."""
        return scan(self.uid)[0]

    def fields(self) -> bytes:
        return b":%b:%b:%b:%b:" % (self.name, self.uid, self.gid, self.home)


def parse(line: bytes) -> Account | None:
    """The account in a line of passwd, None for a line that is none."""
    fields = line.split(b":", COLONS)
    if len(fields) <= COLONS or b"\0" in line:
        return None
    name, _, uid, gid, _, home, _ = fields
    return Account(name, uid, gid, home)


class Rules:
    """What the options and the files in users say.

    separator: between a name and its extensions, b"" for no extensions. dash: of the dot-qmail files.
    include (None: everybody), exclude: names in lower case. names: the mail names of accounts, in place of
    their own, by the name in lower case.
    """

    __slots__ = ("dash", "exclude", "include", "names", "separator", "uppercase")

    def __init__(self) -> None:
        self.separator, self.dash, self.uppercase = b"-", b"-", False
        self.include: frozenset[bytes] | None = None
        self.exclude: frozenset[bytes] = frozenset()
        self.names: dict[bytes, bytes] = {}

    def accept(self, account: Account) -> bool:
        """Whether an account gets mail, as far as its name and uid tell."""
        name = account.name.lower()
        return (
            account.number != 0
            and (self.uppercase or name == account.name)
            and (self.include is None or name in self.include)
            and name not in self.exclude
        )

    def lines(self, account: Account) -> "Iterator[bytes]":
        """The lines of users/assign for an account."""
        fields = account.fields()
        if account.name == ALIAS:
            yield b"+%b%b::\n" % (fields, self.dash)
        for name in self.names.get(account.name.lower(), account.name).split(b":"):
            if name:
                yield b"=%b%b::\n" % (name, fields)
                if self.separator:
                    yield b"+%b%b%b%b::\n" % (name, self.separator, fields, self.dash)

    def subuser(self, line: bytes, accounts: dict[bytes, Account]) -> "Iterator[bytes]":
        """The lines for one of users/subusers, `sub:user:pre:`; accounts: by name in lower case.

        Raises Unknown.
        """
        sub, *fields = line.split(b":", 3)
        if len(fields) < 3:
            return
        user, pre, _ = fields
        account = accounts.get(user.lower())
        if account is None:
            raise Unknown(b"unable to find %b user for subuser" % user)
        fields_of = account.fields()
        yield b"=%b%b%b:%b:\n" % (sub, fields_of, self.dash, pre)
        if self.separator:
            yield b"+%b%b%b%b:%b-:\n" % (sub, self.separator, fields_of, self.dash, pre)
