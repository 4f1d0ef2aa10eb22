"""config - write the first control files from what DNS says

Synopsis:    config
Files:       control/{me,defaultdomain,plusdomain,locals,rcpthosts}   written anew
             /etc/hosts, /etc/resolv.conf
Exit codes:  0 written; 111 this host has no name, or a file cannot be written

Where DNS does not know the host, the name that the host itself gives is taken: that in its hosts
file, else its hostname.
"""

import os

from pymail.formats import hostsfile
from pymail.unix.controls import Controls
from pymail.unix.firstcontrols import put, put_names, tell
from pymail.unix.home import Home
from pymail.unix.hostdns import HostDns
from pymail.unix.interfaces import local_addresses
from pysvc.formats import ip
from pysvc.unix.files import read_file
from pysvc.unix.strerr import TEMPORARY, unable_to

HOSTS = "/etc/hosts"
HINTS = (
    " ",
    "If there are any other domain names that point to you,",
    "you will have to add them to {locals}.",
    "You don't have to worry about aliases, i.e., domains with CNAME records.",
    " ",
    "Copying {locals} to {rcpthosts}...",
)
WARNINGS = (
    "Now qmail will refuse to accept SMTP messages except to those hosts.",
    "Make sure to change rcpthosts if you add hosts to locals or virtualdomains!",
)


def main(argv: list[str]) -> int:
    home = Home.of(argv[0])
    hostname = os.uname().nodename.lower()
    if hostname in ("", "(none)"):
        tell("Sorry, I couldn't find your hostname.")
        tell("You will have to set up control/me yourself.")
        return TEMPORARY
    tell(f"Your hostname is {hostname}.")
    dns = HostDns()
    addresses = dns.addresses(hostname)
    fqdn = (dns.name_of(addresses[0]) if addresses else None) or ""
    if fqdn:
        fqdn = fqdn.lower()
        tell(f"Your host's fully qualified name in DNS is {fqdn}.")
        write(home, fqdn, Names(dns, None))
    else:
        hosts = hosts_file()
        write(home, own_name(hostname, hosts), Names(dns, hosts))
    return 0


class Names:
    """The names of this host's addresses: those in DNS, then those in a hosts file, if that is asked."""

    __slots__ = ("dns", "hosts")

    def __init__(self, dns: HostDns, hosts: bytes | None) -> None:
        self.dns, self.hosts = dns, hosts

    def of(self, address: str) -> str | None:
        found = self.dns.name_of(address)
        if found is not None or self.hosts is None:
            return found
        own = hostsfile.name_of(self.hosts, address.encode())
        return None if own is None else os.fsdecode(own)


def hosts_file() -> bytes:
    try:
        return read_file(HOSTS)
    except OSError:
        return b""  # not even that


def own_name(hostname: str, hosts: bytes) -> str:
    """The name of a host that DNS does not know, by its own account."""
    found = hostsfile.full_name(hosts, os.fsencode(hostname))
    fqdn = hostname if found is None else os.fsdecode(found)
    source = "hostname" if found is None else "hosts file"
    tell("Sorry, I couldn't find your host's canonical name in DNS.")
    tell(f"I take the name that your host itself gives in its {source}: {fqdn}.")
    if "." not in fqdn:
        tell("It has no dot, so no other host can reach you by it: better use config-fast with a full name.")
    return fqdn


def write(home: Home, fqdn: str, names: Names) -> None:
    controls = Controls(home)
    put_names(controls, fqdn)
    tell(" ")
    tell("Checking local IP addresses:")
    found = local_names(names, {*names.dns.addresses(fqdn), *own_addresses()})
    if names.hosts is not None and fqdn not in found:
        tell(f"Adding {fqdn} to control/locals...")
        found.append(fqdn)
    content = b"".join(os.fsencode(name) + b"\n" for name in found)
    put(controls, "locals", content)
    for line in HINTS:
        tell(line.format(locals=home.file("control", "locals"), rcpthosts=home.file("control", "rcpthosts")))
    put(controls, "rcpthosts", content)
    for line in WARNINGS:
        tell(line)


def own_addresses() -> list[str]:
    with unable_to("list the network interfaces"):
        return [ip.text(address).decode() for address in local_addresses()]


def local_names(names: Names, addresses: set[str]) -> list[str]:
    """The names that belong into control/locals; what is said of each address on the way."""
    found = []
    for address in sorted(addresses):
        name = names.of(address)
        if name is None:
            tell(f"{address}: PTR lookup failed. I assume this address has no DNS name.")
        else:
            tell(f"{address}: Adding {name} to control/locals...")
            found.append(name)
    return found
