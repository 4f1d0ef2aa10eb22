"""The classic C programs of Debian's packages in place of ours, one at a time"""

from collections.abc import Iterator

import pytest

from tests.support.mail import MailSystem, installed, running
from tests.support.world import eventually

pytestmark = [pytest.mark.root, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def system() -> Iterator[MailSystem]:
    with running() as made:
        yield made


def edited(system: MailSystem, service: str, old: str, new: str) -> None:
    """Change a run script and restart its service."""
    system.sh(f"sed -i 's|{old}|{new}|' /var/qmail/supervise/{service}/run; svc -t /service/{service}")


def test_c_svc_and_svstat(system: MailSystem) -> None:
    assert ": up (pid" in system.sh("/usr/bin/svstat /service/qmail-send")
    system.sh("/usr/bin/svc -d /service/qmail-pop3d")
    eventually(lambda: " down " in system.sh("/usr/bin/svstat /service/qmail-pop3d"), what="down")
    system.sh("/usr/bin/svc -u /service/qmail-pop3d")
    eventually(lambda: system.up("qmail-pop3d"), what="up")


@pytest.mark.parametrize("log", ["qmail-send/log", "qmail-smtpd/log"])
def test_c_multilog(system: MailSystem, log: str) -> None:
    edited(system, log, "/usr/local/bin/multilog", "/usr/bin/multilog")
    system.through(f"c-multilog-{log.replace('/', '-')}")
    edited(system, log, "/usr/bin/multilog", "/usr/local/bin/multilog")


def test_c_tcpserver(system: MailSystem) -> None:
    for service in ("qmail-smtpd", "qmail-pop3d"):
        edited(system, service, "/usr/local/bin/tcpserver", "/usr/bin/tcpserver")
        edited(system, service, "-m 9000000", "-m 90000000")
    eventually(lambda: "/usr/bin/tcpserver" in system.sh("pgrep -ax tcpserver", check=False), what="C")
    system.through("c-tcpserver")
    for service in ("qmail-smtpd", "qmail-pop3d"):
        edited(system, service, "/usr/bin/tcpserver", "/usr/local/bin/tcpserver")
        edited(system, service, "-m 90000000", "-m 9000000")


def test_c_softlimit_and_setuidgid(system: MailSystem) -> None:
    edited(system, "qmail-smtpd", "/usr/local/bin/softlimit -m 9000000", "/usr/bin/softlimit -m 90000000")
    edited(system, "qmail-smtpd/log", "/usr/local/bin/setuidgid", "/usr/bin/setuidgid")
    system.through("c-softlimit")


@pytest.mark.parametrize("program", ["svscan", "supervise"])
def test_c_half_of_the_supervision(program: str) -> None:
    """C svscan with our supervise, or our svscan with the C supervise."""
    with installed() as system:
        system.sh("useradd -m joe && su joe -c '/var/qmail/bin/maildirmake ~/Maildir'")
        system.sh(f"rm /usr/local/bin/{program}; ln -s /usr/bin/{program} /usr/local/bin/{program}")
        system.start_svscan("/usr/local/bin/svscan /service")
        system.wait_up()
        system.through(f"c-{program}")
