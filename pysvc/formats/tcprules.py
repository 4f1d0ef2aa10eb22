"""Rules for connections: the lines that tcprules compiles, and what tcpserver reads out of the database

A line is `ADDRESS:INSTRUCTIONS`. A record's key is the address text; its data is `D\\0` for a denial, then
`+NAME=VALUE\\0` for each variable. A network is stored as `_` (IPv4) or `^` (IPv6) and its bits. Sources:
tcprules(1), the IPv6 patch's split of a line, and the networks of ucspi-tcp6.
"""

from pysvc.formats import ip as addresses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pysvc.formats import cdb

DENY = b"D\0"
HIGHEST = 255  # of a range; what lies above is cut off
_IPV6 = b"0123456789abcdefABCDEF:."
_IPV4 = b"0123456789.-"
_FAMILY = {4: b"_", 16: b"^"}  # before the bits of a network


class Malformed(Exception):
    """A line that is no rule."""


def records(line: bytes) -> list[tuple[bytes, bytes]]:
    """The (key, data) pairs of one line: none for a comment, several for a range. Raises Malformed.

    A line without any colon is a comment too.
    """
    line = line.rstrip(b" \t\n")
    if line.startswith(b"#") or b":" not in line:
        return []
    address, instructions = _split(line)
    data = _data(instructions)
    return [(key, data) for key in _addresses(address)]


def _split(line: bytes) -> tuple[bytes, bytes]:
    """The address, and what follows the colon before `allow` or `deny`.

    That is the first colon, except that an IPv6 address contains colons of its own.
    """
    found = [at for at in (line.find(b":allow"), line.find(b":deny")) if at >= 0]
    at = min(found, default=0)
    if not found or (at != line.find(b":") and not _is_ipv6(line[:at])):
        raise Malformed
    return line[:at], line[at + 1 :]


def _is_ipv6(address: bytes) -> bool:
    """Whether the part after any `user@` looks like an IPv6 address or the beginning of one."""
    text = address[address.rfind(b"@") + 1 :].partition(b"/")[0]
    return not text.translate(None, _IPV6) and b"." not in text[: text.find(b":")]


def _data(instructions: bytes) -> bytes:
    denied = instructions.startswith(b"deny")
    if not denied and not instructions.startswith(b"allow"):
        raise Malformed
    data = DENY if denied else b""
    rest = instructions[4 if denied else 5 :]
    while rest:
        name, equals, value = rest[1:].partition(b"=")
        quote = value[:1]
        value, closed, rest_of_line = value[1:].partition(quote) if quote else (b"", b"", b"")
        if rest[:1] != b"," or not equals or not closed:
            raise Malformed
        data += b"+" + name + b"=" + value + b"\0"
        rest = rest_of_line
    return data


def _addresses(address: bytes) -> list[bytes]:
    """The address itself, the key of a network, or each address of a range such as `10.0.2-5.`."""
    text, slash, _ = address.partition(b"/")
    if slash and text and not text.translate(None, _IPV6 if b":" in text else _IPV4):
        return [_network(address)]
    if b":" in address:
        return [_canonical(address)]
    dash = address.find(b"-")
    if dash < 0 or b"=" in address or b"@" in address:
        return [address]
    start = address.rfind(b".", 0, dash) + 1
    end = address.find(b".", dash)
    end = len(address) if end < 0 else end
    low, high = _number(address[start:dash]), _number(address[dash + 1 : end])
    return [address[:start] + b"%d" % n + address[end:] for n in range(low, min(high, HIGHEST) + 1)]


def _network(text: bytes) -> bytes:
    """The key of `10.0/8` or `2001:db8::/32`. IPv4 addresses come to be compared as such, never mapped."""
    found = addresses.network(text)
    if found is None or addresses.plain(found[0]) != found[0]:
        raise Malformed
    packed, size = found
    return _FAMILY[len(packed)] + addresses.bits(packed)[:size]


def shown(key: bytes) -> bytes:
    """A key as it was written in the rules: a network with its prefix length."""
    size = {family: length for length, family in _FAMILY.items()}.get(key[:1])
    if size is None or key[1:].translate(None, b"01") or len(key) - 1 > 8 * size:
        return key
    packed = int(key[1:].ljust(8 * size, b"0"), 2).to_bytes(size, "big")
    return b"%s/%d" % (addresses.text(packed), len(key) - 1)


def _canonical(address: bytes) -> bytes:
    """An address with a whole IPv6 address in it, as tcpserver writes that; others are left alone.

    What ends in a colon is the beginning of addresses.
    """
    user, at, text = address.rpartition(b"@")
    packed = None if text.endswith(b":") or text.startswith(b"=") else addresses.parse(text)
    return address if packed is None else user + at + addresses.text(packed)


def _number(digits: bytes) -> int:
    """The value of a range's end, cut off just above what matters."""
    if digits.translate(None, b"0123456789"):
        raise Malformed
    digits = digits.lstrip(b"0")
    return int(digits or b"0") if len(digits) <= 3 else HIGHEST + 1


def keys(
    ip: bytes, host: bytes | None, info: bytes | None,
    beginnings: "Callable[[bytes], Iterable[bytes]]",
) -> "Iterator[bytes]":  # fmt: skip
    """The keys to try for a connection, the most specific first; the first that exists decides.

    host, info: None where unknown; an empty one is known. beginnings: those of a key that may exist, the
    longest first.
    """
    if info is not None:
        yield info + b"@" + ip
        if host is not None:
            yield info + b"@=" + host
    yield ip
    if host is not None:
        yield b"=" + host
    yield from (ip[:end] for end in range(len(ip), 0, -1) if ip[end - 1] in b".:")
    packed = addresses.plain(addresses.parse(ip) or b"")
    if packed:
        yield from beginnings(_FAMILY[len(packed)] + addresses.bits(packed))
    if host is not None:
        yield from (b"=" + host[start:] for start in range(len(host)) if host[start] in b".")
        yield b"="
    yield b""


def decide(
    database: "cdb.Reader", ip: bytes, host: bytes | None, info: bytes | None
) -> tuple[bytes, bytes] | None:
    """The (key, data) of the rule for a connection; None if no rule matches, which means allow.

    Raises cdb.Malformed.
    """
    for key in keys(ip, host, info, database.beginnings):
        data = database.find(key)
        if data is not None:
            return key, data
    return None


def items(data: bytes) -> "Iterator[tuple[bytes, bytes] | None]":
    """What a record says, in order: None for a denial, (name, value) for a variable.

    Items of other kinds, and what follows the last NUL, mean nothing.
    """
    for item in data.split(b"\0")[:-1]:
        if item.startswith(b"D"):
            yield None
        elif item.startswith(b"+") and b"=" in item:
            name, _, value = item[1:].partition(b"=")
            yield name, value
