"""config as a process, with a host name, addresses, hosts file and name servers of its own"""

import os
import sys
from pathlib import Path

import pytest

from pymail.unix.home import Home
from tests.support.world import ROOT, Place

pytestmark = pytest.mark.root

NAMESPACE = """
set -e
ip link set lo up
echo "$HOST" >/proc/sys/kernel/hostname
for address in $ADDRESSES; do ip address add "$address/32" dev lo; done
mount --bind hosts /etc/hosts
mount --bind resolv.conf /etc/resolv.conf
if [ -n "$RECORDS" ]; then
    "$PYTHON" "$STUB" "$RECORDS" ready & stub=$!
    until [ -e ready ]; do kill -0 $stub; sleep 0.02; done
fi
code=0
"$CONFIG" || code=$?
[ -z "$RECORDS" ] || kill $stub
exit $code
"""
SERVER = "nameserver 127.0.0.1\nsearch sub.example.org example.org\n"
RECORDS = (
    "mail.example.org A 10.1.2.3,mail.example.org A 10.1.2.4,3.2.1.10.in-addr.arpa PTR Mail.Example.ORG.,"
    "1.0.0.127.in-addr.arpa PTR localhost."
)


def config(
    place: Place,
    home: Home,
    host: str,
    records: str = "",
    hosts: str = "",
    addresses: str = "",
    dns: str = SERVER,
) -> tuple[int, str]:
    """Exit code and output on a host of that name."""
    (place.path / "hosts").write_text(hosts)
    (place.path / "resolv.conf").write_text(dns)
    env = {
        "HOST": host, "RECORDS": records, "ADDRESSES": addresses, "PYTHON": sys.executable,
        "STUB": str(ROOT / "tests/support/dns_stub.py"), "CONFIG": home.file("bin/config"),
    }  # fmt: skip
    done = place.run(
        "unshare", "--mount", "--net", "--uts", "--propagation=private", "sh", "-c", NAMESPACE,
        env=env, as_root=True,
    )  # fmt: skip
    assert done.stderr == b""
    return done.returncode, done.stdout.decode()


def written(home: Home) -> dict[str, str]:
    return {path.name: path.read_text() for path in Path(home.file("control")).iterdir()}


def test_dns_knows_the_host(place: Place, home: Home) -> None:
    """An old locals file is replaced; each address is asked for once, in the order of its text."""
    Path(home.file("control/locals")).write_text("old.org\n")
    code, said = config(place, home, "MAIL", RECORDS, addresses="10.1.2.3 9.9.9.9")
    assert code == 0
    assert said == f"""\
Your hostname is mail.
Your host's fully qualified name in DNS is mail.example.org.
Putting mail.example.org into control/me...
Putting example.org into control/defaultdomain...
Putting example.org into control/plusdomain...
 
Checking local IP addresses:
0.0.0.0: PTR lookup failed. I assume this address has no DNS name.
10.1.2.3: Adding Mail.Example.ORG to control/locals...
10.1.2.4: PTR lookup failed. I assume this address has no DNS name.
127.0.0.1: Adding localhost to control/locals...
9.9.9.9: PTR lookup failed. I assume this address has no DNS name.
 
If there are any other domain names that point to you,
you will have to add them to {home.path}/control/locals.
You don't have to worry about aliases, i.e., domains with CNAME records.
 
Copying {home.path}/control/locals to {home.path}/control/rcpthosts...
Now qmail will refuse to accept SMTP messages except to those hosts.
Make sure to change rcpthosts if you add hosts to locals or virtualdomains!
"""  # noqa: W293
    assert written(home) == {
        "me": "mail.example.org\n", "defaultdomain": "example.org\n", "plusdomain": "example.org\n",
        "locals": "Mail.Example.ORG\nlocalhost\n", "rcpthosts": "Mail.Example.ORG\nlocalhost\n",
    }  # fmt: skip
    assert all(os.stat(home.file("control", name)).st_mode & 0o777 == 0o644 for name in written(home))


@pytest.mark.parametrize(
    ("records", "dns"),
    [("other.org A 1.2.3.4", SERVER), ("", SERVER), ("", "")],
    ids=["unknown", "no-answer", "no-server"],
)
def test_the_hosts_file_knows_it(place: Place, home: Home, records: str, dns: str) -> None:
    """DNS says no, says nothing, or is not configured."""
    code, said = config(
        place, home, "desk", records, dns=dns, addresses="10.0.0.9",
        hosts="127.0.0.1 localhost\n127.0.1.1 desk.office.example.org desk\n",
    )  # fmt: skip
    assert code == 0
    assert """
Sorry, I couldn't find your host's canonical name in DNS.
I take the name that your host itself gives in its hosts file: desk.office.example.org.
Putting desk.office.example.org into control/me...
""" in said
    assert """
0.0.0.0: PTR lookup failed. I assume this address has no DNS name.
10.0.0.9: PTR lookup failed. I assume this address has no DNS name.
127.0.0.1: Adding localhost to control/locals...
Adding desk.office.example.org to control/locals...
""" in said
    assert written(home) == {
        "me": "desk.office.example.org\n", "defaultdomain": "office.example.org\n",
        "plusdomain": "example.org\n", "locals": "localhost\ndesk.office.example.org\n",
        "rcpthosts": "localhost\ndesk.office.example.org\n",
    }  # fmt: skip


def test_an_address_with_no_name_in_dns_but_in_the_hosts_file(place: Place, home: Home) -> None:
    _, said = config(
        place, home, "desk", "x.org A 1.1.1.1", hosts="10.0.0.9 desk.example.org desk", addresses="10.0.0.9"
    )
    assert "\n10.0.0.9: Adding desk.example.org to control/locals...\n127.0.0.1: PTR" in said
    assert written(home)["locals"] == "desk.example.org\n"


def test_nobody_knows_it(place: Place, home: Home) -> None:
    code, said = config(place, home, "lonely", dns="")
    assert code == 0
    assert "I take the name that your host itself gives in its hostname: lonely.\nIt has no dot, " in said
    assert written(home) == dict.fromkeys(
        ("me", "defaultdomain", "plusdomain", "locals", "rcpthosts"), "lonely\n"
    )


def test_no_hostname(place: Place, home: Home) -> None:
    code, said = config(place, home, "(none)")
    assert code == 111
    assert said == "Sorry, I couldn't find your hostname.\nYou will have to set up control/me yourself.\n"
    assert written(home) == {}
