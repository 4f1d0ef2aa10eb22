"""The installation document, typed as it stands from 3.2 to 10.3, and mail through what it makes"""

from collections.abc import Iterator

import pytest

from tests.support.machine import machine
from tests.support.mail import FQDN, MailSystem
from tests.support.world import ROOT, eventually

pytestmark = [pytest.mark.root, pytest.mark.timeout(240)]

SERVICES = ("qmail-send", "qmail-smtpd", "qmail-pop3d")
ACCOUNTS = """
groupadd nofiles
useradd -g nofiles -d /var/qmail qmaild
useradd -g nofiles -d /var/qmail qmaill
useradd -g nofiles -d /var/qmail qmailp
useradd -g nofiles -d /var/qmail/alias alias
groupadd qmail
useradd -g qmail -d /var/qmail qmailq
useradd -g qmail -d /var/qmail qmailr
useradd -g qmail -d /var/qmail qmails
"""
ALIASES = """
useradd -m adminmails;
cd ~alias;
echo "adminmails" > .qmail-postmaster;
echo "adminmails" > .qmail-mailer-daemon;
echo "adminmails" > .qmail-root;
echo "adminmails" > .qmail-postmaster;
echo "adminmails" > .qmail-abuse;
chmod 644 ~alias/.qmail* ;
su - adminmails -c '/var/qmail/bin/maildirmake ~/Maildir'
"""
RC = """
cat >/var/qmail/rc <<'END'
#!/bin/sh
# Using stdout for logging
# Using control/defaultdelivery from qmail-local to deliver messages by default
exec env - PATH="/var/qmail/bin:$PATH" \\
qmail-start "`cat /var/qmail/control/defaultdelivery`"
END
chmod 755 /var/qmail/rc
echo ./Maildir/ >/var/qmail/control/defaultdelivery
"""
SENDMAIL = """
chmod 0 /usr/lib/sendmail ;
chmod 0 /usr/sbin/sendmail ;
mv /usr/lib/sendmail /usr/lib/sendmail.bak ;
mv /usr/sbin/sendmail /usr/sbin/sendmail.bak ;
ln -s /var/qmail/bin/sendmail /usr/lib/sendmail ;
ln -s /var/qmail/bin/sendmail /usr/sbin/sendmail
"""
SUPERVISE = f"""
mkdir -p /var/qmail/supervise/qmail-send/log
mkdir -p /var/qmail/supervise/qmail-smtpd/log
mkdir -p /var/qmail/supervise/qmail-pop3d/log
cp -r {{tree}}/qmail-send {{tree}}/qmail-smtpd {{tree}}/qmail-pop3d /var/qmail/supervise/
sed -i 's/^FQDN /{FQDN} /' /var/qmail/supervise/qmail-pop3d/run
echo 20 > /var/qmail/control/concurrencyincoming
chmod 644 /var/qmail/control/concurrencyincoming
mkdir -p /var/log/qmail/smtpd
mkdir /var/log/qmail/pop3d
chown qmaill /var/log/qmail
chown qmaill /var/log/qmail/smtpd
chown qmaill /var/log/qmail/pop3d
chmod 755 /var/qmail/supervise/qmail-send/run
chmod 755 /var/qmail/supervise/qmail-send/log/run
chmod 755 /var/qmail/supervise/qmail-smtpd/run
chmod 755 /var/qmail/supervise/qmail-smtpd/log/run
chmod 755 /var/qmail/supervise/qmail-pop3d/run
chmod 755 /var/qmail/supervise/qmail-pop3d/log/run
ln -s /var/qmail/supervise/qmail-send /service/qmail-send
ln -s /var/qmail/supervise/qmail-smtpd /service/qmail-smtpd
ln -s /var/qmail/supervise/qmail-pop3d /service/qmail-pop3d
"""
# The interface of Life with qmail's script, with section 8.3 of the document worked in.
SHELL_QMAILCTL = r"""#!/bin/sh
PATH=/var/qmail/bin:/bin:/usr/bin:/usr/local/bin:/usr/local/sbin
export PATH
QMAILDUID=`id -u qmaild`
NOFILESGID=`id -g qmaild`
case "$1" in
  start)
    echo "Starting qmail"
    for s in qmail-send qmail-smtpd; do
      if svok /service/$s ; then
        svc -u /service/$s /service/$s/log
      else
        echo "$s supervise not running"
      fi
    done
    if svok /service/qmail-pop3d ; then
    svc -u /service/qmail-pop3d /service/qmail-pop3d/log
    else
    echo qmail-pop3d supervise not running
    fi
    ;;
  stop)
    echo "Stopping qmail..."
    echo "  qmail-smtpd"
    svc -d /service/qmail-smtpd /service/qmail-smtpd/log
    echo "  qmail-send"
    svc -d /service/qmail-send /service/qmail-send/log
    echo " qmail-pop3d"
    svc -d /service/qmail-pop3d /service/qmail-pop3d/log
    ;;
  stat)
    svstat /service/qmail-send
    svstat /service/qmail-send/log
    svstat /service/qmail-smtpd
    svstat /service/qmail-smtpd/log
    svstat /service/qmail-pop3d
    svstat /service/qmail-pop3d/log
    qmail-qstat
    ;;
  doqueue|alrm|flush)
    /var/qmail/bin/qmail-tcpok
    svc -a /service/qmail-send
    ;;
  pause)
    svc -p /service/qmail-send
    svc -p /service/qmail-smtpd
    echo "Pausing qmail-pop3d"
    svc -p /service/qmail-pop3d
    ;;
  cont)
    svc -c /service/qmail-send
    svc -c /service/qmail-smtpd
    echo "Continuing qmail-pop3d"
    svc -c /service/qmail-pop3d
    ;;
  cdb)
    tcprules /etc/tcp.smtp.cdb /etc/tcp.smtp.tmp < /etc/tcp.smtp
    chmod 644 /etc/tcp.smtp.cdb
    echo "Reloaded /etc/tcp.smtp."
    ;;
esac
"""
MPOPRC = """defaults
tls off
auth user
account default
host 127.0.0.1
port 110
user adminmails
password sesame
"""


@pytest.fixture(scope="module")
def system() -> Iterator[MailSystem]:
    """The machine after section 10.3, with svscanboot running."""
    with machine() as here:
        here.install_code()
        here.sh(f"echo 127.0.1.1 {FQDN} mail >>/etc/hosts; hostname mail")
        here.tool("pysvc", "install")
        here.sh(ACCOUNTS)
        here.tool("pymail", "install", "--bare")
        here.sh("cd /var/qmail/bin; ./config;")
        here.sh(ALIASES)
        here.sh("echo adminmails:sesame | chpasswd")
        here.sh(RC)
        here.sh(SENDMAIL)
        here.sh("ln -s /var/qmail/bin/qmailctl /usr/bin")
        here.sh(SUPERVISE.format(tree="/opt/pymail/service"))
        made = MailSystem(here)
        made.start_svscan()
        made.wait_up(*(name + log for name in SERVICES for log in ("", "/log")))
        for port in (25, 110):
            eventually(lambda port=port: made.connects(port), what=f"port {port}")
        yield made


def test_run_scripts_are_the_documents() -> None:
    smtpd = (ROOT / "service/qmail-smtpd/run").read_text()
    assert "exec /usr/local/bin/softlimit -m 9000000 \\\n" in smtpd
    assert smtpd.endswith('-u "$QMAILDUID" -g "$NOFILESGID" 0 smtp /var/qmail/bin/qmail-smtpd 2>&1\n')


def test_swaks_in_mpop_out(system: MailSystem) -> None:
    words = f"--server 127.0.0.1 --to postmaster@{FQDN} --from joe@remote.test --body token-one"
    said = system.sh(f"swaks {words} 2>&1")
    assert "250 ok" in said
    stored = system.wait_mail("/home/adminmails/Maildir", b"token-one")
    assert stored.startswith(b"Return-Path: <joe@remote.test>\nDelivered-To: adminmails@")
    system.machine.path("/opt/tmp/mpoprc").write_text(MPOPRC)
    system.sh("chmod 600 /opt/tmp/mpoprc; mkdir -m 700 -p /opt/tmp/out/tmp /opt/tmp/out/new /opt/tmp/out/cur")

    def fetched() -> bool:
        options = "--file=mpoprc --keep=off --deliver=maildir,/opt/tmp/out --uidls-file=/opt/tmp/uidls"
        system.sh(f"cd /opt/tmp && mpop {options}")
        return any(b"token-one" in p.read_bytes() for p in system.machine.path("/opt/tmp/out/new").glob("*"))

    eventually(fetched, what="mpop fetches the message")
    assert not system.mailbox("/home/adminmails/Maildir")


def test_wrong_password(system: MailSystem) -> None:
    script = "exec 3<>/dev/tcp/127.0.0.1/110; printf 'USER adminmails\\r\\nPASS wrong\\r\\n' >&3; cat <&3"
    assert "-ERR authorization failed" in system.sh(script)


def test_logs_are_stamped(system: MailSystem) -> None:
    system.send(b"Subject: x\n\nstamped\n", f"root@{FQDN}")
    system.wait_log("end msg")
    for name, word in (("", "starting delivery"), ("smtpd", "tcpserver: ok"), ("smtpd", "qmail-smtpd: ")):
        lines = system.wait_log(word, name).splitlines()
        assert all(line.startswith("@4000") and line[25] == " " for line in lines)


def test_shell_qmailctl(system: MailSystem) -> None:
    system.machine.path("/opt/tmp/qmailctl").write_text(SHELL_QMAILCTL)
    eventually(system.queue_empty, what="the queue is empty")
    said = system.sh("sh /opt/tmp/qmailctl stat")
    assert said.count(": up (pid ") == 6
    assert said.endswith("messages in queue: 0\nmessages in queue but not yet preprocessed: 0\n")
    system.sh("sh /opt/tmp/qmailctl stop")
    eventually(lambda: " down " in system.sh("svstat /service/qmail-smtpd"), what="stopped")
    system.sh("sh /opt/tmp/qmailctl start; sh /opt/tmp/qmailctl pause")
    eventually(lambda: ", paused" in system.sh("svstat /service/qmail-pop3d"), what="paused")
    assert "Continuing qmail-pop3d" in system.sh("sh /opt/tmp/qmailctl cont")
    eventually(lambda: system.connects(25), what="smtpd back")


def all_up(system: MailSystem) -> str:
    """What qmailctl says of six services that are up; empty as long as one of them is not, again."""
    said = system.sh("qmailctl stat")
    return said if said.count(": up (pid ") == 6 else ""


def test_own_qmailctl(system: MailSystem) -> None:
    said = str(eventually(lambda: all_up(system), 30, "all services up"))
    assert "/service/qmail-pop3d/log: up" in said
    paused = system.sh("qmailctl pause").splitlines()
    assert paused == [f"Pausing {name}" for name in ("qmail-send", "qmail-smtpd", "qmail-pop3d")]
    system.sh("qmailctl cont")


def test_local_mail_without_setuid(system: MailSystem) -> None:
    system.sh("su adminmails -c 'echo by-sendmail | /usr/sbin/sendmail adminmails'")
    system.wait_mail("/home/adminmails/Maildir", b"by-sendmail")
    system.sh("su adminmails -c 'echo to: adminmails | /var/qmail/bin/qmail-inject'")
    found = system.sh("find /var/qmail /usr/local/bin /service /bin/checkpassword -type f -perm /6000")
    assert found == ""
    system.sh("svc -d /service/qmail-send")
    eventually(lambda: " down " in system.sh("svstat /service/qmail-send"), what="send down")
    system.sh("su adminmails -c 'echo while-down | /usr/sbin/sendmail adminmails'")
    assert not any(b"while-down" in m.read_bytes() for m in system.mailbox("/home/adminmails/Maildir"))
    system.sh("svc -u /service/qmail-send")
    system.wait_mail("/home/adminmails/Maildir", b"while-down")
    system.assert_no_traceback()
