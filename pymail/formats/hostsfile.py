"""The hosts file: an address and its names on each line, `#` begins a comment

Source: hosts(5).
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def entries(content: bytes) -> "Iterator[tuple[bytes, list[bytes]]]":
    """(address, names in lower case) of each line that has names."""
    for line in content.split(b"\n"):
        address, *names = line.partition(b"#")[0].lower().split() or [b""]
        if names:
            yield address, names


def full_name(content: bytes, host: bytes) -> bytes | None:
    """The name with a dot that stands on a line with `host`, else `host` itself; None if it is on no line.

    Names of the loopback interface are no host's name.
    """
    found = None
    for _, names in entries(content):
        if host.lower() not in names:
            continue
        for name in names:
            if b"." in name and not name.startswith(b"localhost"):
                return name
        found = host.lower()
    return found


def name_of(content: bytes, address: bytes) -> bytes | None:
    """The first name of an address; None if there is none."""
    return next((names[0] for found, names in entries(content) if found == address), None)
