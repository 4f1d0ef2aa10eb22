"""tcp-env - run a program with the variables of a TCP connection

For servers that inetd starts; under tcpserver, which sets PROTO, it only runs the program.

Synopsis:    tcp-env [ -rR ] [ -t timeout ] program [ arg ... ]
Options:     -r   ask the client's IDENT server who is connected (default)
             -R   do not
             -t   seconds for that, default 30
             others are ignored
Environment: PROTO TCPLOCALIP TCPLOCALPORT TCPLOCALHOST TCPREMOTEIP TCPREMOTEPORT TCPREMOTEHOST
             TCPREMOTEINFO   set for the program; of a name or user that is not known the variable is
                             removed, and where DNS cannot tell now the name is softdnserror
Exit codes:  111 descriptor 0 is no TCP connection, or the program cannot be run; else the program's own
"""

import _socket
import errno
import os

from pysvc.formats import ip, ucspi
from pysvc.formats.number import scan
from pysvc.unix import chain, tcp
from pysvc.unix.options import BadOption, options
from pysvc.unix.strerr import TEMPORARY, Fatal

TIMEOUT = 30
SET = (b"TCP", b"TCP6")  # PROTO where somebody has set the variables already
UNKNOWN_NOW = b"softdnserror"
# Every letter is an option; only -t has a value.
LETTERS = "t:" + "".join(chr(code) for code in range(33, 127) if chr(code) not in "t:")


def main(argv: list[str]) -> int:
    arguments = argv[1:]
    timeout = read_options(arguments)
    if not arguments:
        return TEMPORARY
    env = dict(os.environb)
    try:
        if env.get(b"PROTO") not in SET:
            ucspi.apply(env, look_up(timeout).variables())
        chain.run(arguments, env)
    except OSError:
        raise Fatal("", TEMPORARY) from None


def read_options(arguments: list[str]) -> int:
    """Take the options off the arguments; seconds to wait for the IDENT server, 0 not to ask."""
    ask, timeout = True, TIMEOUT
    try:
        for letter, value in options(arguments, LETTERS):
            if letter in "rR":
                ask = letter == "r"
            elif letter == "t":
                timeout = scan(os.fsencode(value))[0]
    except BadOption:
        pass
    return timeout if ask else 0


def look_up(timeout: int) -> ucspi.Connection:
    """The connection at descriptor 0. Raises OSError if it is none."""
    connection = _socket.socket(fileno=0)
    try:
        if connection.type != _socket.SOCK_STREAM or connection.family == _socket.AF_UNIX:
            raise OSError(errno.ENOTSOCK, "no TCP connection")
        local, remote = connection.getsockname(), connection.getpeername()
    finally:
        connection.detach()
    found = ucspi.Connection(local[1], tcp.packed(remote), remote[1])
    found.local_ip, found.interface = tcp.packed(local), tcp.interface_name(remote)
    found.local_host, found.remote_host = name(found.local_ip), name(found.remote_ip)
    if timeout:
        found.remote_info = user(found, timeout)
    return found


def name(packed: bytes) -> bytes | None:
    """What DNS calls an address."""
    from pysvc.unix import dns

    try:
        found = dns.Resolver().name(packed)
    except OSError as error:
        return None if error.errno == errno.EPROTO else UNKNOWN_NOW
    return found.lower() if found is not None else None


def user(connection: ucspi.Connection, timeout: int) -> bytes | None:
    """Who is connected, as the client's IDENT server says."""
    from pysvc.unix import ident

    try:
        return ident.ask(
            ip.plain(connection.local_ip), connection.local_port,
            ip.plain(connection.remote_ip), connection.remote_port, timeout,
        )  # fmt: skip
    except OSError:
        return None
