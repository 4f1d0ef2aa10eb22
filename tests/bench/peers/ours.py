"""pymail as `pymail install` leaves it: svscanboot's whole tree, the shipped run scripts, multilog's logs"""

import pysvc
from tests.bench import backlog
from tests.bench.rig import SINK_HOST, SINK_PORT, Rig
from tests.support.mail import FQDN, MailSystem
from tests.support.processes import children

CONTROLS = {
    "concurrencyincoming": "200",
    "concurrencylocal": "20",
    "smtproutes": f"{SINK_HOST}:127.0.0.1:{SINK_PORT}",
}
RELAY = '127.:allow,RELAYCLIENT=""'


class Ours:
    """The installed system in a rig; `system` is what tests do with it."""

    name = "pymail"
    version = pysvc.__version__
    smtp, pop3 = 25, 110
    domain = FQDN
    sendmail = "/var/qmail/bin/sendmail"
    settings = (
        *(f"control/{name}: {value}" for name, value in CONTROLS.items()),
        "tcpserver -H: no look-up of names",
    )

    def __init__(self, rig: Rig) -> None:
        self._rig, self._waiting = rig, 0
        self.system = MailSystem(rig.machine)
        self.system.sh(f"echo 127.0.1.1 {FQDN} >>/etc/hosts")
        rig.machine.tool("pymail", "install", "--fqdn", FQDN)
        for name, value in CONTROLS.items():
            self.control(name, value)
        self.system.sh(f"echo '{RELAY}' >/etc/tcp.smtp && qmailctl cdb")
        self.system.sh("sed -i 's/ -v -R / -v -R -H /' /var/qmail/supervise/qmail-smtpd/run")
        self._svscan = len(rig.machine.started)
        self.system.start_svscan()
        self.system.wait_up()

    def control(self, name: str, value: str) -> None:
        """Write a control file; what reads it only at its start must be started again."""
        path = self._rig.inside(f"/var/qmail/control/{name}")
        path.write_text(value + "\n")
        path.chmod(0o644)

    def roots(self) -> list[int]:
        return children(self._rig.machine.started[self._svscan].pid)

    def queued(self) -> int:
        queue = self._rig.inside("/var/qmail/queue")
        return backlog.total((queue / "mess", queue / "todo")) - self._waiting

    def backlog(self, count: int) -> None:
        self.system.sh("svc -wd -d /service/qmail-send")
        backlog.classic(self._rig, count)
        self._waiting = count
        self.system.sh("svc -wu -u /service/qmail-send")
