"""fdholder - hold listening sockets while servers restart

Synopsis:    fdholder [ -b backlog ] path host port [ host port ... ]
Options:     -b backlog   how many clients may wait to be accepted (128)
             -4 -6 -I interface   as of tcpserver
Files:       path   a Unix socket, for its owner alone, where fdretrieve asks for the sockets
Environment: as of tcpserver, for the names of hosts
Exit codes:  0 on SIGTERM; 100 wrong usage; 111 anything else

Listens at each host and port, accepts nothing, and hands all the sockets to whoever can open path: root, and
the user that fdholder runs as. It is a service of its own, and the server is another:

    /service/smtp-socket/run:   exec fdholder socket 0 smtp
    /service/qmail-smtpd/run:   exec fdretrieve /service/smtp-socket/socket tcpserver ... 0 smtp qmail-smtpd

After `svc -t /service/qmail-smtpd` clients wait in the kernel until the next tcpserver accepts them. They are
refused only while fdholder itself is down.
"""

import os

from pysvc.unix import hosts, local, tcp
from pysvc.unix.accepting import Server
from pysvc.unix.options import BadOption, complaint
from pysvc.unix.settings import count, take
from pysvc.unix.strerr import usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from typing import Any, NoReturn

    from pysvc.unix.settings import Flags, Values

FLAGS: "Flags" = {"4": ("ipv4_only", True), "6": ("six", True)}
VALUES: "Values" = {"b": ("backlog", count), "I": ("interface", str)}


class Settings:
    """What the options ask for."""

    ipv4_only = six = False
    backlog = 128
    interface = ""


def main(argv: list[str]) -> int:
    settings = Settings()
    arguments = argv[1:]
    try:
        take(settings, arguments, FLAGS, VALUES, {})
    except BadOption as bad:
        raise complaint(argv[0], bad, usage(__doc__).line("fdholder")) from None
    pairs = list(zip(arguments[1::2], arguments[2::2], strict=False))
    if len(arguments) < 3 or len(arguments) % 2 == 0 or len(pairs) > local.MOST_DESCRIPTORS:
        raise usage(__doc__)
    holder = Holder(arguments[0])
    holder.held = [_listen(settings, host, port) for host, port in pairs]
    holder.listeners = [local.listen(arguments[0], settings.backlog)]
    holder.run()


def _listen(settings: Settings, host: str, port: str) -> "_socket.socket":
    number = tcp.port_number(port)
    address = hosts.own_address(host, settings.ipv4_only, settings.six)
    return tcp.listen(address, number, settings.backlog, settings.interface)


class Holder(Server):
    """Answers each who connects with the descriptors; there is no process to it."""

    def __init__(self, path: str) -> None:
        super().__init__(limit=1)
        self._path = path
        self.held: list[_socket.socket] = []

    def serve(self, fd: int, address: "tuple[Any, ...]", listener: "_socket.socket") -> None:
        try:
            local.hand_over(fd, [socket.fileno() for socket in self.held])
        except OSError:
            pass  # whoever it was has gone again

    def leave(self) -> "NoReturn":
        if self.listeners:
            local.remove(self._path)
        os._exit(0)
