"""Whose password this is: an account of the system, or a virtual mailbox

Whoever tries names learns nothing from the time it takes: every refusal costs one hash of each kind that
anybody here has. Source: checkpassword manual; shadow(5); crypt(5); Dovecot's passwd-file.
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
    from collections.abc import Iterator

SHADOW = "/etc/shadow"
PASSWD = ("users", "passwd")  # below the home
ROUNDS = 20000                # of SHA-512 for the mailboxes made here, 10 ms
PATTERN = f"$6$rounds={ROUNDS}$aaaaaaaaaaaaaaaa$"  # hashed against where there is no hash
ROOM = 64 << 20               # bytes of memory that a hash may take beyond the process's limit
DES = b"13 characters"        # how the oldest hashes look
PARAMETERS = {b"2a": 2, b"2b": 2, b"2x": 2, b"2y": 2, b"7": 11, b"gy": 9, b"y": 9}  # bytes between $ and salt
ROUNDS_LENGTH = len("rounds=999999999")
_SALT = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Account:
    """Whom a password belongs to. `name` is the account's, or the mailbox's address."""

    __slots__ = ("gid", "home", "name", "shell", "uid")

    def __init__(self, name: bytes, *, uid: int, gid: int, home: bytes, shell: bytes) -> None:
        self.name, self.uid, self.gid = name, uid, gid
        self.home, self.shell = home, shell


class _Secret:
    """What a password is compared with: a hash for crypt(), or plain text; an empty one equals nothing."""

    __slots__ = ("cost", "plain", "stored")

    def __init__(self, stored: bytes, plain: bool = False) -> None:
        self.stored, self.plain = stored, plain
        self.cost = None if plain else _cost(stored)

    def equals(self, password: bytes) -> bool:
        if not self.stored:
            return False
        if self.plain:
            return equal(self.stored, password)
        made = _crypt(password, os.fsdecode(self.stored))
        return made is not None and equal(os.fsencode(made), self.stored) and is_utf8(password)


def verify(home: Home, login: bytes, password: bytes) -> Account | None:
    """The account or mailbox of a login name, if the password is right.

    A system account comes first and hides a mailbox of its name; in a private instance there are only
    mailboxes. Raises OSError for trouble that may pass.
    """
    found = (None if home.private else _system(login)) or _mailbox(home, login)
    if found is not None and found[1].equals(password):
        return found[0]
    _hash_as_others(home, password, found[1].cost if found is not None else None)
    return None


def _hash_as_others(home: Home, password: bytes, done: bytes | None) -> None:
    """Hash a password that is wrong once more for each kind of hash that anybody has.

    done: the cost of the hash that was compared; None where nothing was hashed.
    """
    costs = {cost: stored for stored in _everybodys(home) if (cost := _cost(stored)) is not None}
    for cost, stored in (costs or {b"": PATTERN.encode()}).items():
        if cost != done:
            _crypt(password, os.fsdecode(stored))


def _everybodys(home: Home) -> "Iterator[bytes]":
    """The second fields of all lines of the password files, without Dovecot's scheme."""
    for content in (b"" if home.private else _shadow_file(), _mailbox_file(home)):
        for line in content.split(b"\n"):
            fields = line.split(b":", 2)
            if len(fields) > 1:
                yield fields[1].rpartition(b"}")[2]


def _cost(stored: bytes) -> bytes | None:
    """What decides how long crypt() takes: method and parameters, without the salt; None for no hash."""
    if stored.startswith(b"$"):
        method, parameters = (*stored.split(b"$"), b"", b"")[1:3]
        length = ROUNDS_LENGTH if parameters.startswith(b"rounds=") else PARAMETERS.get(method, 0)
        return method + b"$" + parameters[:length]
    is_des = len(stored) == len(DES) and not stored.translate(None, _SALT.encode())
    return DES if is_des else None


def _system(login: bytes) -> tuple[Account, _Secret] | None:
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
    return account, _Secret(os.fsencode(entry.pw_passwd) if stored is None else stored)


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


def _mailbox(home: Home, login: bytes) -> tuple[Account, _Secret] | None:
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


def _by_scheme(entry: passwdfile.Entry) -> _Secret:
    if entry.scheme in passwdfile.PLAIN_SCHEMES:
        return _Secret(entry.hash, plain=True)
    return _Secret(entry.hash if entry.scheme in passwdfile.CRYPT_SCHEMES else b"")


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
