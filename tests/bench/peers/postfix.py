"""Debian's Postfix with Debian's master.cf, but its own port, no chroot, and limits that leave it room"""

from tests.bench import backlog
from tests.bench.rig import SINK_HOST, SINK_PORT, Rig
from tests.support.processes import children
from tests.support.world import eventually

PORT = 2500
DOMAIN = "postfix.test"
QUEUES = ("maildrop", "incoming", "active", "deferred")
SETTINGS = {
    "myhostname": DOMAIN,
    "mydestination": DOMAIN,
    "inet_interfaces": "loopback-only",
    "inet_protocols": "ipv4",
    "mynetworks": "127.0.0.0/8",
    "home_mailbox": "Maildir/",
    "mailbox_command": "",
    "alias_maps": "",
    "alias_database": "",
    "biff": "no",
    "compatibility_level": "3.6",
    "maillog_file": "/var/log/postfix.log",
    "smtpd_peername_lookup": "no",
    "smtpd_client_connection_count_limit": "0",
    "smtpd_tls_security_level": "none",
    "smtp_tls_security_level": "none",
    "smtp_dns_support_level": "disabled",
    "transport_maps": f"inline:{{ {{ {SINK_HOST} = smtp:[127.0.0.1]:{SINK_PORT} }} }}",
    "message_size_limit": "0",
    "mailbox_size_limit": "0",
    "default_process_limit": "200",
    "default_destination_concurrency_limit": "20",
    "local_destination_concurrency_limit": "20",
    "initial_destination_concurrency": "20",
    "in_flow_delay": "0",
}
# Not Debian's defaults, and of weight for speed; the others only say where and for whom.
TUNED = (
    "smtpd_peername_lookup", "smtpd_client_connection_count_limit", "default_process_limit",
    "default_destination_concurrency_limit", "local_destination_concurrency_limit",
    "initial_destination_concurrency", "in_flow_delay",
)  # fmt: skip


class Postfix:
    """Postfix, running in a rig."""

    name = "Postfix"
    smtp = PORT
    domain = DOMAIN
    sendmail = "/usr/sbin/sendmail"
    settings = (*(f"{name} = {SETTINGS[name]}" for name in TUNED), "master.cf: no chroot")

    def __init__(self, rig: Rig) -> None:
        self._rig, self._waiting = rig, 0
        shell = rig.machine.sh
        lines = "".join(f"{name} = {value}\n" for name, value in SETTINGS.items())
        rig.machine.run("tee", "/etc/postfix/main.cf", stdin=lines.encode())
        shell("postconf -F '*/*/chroot=n'")
        shell(f"sed -i 's/^smtp  *inet/127.0.0.1:{PORT} inet/' /etc/postfix/master.cf")
        self.version = shell("postconf -h mail_version").strip()
        shell("postfix start")
        eventually(lambda: rig.connects(PORT), 20, "Postfix")

    def roots(self) -> list[int]:
        found = children(self._rig.machine.pid)
        return [pid for pid in found if self._name(pid) == "master"]

    def _name(self, pid: int) -> str:
        from tests.bench.processes import table

        process = table().get(pid)
        return process.name if process else ""

    def queued(self) -> int:
        spool = self._rig.inside("/var/spool/postfix")
        return backlog.total(spool / queue for queue in QUEUES) - self._waiting

    def backlog(self, count: int) -> None:
        backlog.postfix(self._rig, count, self._defer_one)
        self._waiting = count
        self._rig.machine.sh("postfix stop && postfix start")
        eventually(lambda: self._rig.connects(PORT), 60, "Postfix")

    def _defer_one(self) -> None:
        """Leave one message in the deferred queue."""
        self._waiting = 0
        text = f"echo x | sendmail -f waiting@source.test far@{SINK_HOST}"
        self._rig.machine.sh(f"postconf -e defer_transports=smtp && postfix reload && {text}")
        eventually(lambda: backlog.total([self._rig.inside("/var/spool/postfix/deferred")]), 20, "deferred")
        self._rig.machine.sh("postconf -X defer_transports")
