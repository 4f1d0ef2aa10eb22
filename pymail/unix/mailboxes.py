"""Virtual mailboxes: addresses with a password and a Maildir, but without an account

A mailbox is a line of users/passwd, by which it logs in, and lines of users/assign (compiled into
users/cdb), by which qmail-lspawn delivers to it. Its domain is in control/locals, or else in
control/virtualdomains, where `domain:domain` turns joe@domain into the local part domain-joe. All of a
home's mailboxes belong to one account: vmail, or in a private instance the owner.
"""

import os
import time

from pymail.formats import assign, passwdfile
from pymail.unix import passwords
from pymail.unix.domains import Domains
from pymail.unix.home import Home
from pysvc import launch
from pysvc.formats import cdb
from pysvc.unix import ids, lock
from pysvc.unix.files import read_file, replace
from pysvc.unix.strerr import PERMANENT, Fatal, unable_to

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

ACCOUNT = "vmail"
NO_ACCOUNT = (
    f"unable to find user {ACCOUNT}, which mailboxes belong to; make it with: "
    f"groupadd {ACCOUNT} && useradd -m -g {ACCOUNT} -s /usr/sbin/nologin {ACCOUNT}"
)
SCHEME = b"SHA512-CRYPT"
SHELL = b"/bin/false"
DELIVERY = b"./Maildir/\n"  # the mailbox's .qmail: whatever the default delivery is
LONGEST = 200               # bytes of an address
_BOX = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-=?^_`{|}~.")
_DOMAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-.")


class Mailboxes:
    """The mailboxes of one home. Every method raises Fatal where something cannot be done."""

    __slots__ = ("_domains", "_gid", "_home", "_root", "_uid")

    def __init__(self, home: Home) -> None:
        """Root becomes the owner of a private instance, so that nothing in it becomes root's."""
        self._home, self._domains = home, Domains(home)
        if home.private:
            self._uid, self._gid = home.owner, home.gid("qmail")
            self._root = home.file("mailboxes")
            if not os.geteuid():
                ids.become(self._uid, self._gid)
        else:
            self._uid, self._gid, self._root = _vmail()

    def addresses(self) -> list[bytes]:
        """The addresses, sorted."""
        with unable_to("read users/passwd"):
            return sorted(entry.user for entry in passwdfile.parse(self._read("users", "passwd")))

    def add(self, address: bytes, password: bytes) -> str:
        """Make a mailbox; the path of its Maildir."""
        box, domain = checked(address)
        _checked_password(password)
        held = self._lock()
        try:
            address = box + b"@" + domain
            if self._entry(address) is not None:
                raise Fatal(f"unable to add {_text(address)}: it is there already", PERMANENT)
            local = self._domains.serve(domain)
            self._not_hiding_an_account(box, local)
            folder = f"{self._root}/{_text(domain)}/{_text(box)}"
            self._as_owner(lambda: _make(self._root, folder), f"make {folder}")
            self._assign(_key(box, domain, local), folder)
            self._write_password(address, password, folder)
        finally:
            os.close(held)
        return f"{folder}/Maildir"

    def set_password(self, address: bytes, password: bytes) -> None:
        """Give a mailbox another password."""
        _checked_password(password)
        held = self._lock()
        try:
            entry = self._known(address)
            self._write_password(entry.user, password, _text(entry.home), entry)
        finally:
            os.close(held)

    def remove(self, address: bytes) -> str:
        """Take a mailbox away; the path that its mail lies at from now on, out of anybody's reach."""
        held = self._lock()
        try:
            entry = self._known(address)
            box, domain = checked(entry.user)
            self._write_passwd(entry.user, b"")
            keys = {_key(box, domain, local) for local in (True, False)}
            self._write_assign(_others(self._assigned(), keys, entry.home))
            if not any(other.endswith(b"@" + domain) for other in self.addresses()):
                self._domains.stop_serving(domain)
            old = _text(entry.home)
            new = f"{os.path.dirname(old)}/.{os.path.basename(old)}.removed.{int(time.time())}"
            self._as_owner(lambda: _rename(old, new), f"move {old}")
        finally:
            os.close(held)
        return new

    def _entry(self, address: bytes) -> passwdfile.Entry | None:
        with unable_to("read users/passwd"):
            return passwdfile.find(self._read("users", "passwd"), address)

    def _known(self, address: bytes) -> passwdfile.Entry:
        entry = self._entry(address.lower())
        if entry is None:
            raise Fatal(f"unable to find mailbox {_text(address)}", PERMANENT)
        return entry

    def _write_password(
        self, address: bytes, password: bytes, folder: str, old: passwdfile.Entry | None = None
    ) -> None:
        entry = old or passwdfile.Entry(
            address, uid=self._uid, gid=self._gid, home=os.fsencode(folder), shell=SHELL
        )
        with unable_to("hash the password"):
            entry.scheme, entry.hash = SCHEME, passwords.hashed(password)
        self._write_passwd(address, entry.line())

    def _write_passwd(self, address: bytes, line: bytes) -> None:
        with unable_to("write users/passwd"):
            content = passwdfile.changed(self._read("users", "passwd"), address, line)
            replace(self._home.file("users", "passwd"), content, 0o600)

    def _assign(self, key: bytes, folder: str) -> None:
        """Two entries: for the address itself, and for its extensions. Those of an add() cut short go."""
        home = os.fsencode(folder)
        fields = (ACCOUNT.encode(), b"%d" % self._uid, b"%d" % self._gid, home)
        new = [
            assign.Entry(False, key, (*fields, b"", b"")),
            assign.Entry(True, key + b"-", (*fields, b"-", b"")),
        ]
        kept = _others(self._assigned(), {key}, home)
        if any(entry.key() == new[0].key() for entry in kept):
            raise Fatal(f"unable to assign {_text(key)}: users/assign gives it to somebody else", PERMANENT)
        self._write_assign([*kept, *new])

    def _assigned(self) -> list[assign.Entry]:
        try:
            with unable_to("read users/assign"):
                content = self._read("users", "assign")
            return assign.parse(content) if content else []
        except assign.BadFormat:
            raise Fatal("unable to read users/assign: bad format") from None

    def _write_assign(self, entries: list[assign.Entry]) -> None:
        """The database first: what it says is what happens."""
        with unable_to("write users/cdb"):
            replace(self._home.file("users", "cdb"), cdb.build(assign.records(entries)))
        with unable_to("write users/assign"):
            replace(self._home.file("users", "assign"), assign.render(entries))

    def _not_hiding_an_account(self, box: bytes, local: bool) -> None:
        """In a local domain an account of the machine keeps its mail."""
        if not local or self._home.private:
            return
        try:
            ids.account(_text(box))
        except Fatal:
            return
        raise Fatal(f"unable to add {_text(box)}: the machine has an account of this name", PERMANENT)

    def _read(self, *parts: str) -> bytes:
        try:
            return read_file(self._home.file(*parts))
        except FileNotFoundError:
            return b""

    def _lock(self) -> int:
        with unable_to("lock users/lock"):
            fd = lock.open_lock(self._home.file("users", "lock"))
            lock.lock(fd)
        return fd

    def _as_owner(self, action: "Callable[[], None]", doing: str) -> None:
        """Do something below the mailboxes as the one they belong to: root trusts nothing there."""

        def body() -> int:
            os.umask(0o077)
            if not os.geteuid():
                ids.become(self._uid, self._gid)
            with unable_to(doing):
                action()
            return 0

        with unable_to("fork"):
            pid = launch.fork("pymail", body)
        if os.waitpid(pid, 0)[1]:
            raise Fatal("", 111)  # the child has said why


def _vmail() -> tuple[int, int, str]:
    """(uid, gid, home directory) of the account that mailboxes belong to."""
    try:
        entry = ids.account(ACCOUNT)
    except Fatal:
        raise Fatal(NO_ACCOUNT) from None
    if not entry.pw_uid:
        raise Fatal(f"unable to use {ACCOUNT}: it is root")
    return entry.pw_uid, entry.pw_gid, entry.pw_dir


def _key(box: bytes, domain: bytes, local: bool) -> bytes:
    """The local part under which qmail-lspawn gets mail for an address."""
    return box if local else domain + b"-" + box


def _others(entries: list[assign.Entry], keys: set[bytes], home: bytes) -> list[assign.Entry]:
    """The entries but those that lead mail for these keys, and for their extensions, to a mailbox."""
    names = keys | {key + b"-" for key in keys}
    return [entry for entry in entries if entry.name not in names or entry.fields[3] != home]


def checked(address: bytes) -> tuple[bytes, bytes]:
    """(box, domain) of an address in lower case, if a mailbox can be named so. Fatal if not."""
    box, at, domain = address.lower().rpartition(b"@")
    good = (
        at and box and domain and len(address) <= LONGEST
        and not box.startswith((b".", b"-")) and not domain.startswith((b".", b"-"))
        and not domain.endswith(b".") and b".." not in domain
        and _BOX.issuperset(box) and _DOMAIN.issuperset(domain)
    )  # fmt: skip
    if not good:
        raise Fatal(f"unable to use {_text(address)!r} as an address", PERMANENT)
    return box, domain


def _checked_password(password: bytes) -> None:
    if not password or not passwords.is_utf8(password) or any(byte in password for byte in b"\0\r\n"):
        raise Fatal("unable to use this password: it must be one line of text", PERMANENT)


def _text(value: bytes) -> str:
    return os.fsdecode(value)


def _make(root: str, folder: str) -> None:
    """A mailbox's directories and its .qmail; those above may be there. Raises OSError."""
    for path in (root, os.path.dirname(folder), folder):
        os.makedirs(path, 0o700, exist_ok=True)
    for path in ("Maildir", "Maildir/tmp", "Maildir/new", "Maildir/cur"):
        os.makedirs(f"{folder}/{path}", 0o700, exist_ok=True)
    replace(f"{folder}/.qmail", DELIVERY, 0o600)


def _rename(old: str, new: str) -> None:
    try:
        os.rename(old, new)
    except FileNotFoundError:
        pass
