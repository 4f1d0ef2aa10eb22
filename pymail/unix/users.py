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


def from_database(home: Home, local: bytes) -> assign.Assignment | None:
    """Whom users/cdb assigns a local part to; None if to nobody, or if there is no users/cdb.

    Silent Fatal with the exit code for a damaged database.
    """
    try:
        return assign.find(CdbFile(home.file("users", "cdb")), local)
    except FileNotFoundError:
        return None
    except (OSError, Malformed):
        raise Fatal("", spawnreport.DATABASE) from None
    except assign.BadFormat:
        raise Fatal("", spawnreport.USAGE) from None


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
