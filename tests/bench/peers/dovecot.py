"""Debian's Dovecot as a POP3 server for the same Maildir and the same account"""

from tests.bench.rig import Rig
from tests.support.processes import children
from tests.support.world import eventually

PORT = 1100
CONFIG = f"""
protocols = pop3
listen = 127.0.0.1
base_dir = /run/dovecot-bench
ssl = no
disable_plaintext_auth = no
mail_location = maildir:~/Maildir
log_path = /var/log/dovecot.log
passdb {{
  driver = shadow
}}
userdb {{
  driver = passwd
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {PORT}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
"""


class Dovecot:
    """Dovecot's pop3d, running in a rig."""

    name = "Dovecot"
    pop3 = PORT
    settings: tuple[str, ...] = ("pop3 only, no TLS, passwords from shadow, maildir:~/Maildir",)

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        rig.machine.run("tee", "/opt/tmp/dovecot.conf", stdin=CONFIG.encode())
        self.version = rig.machine.sh("dovecot --version").split()[0]
        rig.machine.sh("dovecot -c /opt/tmp/dovecot.conf >/opt/tmp/dovecot.out 2>&1 </dev/null")
        eventually(lambda: rig.connects(PORT), 20, "Dovecot")

    def roots(self) -> list[int]:
        pid = self._rig.machine.path("/run/dovecot-bench/master.pid").read_text().strip()
        inside = (f"/proc/{outer}/status" for outer in children(self._rig.machine.pid))
        found = [path for path in inside if _innermost(path) == pid]
        return [int(path.split("/")[2]) for path in found]


def _innermost(path: str) -> str:
    """A process's pid as its own namespace numbers it."""
    with open(path) as status:
        lines = [line for line in status if line.startswith("NSpid:")]
    return lines[0].split()[-1] if lines else ""
