"""Whose password this is: an account of the system, or a virtual mailbox

Whoever tries names learns nothing from the time it takes: for a name that nobody has, a password is
hashed all the same. Source: checkpassword manual; shadow(5); Dovecot's passwd-file.
"""

import os
import pwd
import resource
from _operator import _compare_digest as equal  # what hmac.compare_digest is; hmac costs 5 ms to import

from pymail.formats import passwdfile
from pymail.unix.controls import Controls
from pymail.unix.home import Home
from pysvc.unix.files import read_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

SHADOW = "/etc/shadow"
PASSWD = ("users", "passwd")  # below the home
ROUNDS = 20000                # of SHA-512 for the mailboxes made here, 10 ms
PATTERN = f"$6$rounds={ROUNDS}$aaaaaaaaaaaaaaaa$"  # hashed against where there is no hash
ROOM = 64 << 20               # bytes of memory that a hash may take beyond the process's limit
_SALT = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Account:
    """Whom a password belongs to. `name` is the account's, or the mailbox's address."""

    __slots__ = ("gid", "home", "name", "shell", "uid")

    def __init__(self, name: bytes, *, uid: int, gid: int, home: bytes, shell: bytes) -> None:
        self.name, self.uid, self.gid = name, uid, gid
        self.home, self.shell = home, shell


def verify(home: Home, login: bytes, password: bytes) -> Account | None:
    """The account or mailbox of a login name, if the password is right.

    A system account comes first and hides a mailbox of its name; in a private instance there are only
    mailboxes. Raises OSError for trouble that may pass.
    """
    found = None if home.private else _system(login)
    account, matches = found or _mailbox(home, login) or (None, _nobody(home))
    return account if matches(password) else None


def _system(login: bytes) -> "tuple[Account, Callable[[bytes], bool]] | None":
    try:
        entry = pwd.getpwnam(os.fsdecode(login))
    except KeyError:
        return None
    name = os.fsencode(entry.pw_name)
    account = Account(
        name, uid=entry.pw_uid, gid=entry.pw_gid, home=os.fsencode(entry.pw_dir),
        shell=os.fsencode(entry.pw_shell),
    )  # fmt: skip
    stored = _shadow(name)
    return account, _crypted(os.fsencode(entry.pw_passwd) if stored is None else stored)


def _shadow(name: bytes) -> bytes | None:
    """The hash in the shadow file; None if there is no entry. Raises OSError for trouble that may pass."""
    start = name + b":"
    for line in _shadow_file().split(b"\n"):
        if line.startswith(start):
            return line.split(b":")[1]
    return None


def _shadow_file() -> bytes:
    try:
        return read_file(SHADOW)
    except (FileNotFoundError, PermissionError):
        return b""


def _mailbox(home: Home, login: bytes) -> "tuple[Account, Callable[[bytes], bool]] | None":
    """The mailbox of an address; a name without domain is one of control/me."""
    content = _mailbox_file(home)
    if not content:
        return None
    name = login.lower()
    entry = passwdfile.find(content, login) or passwdfile.find(content, name)
    if entry is None and b"@" not in name:
        entry = passwdfile.find(content, name + b"@" + (Controls(home).line("me") or b"").lower())
    if entry is None:
        return None
    uid = home.owner if entry.uid is None or home.private else entry.uid
    gid = home.gid("qmail") if entry.gid is None or home.private else entry.gid
    if not uid:
        return None  # nothing here may become root
    account = Account(entry.user, uid=uid, gid=gid, home=entry.home, shell=entry.shell or b"/bin/false")
    return account, _by_scheme(entry)


def _mailbox_file(home: Home) -> bytes:
    try:
        return read_file(home.file(*PASSWD))
    except FileNotFoundError:
        return b""


def _by_scheme(entry: passwdfile.Entry) -> "Callable[[bytes], bool]":
    if entry.scheme in passwdfile.PLAIN_SCHEMES and entry.hash:
        return lambda password: equal(entry.hash, password)
    return _crypted(entry.hash if entry.scheme in passwdfile.CRYPT_SCHEMES else b"")


def _nobody(home: Home) -> "Callable[[bytes], bool]":
    """What takes as long as a wrong password of one whom this place knows, and never matches."""
    stored = [entry.hash for entry in passwdfile.parse(_mailbox_file(home))]
    if not home.private:
        stored = [line.split(b":")[1] for line in _shadow_file().split(b"\n") if b":" in line] + stored
    pattern = next((one for one in stored if one.startswith(b"$")), b"")

    def never(password: bytes) -> bool:
        _crypt(password, os.fsdecode(pattern) or PATTERN)
        return False

    return never


def _crypted(stored: bytes) -> "Callable[[bytes], bool]":
    """Whether crypt() makes `stored` of a password."""

    def matches(password: bytes) -> bool:
        made = _crypt(password, os.fsdecode(stored))
        if made is None:
            _crypt(password, PATTERN)  # a locked account shall not answer at once
            return False
        return equal(os.fsencode(made), stored) and is_utf8(password)

    return matches


def is_utf8(password: bytes) -> bool:
    """crypt() here takes text alone; nobody can have set another password here."""
    try:
        password.decode()
    except UnicodeDecodeError:
        return False
    return True


def _crypt(password: bytes, salt: str) -> str | None:
    """What crypt() makes of a password; None where the salt is none."""
    from _crypt_r import crypt

    limits = _make_room()
    try:
        made: str | None = crypt(password.decode(errors="replace").replace("\0", ""), salt)
    except (OSError, ValueError):
        made = None
    finally:
        for kind, limit in limits:
            resource.setrlimit(kind, limit)
    return None if made is None or made.startswith("*") else made


def _make_room() -> list[tuple[int, tuple[int, int]]]:
    """Raise the memory limits for one hash: yescrypt takes 16 MB, more than softlimit leaves a server.

    Returns the limits as they were.
    """
    before = []
    for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
        soft, hard = resource.getrlimit(kind)
        if soft != resource.RLIM_INFINITY:
            raised = soft + ROOM if hard == resource.RLIM_INFINITY else min(soft + ROOM, hard)
            resource.setrlimit(kind, (raised, hard))
            before.append((kind, (soft, hard)))
    return before


def hashed(password: bytes) -> bytes:
    """A hash for a password, with a salt of its own, as it stands behind {SHA512-CRYPT}."""
    salt = "".join(_SALT[byte & 63] for byte in os.urandom(16))
    made = _crypt(password, f"$6$rounds={ROUNDS}${salt}$")
    if made is None:
        raise OSError("crypt() knows no SHA-512")
    return os.fsencode(made)
