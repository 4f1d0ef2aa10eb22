"""The messages in a Maildir, as readers find them; the current directory is the Maildir"""

import os

from pymail.formats import maildir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def messages(folder: bytes, now: int) -> "Iterator[tuple[int, bytes, int]]":
    """(mtime, path, size) of the messages in new or cur that are older than this second. Raises OSError."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if maildir.hidden(entry.name):
                continue
            try:
                found = entry.stat()
            except OSError:
                continue  # gone meanwhile
            if found.st_mtime_ns // 1_000_000_000 < now:
                yield int(found.st_mtime), entry.path, found.st_size


def clean_tmp(now: int) -> None:
    """Remove what deliveries left that died; errors do not matter."""
    try:
        entries = list(os.scandir(b"tmp"))
    except OSError:
        return
    for entry in entries:
        try:
            if not maildir.hidden(entry.name) and int(entry.stat().st_atime) + maildir.OLD < now:
                os.unlink(entry.path)
        except OSError:
            pass
