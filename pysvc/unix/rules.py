"""The database of rules that a connection is held against"""

import errno

from pysvc.formats import cdb, tcprules
from pysvc.unix import files


def decide(path: str, ip: bytes, host: bytes | None, info: bytes | None) -> tuple[bytes, bytes] | None:
    """The (key, data) of the rule for a connection, None if no rule matches; the file is read anew.

    Raises OSError; EPROTO where the file is no such database.
    """
    try:
        return tcprules.decide(cdb.Reader(files.read_file(path)), ip, host, info)
    except cdb.Malformed:
        raise OSError(errno.EPROTO, "malformed database") from None
