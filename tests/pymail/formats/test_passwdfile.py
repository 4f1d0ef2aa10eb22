"""Password files of virtual mailboxes, and names in Maildirs"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymail.formats import maildir, passwdfile

JOE = b"joe@x:{sha512-crypt}$6$a$b:5000:5001::/m/joe:/bin/false:userdb_mail=a:b"
FILE = b"# comment\n\n" + JOE + b"\njane@x:plain\nbad\n"


def test_parse() -> None:
    joe, jane = passwdfile.parse(FILE)
    assert (joe.user, joe.scheme, joe.hash) == (b"joe@x", b"SHA512-CRYPT", b"$6$a$b")
    assert (joe.uid, joe.gid) == (5000, 5001)
    assert (joe.gecos, joe.home, joe.shell, joe.extra) == (b"", b"/m/joe", b"/bin/false", b"userdb_mail=a:b")
    assert (jane.user, jane.scheme, jane.hash, jane.uid, jane.home) == (b"jane@x", b"", b"plain", None, b"")


def test_line() -> None:
    entry = passwdfile.parse_line(JOE)
    assert entry is not None
    assert entry.line() == JOE.replace(b"sha512-crypt", b"SHA512-CRYPT") + b"\n"


@pytest.mark.parametrize(
    ("user", "found"), [(b"joe@x", True), (b"joe@", False), (b"joe@x:", False), (b"# comment", False)]
)
def test_find(user: bytes, found: bool) -> None:
    assert (passwdfile.find(FILE, user) is not None) == found


@pytest.mark.parametrize(
    ("content", "line", "after"),
    [
        (b"", b"a:1\n", b"a:1\n"),
        (b"b:2", b"a:1\n", b"b:2\na:1\n"),
        (b"a:0\nb:2\na:3\n", b"a:1\n", b"a:1\nb:2\n"),
        (b"# a:\na:0\nb:2\n", b"", b"# a:\nb:2\n"),
        (b"b:2\n", b"", b"b:2\n"),
    ],
)
def test_changed(content: bytes, line: bytes, after: bytes) -> None:
    assert passwdfile.changed(content, b"a", line) == after


def test_maildir_names() -> None:
    assert maildir.unique(b"1.2.host") == maildir.unique(b"1.2.host:2,FS") == b"1.2.host"
    assert maildir.seen_by_server(b"1.2.host") == b"1.2.host:2,"
    assert maildir.flags(b"1.2.host:2,FS") == b"FS"
    assert maildir.flags(b"1.2.host") == maildir.flags(b"x:1,e") == b""
    assert maildir.hidden(b".x")
    assert not maildir.hidden(b"x.")


CONTENT = st.lists(st.sampled_from([b"a", b"b", b":", b"\n", b"#", b"{PLAIN}", b"1", b"\r"])).map(b"".join)


@given(CONTENT, st.binary(max_size=4))
def test_whoever_is_found_has_that_name(content: bytes, login: bytes) -> None:
    """A log-in name is a stranger's: it may hold colons and line ends."""
    for name in (login, b"a", b"a:b", b"a\nb", b""):
        entry = passwdfile.find(content, name)
        if entry is not None:
            assert entry.user == name != b""
            assert any(other.line() == entry.line() for other in passwdfile.parse(content))


@given(CONTENT.map(lambda text: text.replace(b"\r", b"")))
def test_a_change_concerns_one_user(content: bytes) -> None:
    before = passwdfile.parse(content)
    after = passwdfile.parse(passwdfile.changed(content, b"a", b"a:{PLAIN}new\n"))
    assert [one.line() for one in after if one.user != b"a"] == [
        one.line() for one in before if one.user != b"a"
    ]
    assert [one.hash for one in after if one.user == b"a"] == [b"new"]
