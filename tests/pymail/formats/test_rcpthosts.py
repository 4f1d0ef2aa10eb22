"""Which recipient domains are accepted; the dialogs hold the rest"""

from pymail.formats.rcpthosts import RecipientHosts, suffixes


def test_suffixes() -> None:
    assert suffixes(b"a.b.c") == [b"a.b.c", b".b.c", b".c"]
    assert suffixes(b".a.") == [b".a.", b"."]


class Database:
    """A look-up that remembers what it was asked."""

    def __init__(self, *keys: bytes) -> None:
        self.keys = keys
        self.asked: list[bytes] = []

    def find(self, key: bytes) -> bytes | None:
        self.asked.append(key)
        return b"" if key in self.keys else None


def test_the_database_is_asked_last_and_in_lower_case() -> None:
    database = Database(b".c.example")
    hosts = RecipientHosts(frozenset([b"a.example"]), database)
    assert hosts.allow(b"x@A.Example")
    assert database.asked == []
    assert hosts.allow(b"x@B.C.Example")
    assert database.asked == [b"b.c.example", b".c.example"]
    assert not hosts.allow(b"x@d.example")
