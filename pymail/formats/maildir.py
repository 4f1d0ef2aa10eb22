"""The names of messages in a Maildir

new/UNIQUE is a message nobody has looked at; a reader moves it to cur/UNIQUE:INFO, where INFO is `2,`
and flags in ASCII order. Source: maildir manual of qmail.
"""

SEPARATOR, VERSION = b":", b"2,"
OLD = 129600  # seconds without an access after which a file in tmp belongs to nobody


def unique(name: bytes) -> bytes:
    """What stays the same when a message is moved from new to cur and when its flags change."""
    return name.partition(SEPARATOR)[0]


def seen_by_server(name: bytes) -> bytes:
    """The name in cur of a message from new, with no flag set."""
    return name + SEPARATOR + VERSION


def hidden(name: bytes) -> bool:
    """Whether a directory entry is no message, whatever it is."""
    return name.startswith(b".")


def flags(name: bytes) -> bytes:
    """The flags of a message in cur: among D draft, F flagged, P passed, R replied, S seen, T trashed."""
    info = name.partition(SEPARATOR)[2]
    return info[len(VERSION) :] if info.startswith(VERSION) else b""
