"""The address in the argument of MAIL and RCPT

Generous to the point of looking only for `<`: the words FROM and TO are not checked, a missing `>` is
no error, parameters behind the address are ignored. Source: RFC 5321 section 4.1.2; qmail-smtpd.c.
"""

LONGEST = 899  # bytes of an address, quotes removed


def parse(argument: bytes) -> bytes:
    """The address without source route, quotes and backslashes."""
    _, bracket, path = argument.partition(b"<")
    if bracket:
        return _unquote(_without_route(path), b">")
    path = argument.partition(b":")[2].lstrip(b" ")
    return _unquote(_without_route(path), b" ")


def _without_route(path: bytes) -> bytes:
    return path.partition(b":")[2] if path.startswith(b"@") else path


def _unquote(text: bytes, terminator: bytes) -> bytes:
    if b'"' not in text and b"\\" not in text:
        return text.partition(terminator)[0]
    address = bytearray()
    escaped = quoted = False
    for byte in text:
        if escaped:
            address.append(byte)
            escaped = False
        elif byte == terminator[0] and not quoted:
            break
        elif byte == ord("\\"):
            escaped = True
        elif byte == ord('"'):
            quoted = not quoted
        else:
            address.append(byte)
    return bytes(address)
