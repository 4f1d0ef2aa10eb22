"""What an administrator asks of `pymail install`, and the paths that follow from it"""

import os
import re
import socket
from dataclasses import dataclass

from pysvc.unix.strerr import PERMANENT, Fatal

ROOT_HOME, ROOT_BIN, ROOT_SERVICE = "/var/qmail", "/usr/local/bin", "/service"
LEDGER = ".pymail-installed"  # in the home
LONGEST_HOME = 90  # bytes: the address of a Unix socket below it holds 107


@dataclass(frozen=True)
class Options:
    """home, bin, service: absolute directories. fqdn: the host's name. postmaster: who gets the mail
    for postmaster, root, abuse and mailer-daemon. listen and the ports: of a private instance."""

    home: str
    bin: str
    service: str
    fqdn: str
    postmaster: str
    replace_sendmail: bool = False
    start: bool = True
    listen: str = "127.0.0.1"
    smtp_port: int = 2525
    pop3_port: int = 1110

    @property
    def classic(self) -> bool:
        """Whether this is the document's own installation, in /var/qmail."""
        return self.home == ROOT_HOME

    @property
    def log(self) -> str:
        return "/var/log/qmail" if self.classic else f"{self.home}/log"

    @property
    def rules(self) -> str:
        """The source of the rules of the SMTP service's tcpserver."""
        return "/etc/tcp.smtp" if self.classic else f"{self.home}/control/tcp.smtp"


def checked_home(home: str) -> str:
    """An absolute home that run scripts can name without quotes. Fatal if it is none."""
    home = os.path.realpath(home)
    if not re.fullmatch(r"[A-Za-z0-9_./+@:,-]+", home) or len(home) > LONGEST_HOME:
        raise Fatal(f"unable to use the home {home}: scripts and sockets need a short plain path", PERMANENT)
    return home


def checked_fqdn(name: str | None) -> str:
    """The host's fully qualified name, as given or as the host itself knows it. Fatal if there is none."""
    found = name or socket.getfqdn()
    if not re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+", found) or found.startswith("localhost."):
        if name is not None and re.fullmatch(r"[A-Za-z0-9_.-]+", name):
            return name.lower()
        raise Fatal(f"unable to tell this host's name ({found} is not one): say --fqdn NAME", PERMANENT)
    return found.lower()
