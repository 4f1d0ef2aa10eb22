"""Virtual mailboxes: what add, passwd and remove leave on disk, and that others read it so"""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pymail.formats import assign
from pymail.unix import passwords, users
from pymail.unix.mailboxes import NO_ACCOUNT, Mailboxes, checked
from pysvc.unix.strerr import Fatal
from tests.support.homes import GROUP_IDS, USER_IDS, Rooted, private_home, rooted_home
from tests.support.world import TESTER, Place


class Owner:
    """A private home, and actions on its mailboxes in a child that is its owner, as in real life."""

    def __init__(self, place: Place) -> None:
        self.home = private_home(place)
        self.control("me", "host.test\n")
        self.control("rcpthosts", "host.test\n")

    def control(self, name: str, content: str) -> None:
        path = Path(self.home.file("control", name))
        path.write_text(content)
        os.chown(path, self.home.owner, self.home.gid("qmail"))

    def read(self, *parts: str) -> str:
        return Path(self.home.file(*parts)).read_text()

    def do(self, action: Callable[[Mailboxes], object]) -> str:
        """What action(mailboxes) returned, or the text of its Fatal."""
        reader, writer = os.pipe()
        pid = os.fork()
        if not pid:
            try:
                if os.geteuid() == 0:
                    os.setgroups([])
                    os.setgid(self.home.gid("qmail"))
                    os.setuid(TESTER)
                os.write(writer, str(action(Mailboxes(self.home))).encode())
            except Fatal as fatal:
                os.write(writer, b"fatal: " + fatal.text.encode())
            finally:
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            said = pipe.read().decode()
        os.waitpid(pid, 0)
        return said

    def add(self, address: bytes, password: bytes = b"secret") -> str:
        return self.do(lambda mailboxes: mailboxes.add(address, password))

    def delivered_to(self, local: bytes) -> tuple[bytes, bytes, bytes] | None:
        """Home directory, dash and extension for a local part, as qmail-lspawn finds them."""
        found = users.from_database(self.home, local)
        return None if found is None else (found.home, found.dash, found.ext)

    def accepts(self, login: bytes, password: bytes = b"secret") -> bool:
        return passwords.verify(self.home, login, password) is not None


@pytest.fixture
def owner(place: Place) -> Owner:
    return Owner(place)


def test_add(owner: Owner) -> None:
    folder = owner.home.file("mailboxes/x.test/joe")
    assert owner.add(b"Joe@X.test") == f"{folder}/Maildir"
    assert sorted(os.listdir(f"{folder}/Maildir")) == ["cur", "new", "tmp"]
    assert Path(folder, ".qmail").read_bytes() == b"./Maildir/\n"
    for path in (folder, f"{folder}/Maildir"):
        found = os.stat(path)
        assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (owner.home.owner, 0o700)
    assert stat.S_IMODE(os.stat(owner.home.file("users/passwd")).st_mode) == 0o600
    assert owner.read("control/virtualdomains") == "x.test:x.test\n"
    assert owner.read("control/rcpthosts") == "host.test\nx.test\n"
    assert owner.delivered_to(b"x.test-joe") == (os.fsencode(folder), b"", b"")
    assert owner.delivered_to(b"x.test-joe-Ext") == (os.fsencode(folder), b"-", b"Ext")
    assert owner.delivered_to(b"x.test-joey") is None
    assert owner.accepts(b"joe@x.test")
    assert not owner.accepts(b"joe@x.test", b"Secret")


def test_assign_and_database_agree(owner: Owner) -> None:
    for address in (b"a@x.test", b"b@x.test", b"c@host.test"):
        owner.add(address)
    entries = assign.parse(owner.read("users/assign").encode())
    assert [entry.name for entry in entries] == [
        b"x.test-a", b"x.test-a-", b"x.test-b", b"x.test-b-", b"c", b"c-",
    ]  # fmt: skip
    for entry in entries:
        if not entry.wildcard:
            assert owner.delivered_to(entry.name) is not None


def test_domain_in_locals(owner: Owner) -> None:
    """The host's own domain is local without a control/locals, and not virtual."""
    owner.add(b"joe@host.test")
    assert owner.delivered_to(b"joe") == (os.fsencode(owner.home.file("mailboxes/host.test/joe")), b"", b"")
    assert not os.path.exists(owner.home.file("control/virtualdomains"))
    assert owner.accepts(b"joe")


def test_empty_locals(owner: Owner) -> None:
    owner.control("locals", "")
    owner.add(b"joe@host.test")
    assert owner.read("control/virtualdomains") == "host.test:host.test\n"


def test_what_others_wrote_stays(owner: Owner) -> None:
    Path(owner.home.file("users/assign")).write_text("=fred:fred:5:5:/f:::\n.\n")
    owner.control("virtualdomains", "y.test:yy\n# mine\nx.test:x.test")
    Path(owner.home.file("users/passwd")).write_text("# mine\nfred:{PLAIN}x:::::\n")
    for name in ("assign", "passwd"):
        os.chown(owner.home.file("users", name), owner.home.owner, -1)
    owner.add(b"joe@x.test")
    assert owner.read("users/assign").startswith("=fred:fred:5:5:/f:::\n=x.test-joe:")
    assert owner.read("control/virtualdomains") == "y.test:yy\n# mine\nx.test:x.test"
    assert owner.read("users/passwd").startswith("# mine\nfred:{PLAIN}x:::::\njoe@x.test:{SHA512-CRYPT}$6$")
    owner.do(lambda mailboxes: mailboxes.remove(b"joe@x.test"))
    assert owner.read("users/assign") == "=fred:fred:5:5:/f:::\n.\n"
    assert owner.read("control/virtualdomains") == "y.test:yy\n# mine\n"
    assert owner.read("users/passwd") == "# mine\nfred:{PLAIN}x:::::\n"


def test_no_rcpthosts_is_not_made(owner: Owner) -> None:
    """Without the file everything is accepted; an empty one would accept nothing."""
    os.unlink(owner.home.file("control/rcpthosts"))
    owner.add(b"joe@x.test")
    owner.do(lambda mailboxes: mailboxes.remove(b"joe@x.test"))
    assert not os.path.exists(owner.home.file("control/rcpthosts"))


def test_refused(owner: Owner) -> None:
    owner.add(b"joe@x.test")
    assert "there already" in owner.add(b"JOE@x.test")
    owner.control("virtualdomains", "z.test:zz\n")
    assert "elsewhere" in owner.add(b"joe@z.test")
    assert "somebody else" in _assigned_elsewhere(owner)
    for password in (b"", b"a\nb", b"a\0b", b"\xff"):
        assert "password" in owner.add(b"jane@x.test", password)
    unknown = "fatal: unable to find mailbox no@x"
    assert owner.do(lambda mailboxes: mailboxes.set_password(b"no@x", b"new")) == unknown
    assert owner.do(lambda mailboxes: mailboxes.remove(b"no@x")) == unknown


def _assigned_elsewhere(owner: Owner) -> str:
    path = Path(owner.home.file("users/assign"))
    path.write_text("=y.test-joe:fred:5:5:/f:::\n.\n")
    return owner.add(b"joe@y.test")


@pytest.mark.parametrize(
    "address",
    [b"joe", b"@x", b"joe@", b"a/b@x", b"a:b@x", b".a@x", b"a@.x", b"a@x..y", b"a@x/y", b"a b@x", b"a@b@c\0",
     b"-a@x", b"a@x.", b"\xe9@x", b"a\n@x", b"a@..", b"x" * 300 + b"@x"],
)  # fmt: skip
def test_addresses_that_cannot_be(address: bytes) -> None:
    with pytest.raises(Fatal, match="as an address"):
        checked(address)


def test_addresses(owner: Owner) -> None:
    assert owner.do(lambda mailboxes: mailboxes.addresses()) == "[]"
    for address in (b"b@x.test", b"a@y.test", b"a+x@x.test"):
        owner.add(address)
    assert owner.do(lambda mailboxes: mailboxes.addresses()) == "[b'a+x@x.test', b'a@y.test', b'b@x.test']"


def test_set_password(owner: Owner) -> None:
    owner.add(b"joe@x.test")
    before = owner.read("users/passwd").split(":")
    owner.do(lambda mailboxes: mailboxes.set_password(b"Joe@x.test", b"other"))
    assert not owner.accepts(b"joe@x.test")
    assert owner.accepts(b"joe@x.test", b"other")
    after = owner.read("users/passwd").split(":")
    assert (before[0], before[2:]) == (after[0], after[2:])


def test_remove(owner: Owner) -> None:
    """Nobody gets at the mail, not even a later mailbox of the same name; it is not destroyed."""
    folder = owner.add(b"joe@x.test")
    owner.add(b"jane@x.test")
    Path(folder, "new/mail").write_text("x")
    moved = owner.do(lambda mailboxes: mailboxes.remove(b"joe@x.test"))
    assert Path(moved, "Maildir/new/mail").read_text() == "x"
    assert not owner.accepts(b"joe@x.test")
    assert owner.delivered_to(b"x.test-joe") is None
    assert owner.delivered_to(b"x.test-joe-ext") is None
    assert owner.delivered_to(b"x.test-jane") is not None
    assert owner.read("control/virtualdomains") == "x.test:x.test\n"
    assert os.listdir(os.path.join(owner.add(b"joe@x.test"), "new")) == []


def test_last_mailbox_of_a_domain(owner: Owner) -> None:
    owner.add(b"joe@x.test")
    owner.do(lambda mailboxes: mailboxes.remove(b"joe@x.test"))
    assert owner.read("control/virtualdomains") == ""
    assert owner.read("control/rcpthosts") == "host.test\n"


def test_domain_that_alias_uses_too(owner: Owner) -> None:
    Path(owner.home.file("alias/.qmail-x:test-default")).write_text("")
    owner.add(b"joe@x.test")
    owner.do(lambda mailboxes: mailboxes.remove(b"joe@x.test"))
    assert owner.read("control/virtualdomains") == "x.test:x.test\n"


def test_add_that_was_cut_short(owner: Owner) -> None:
    owner.add(b"joe@x.test")
    os.unlink(owner.home.file("users/passwd"))
    before = owner.read("users/assign")
    owner.add(b"joe@x.test")
    assert owner.read("users/assign") == before
    assert owner.accepts(b"joe@x.test")


def test_qmail_send_is_told(owner: Owner) -> None:
    control = Path(owner.home.file("supervise/qmail-send/supervise/control"))
    control.parent.mkdir(parents=True)
    os.mkfifo(control)
    control.chmod(0o666)
    reader = os.open(control, os.O_RDONLY | os.O_NONBLOCK)
    owner.add(b"joe@x.test")
    assert os.read(reader, 10) == b"h"
    owner.add(b"jane@x.test")
    assert os.read(reader, 10) == b""
    os.close(reader)


@pytest.fixture
def rooted(place: Place) -> Iterator[Rooted]:
    with rooted_home(place) as made:
        (made.home / "control/me").write_text("host.test\n")
        yield made


ACT = """
from pymail.unix.home import Home
from pymail.unix.mailboxes import Mailboxes
from pysvc.unix.strerr import Fatal
try:
    print(Mailboxes(Home("/var/qmail")).add(b"%s", b"secret"))
except Fatal as fatal:
    print("fatal:", fatal.text)
"""


@pytest.mark.root
def test_home_of_root(rooted: Rooted) -> None:
    """The mailbox belongs to vmail, the password file to root alone."""
    folder = "/var/homes/vmail/x.test/joe/Maildir"
    assert rooted.python(ACT % "joe@x.test").decode() == f"{folder}\n"
    for path in (folder, os.path.dirname(folder), os.path.dirname(os.path.dirname(folder))):
        found = os.stat(f"{rooted.root}{path}")
        assert (found.st_uid, found.st_gid) == (USER_IDS["vmail"], GROUP_IDS["vmail"])
    passwd = os.stat(rooted.home / "users/passwd")
    assert (passwd.st_uid, stat.S_IMODE(passwd.st_mode)) == (0, 0o600)
    assert stat.S_IMODE(os.stat(rooted.home / "users/cdb").st_mode) == 0o644


@pytest.mark.root
def test_account_is_not_hidden(rooted: Rooted) -> None:
    assert "the machine has an account" in rooted.python(ACT % "joe@host.test").decode()
    assert rooted.python(ACT % "jane@host.test").startswith(b"/var/homes/vmail/host.test/jane/")


@pytest.mark.root
def test_no_vmail(rooted: Rooted) -> None:
    accounts = rooted.root / "etc/passwd"
    accounts.write_text(accounts.read_text().replace("vmail:", "other:"))
    assert rooted.python(ACT % "joe@x.test").decode() == f"fatal: {NO_ACCOUNT}\n"
