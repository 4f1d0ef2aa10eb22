"""What a program is told of its TCP connection: the variables of the UCSPI environment, and log fields

Source: https://cr.yp.to/proto/ucspi.txt, tcp-environ(5), and the IPv6 patch for the TCP6 variables.
"""

from pysvc.formats import ip

LONGEST_FIELD = 100  # bytes of a log field; one of this length is already cut
_MASK = bytes(c if 33 <= c <= 126 and c not in b"%:" else ord("?") for c in range(256))


class Connection:
    """The two ends of one connection. Hosts and info are None where they are not known.

    local_ip, remote_ip: packed, as the socket has them. six: an IPv4 peer of an IPv6 socket is
    reported in IPv6 form too. interface: that of a link-local address.
    """

    __slots__ = ("interface", "local_host", "local_ip", "local_port", "remote_host", "remote_info",
                 "remote_ip", "remote_port", "six")  # fmt: skip

    def __init__(self, local_port: int, remote_ip: bytes, remote_port: int, six: bool = False) -> None:
        self.local_ip = b""
        self.local_port = local_port
        self.local_host: bytes | None = None
        self.remote_ip = remote_ip
        self.remote_port = remote_port
        self.remote_host: bytes | None = None
        self.remote_info: bytes | None = None
        self.interface: bytes | None = None
        self.six = six

    def text(self, packed: bytes) -> bytes:
        """How an address of this connection is shown: mapped IPv4 addresses dotted, unless `six`."""
        return ip.text(packed if self.six else ip.plain(packed))

    def variables(self) -> dict[bytes, bytes | None]:
        """The variables to set; None means to remove one that was inherited."""
        is_ipv6 = len(self.remote_ip) == 16 and (self.six or len(ip.plain(self.remote_ip)) == 16)
        ends = self._ends(b"TCP", self.text(self.local_ip), self.text(self.remote_ip))
        variables = {b"PROTO": b"TCP6" if is_ipv6 else b"TCP", **ends}
        if len(self.remote_ip) == 16:
            variables |= self._ends(b"TCP6", ip.text(self.local_ip), ip.text(self.remote_ip))
            variables[b"TCP6INTERFACE"] = self.interface
        return variables

    def _ends(self, prefix: bytes, local_ip: bytes, remote_ip: bytes) -> dict[bytes, bytes | None]:
        return {
            prefix + b"LOCALIP": local_ip,
            prefix + b"LOCALPORT": b"%d" % self.local_port,
            prefix + b"LOCALHOST": self.local_host,
            prefix + b"REMOTEIP": remote_ip,
            prefix + b"REMOTEPORT": b"%d" % self.remote_port,
            prefix + b"REMOTEHOST": self.remote_host,
            prefix + b"REMOTEINFO": self.remote_info,
        }

    def log_fields(self) -> bytes:
        """`LHOST:LIP:LPORT RHOST:RIP:INFO:RPORT`; unknown fields are empty.

        The colons of an IPv6 address are not masked, as in the IPv6 patch.
        """
        return b"%s:%s:%d %s:%s:%s:%d" % (
            _field(self.local_host), self.text(self.local_ip), self.local_port,
            _field(self.remote_host), self.text(self.remote_ip), _field(self.remote_info), self.remote_port,
        )  # fmt: skip


def _field(value: bytes | None) -> bytes:
    masked = (value or b"")[:LONGEST_FIELD].translate(_MASK)
    return masked + b"..." if len(masked) == LONGEST_FIELD else masked


def apply(environment: dict[bytes, bytes], variables: dict[bytes, bytes | None]) -> None:
    """Set and remove variables in an environment."""
    for name, value in variables.items():
        if value is None:
            environment.pop(name, None)
        else:
            environment[name] = value
