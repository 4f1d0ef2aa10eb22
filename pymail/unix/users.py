"""Which account a local part belongs to

users/cdb decides first. For what is not in it qmail-getpw looks at the accounts of the machine, and gives
the rest to alias. A private instance does not know the machine's accounts: there alias takes everything
that users/cdb does not assign. Source: qmail-lspawn.c, qmail-getpw.c.
"""

import os
import pwd

from pymail.formats import assign, spawnreport
from pymail.unix.cdbfile import CdbFile
from pymail.unix.home import Home
from pysvc.formats.cdb import Malformed
from pysvc.unix.strerr import Fatal, temporary

BREAK, DASH = b"-", b"-"  # between an account's name and the extension: conf-break; in file names
LONGEST_NAME = 31         # bytes of an account's name that is looked up
MOST_KNOWN = 1000         # answers of users/cdb that are remembered


class Database:
    """users/cdb, opened when it is first asked, and again only when there is another one."""

    __slots__ = ("_file", "_known", "_path", "_state")

    def __init__(self, home: Home) -> None:
        self._path = home.file("users", "cdb")
        self._state: tuple[int, ...] | None = None  # of the file that is open; None: none is
        self._file: CdbFile | None = None
        self._known: dict[bytes, assign.Assignment | None] = {}  # what it has answered already

    def find(self, local: bytes) -> assign.Assignment | None:
        """Whom a local part is assigned to; None if nobody, or if there is no users/cdb.

        Silent Fatal with the exit code for a damaged database.
        """
        try:
            self._follow()
            if self._file is None:
                return None
            if local not in self._known:
                if len(self._known) >= MOST_KNOWN:
                    self._known.clear()
                self._known[local] = assign.find(self._file, local)
            return self._known[local]
        except (OSError, Malformed):
            raise Fatal("", spawnreport.DATABASE) from None
        except assign.BadFormat:
            raise Fatal("", spawnreport.USAGE) from None

    def _follow(self) -> None:
        """Have the file open that is there now. Raises OSError."""
        try:
            found = os.stat(self._path)
            state = found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
        except FileNotFoundError:
            state = None
        if state == self._state:
            return
        if self._file is not None:
            self._file.close()
        self._known.clear()
        self._state = self._file = None
        if state is not None:
            self._file, self._state = CdbFile(self._path), state


def from_database(home: Home, local: bytes) -> assign.Assignment | None:
    """What Database(home) answers when it is asked once."""
    return Database(home).find(local)


def from_accounts(home: Home, local: bytes) -> assign.Assignment:
    """The account whose name is the local part, or the longest part of it before a break; else alias.

    Silent Fatal with the exit code if there is no telling.
    """
    if home.private:
        folder = os.fsencode(home.file("alias"))
        return assign.Assignment(b"alias", home.uid("alias"), home.gid("nofiles"), folder, DASH, local)
    for end in range(min(len(local), LONGEST_NAME), -1, -1):
        whole = end == len(local)
        if not whole and local[end : end + 1] != BREAK:
            continue
        entry = _account(local[:end].lower())
        if entry is not None and _owns_home(entry):
            return _of_account(entry, b"" if whole else DASH, local[end + 1 :])
    entry = _account(b"alias")
    if entry is None:
        raise Fatal("", spawnreport.NO_ALIAS)
    return _of_account(entry, DASH, local)


def _account(name: bytes) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(os.fsdecode(name))
    except KeyError:
        return None


def _owns_home(entry: pwd.struct_passwd) -> bool:
    """Whether an account gets mail: root never, and nobody whose home is missing or somebody else's."""
    if not entry.pw_uid:
        return False
    try:
        return os.stat(entry.pw_dir).st_uid == entry.pw_uid
    except OSError as error:
        if temporary(error):
            raise Fatal("", spawnreport.NFS) from None
        return False


def _of_account(entry: pwd.struct_passwd, dash: bytes, ext: bytes) -> assign.Assignment:
    user, home = os.fsencode(entry.pw_name), os.fsencode(entry.pw_dir)
    return assign.Assignment(user, entry.pw_uid, entry.pw_gid, home, dash, ext)
