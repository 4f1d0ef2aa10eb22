"""A machine with the mail system installed and running, and what tests do with it"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.support.machine import Machine, machine
from tests.support.world import eventually

FQDN = "mail.example.org"
SERVICES = ("qmail-send", "qmail-smtpd", "qmail-pop3d", "qmail-queued")
# Sends standard input, already dot-stuffed and with CRLF, as one message; prints each reply.
SMTP = """
import socket, sys
def reply(f):
    line = f.readline()
    print(line.decode().rstrip(), flush=True)
    return line
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 60)
f = s.makefile("rb")
reply(f)
sender, recipients = sys.argv[3], sys.argv[4].split(",")
s.sendall(b"EHLO client.test\\r\\n")
while f.readline()[3:4] == b"-": pass
s.sendall(b"MAIL FROM:<%s>\\r\\n" % sender.encode()); reply(f)
for r in recipients:
    s.sendall(b"RCPT TO:<%s>\\r\\n" % r.encode()); reply(f)
s.sendall(b"DATA\\r\\n"); reply(f)
s.sendall(sys.stdin.buffer.read() + b".\\r\\n"); reply(f)
s.sendall(b"QUIT\\r\\n"); reply(f)
"""


class MailSystem:
    """The installed system in a machine."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.sh = machine.sh

    def start_svscan(self, command: str = "/usr/local/bin/svscanboot") -> None:
        self.machine.start("/bin/sh", "-c", f"exec {command} </dev/null >/dev/null 2>&1")

    def up(self, service: str, least: int = 0) -> bool:
        """Whether a service has been up for so many seconds."""
        words = self.sh(f"svstat /service/{service}", check=False).split()
        return words[1:2] == ["up"] and int(words[4]) >= least

    def wait_up(self, *services: str) -> None:
        for name in services or tuple(n + log for n in SERVICES for log in ("", "/log")):
            eventually(lambda name=name: self.up(name), 30, f"{name} up")
        for port in (25, 110):
            if not services:
                eventually(lambda port=port: self.connects(port), 20, f"port {port}")

    def connects(self, port: int) -> bool:
        script = f"exec 3<>/dev/tcp/127.0.0.1/{port}"
        return not self.machine.run("bash", "-c", script, check=False).returncode

    def send(self, body: bytes, to: str, sender: str = "", check: bool = True) -> list[str]:
        """One message by SMTP, body with LF line ends; the greeting, and the replies from MAIL on."""
        data = body.replace(b"\n", b"\r\n")
        data = b"\r\n".join(b"." + line if line.startswith(b".") else line for line in data.split(b"\r\n"))
        words = ("/usr/bin/python3", "-c", SMTP, "127.0.0.1", "25", sender, to)
        return self.machine.run(*words, stdin=data, check=check).stdout.decode().splitlines()

    def through(self, token: str) -> None:
        """A message goes through, if not at the first attempt then soon: services may be restarting."""
        body = b"Subject: %s\n\nx\n" % token.encode()

        def accepted() -> bool:
            replies = self.send(body, f"joe@{FQDN}", check=False)
            return any(line.startswith("250 ok ") for line in replies)

        eventually(accepted, 40, f"{token} accepted")
        self.wait_mail("/home/joe/Maildir", token.encode(), timeout=60)

    def mailbox(self, path: str) -> list[Path]:
        """The messages in a Maildir, oldest first."""
        found = [*self.machine.path(f"{path}/new").glob("*"), *self.machine.path(f"{path}/cur").glob("*")]
        return sorted(found, key=lambda message: message.stat().st_mtime_ns)

    def wait_mail(self, path: str, holding: bytes, count: int = 1, timeout: float = 30) -> bytes:
        """Wait until `count` messages in a Maildir hold some bytes; the latest of them."""

        def found() -> list[bytes]:
            contents = []
            for message in self.mailbox(path):
                with contextlib.suppress(FileNotFoundError):
                    contents.append(message.read_bytes())
            hits = [content for content in contents if holding in content]
            return hits if len(hits) >= count else []

        hits = eventually(found, timeout, f"{count} messages with {holding!r} in {path}")
        assert isinstance(hits, list)
        return bytes(hits[-1])

    def log(self, name: str = "") -> str:
        """All that a log directory holds."""
        folder = self.machine.path(f"/var/log/qmail/{name}")
        files = [path for path in [*sorted(folder.glob("@*")), folder / "current"] if path.exists()]
        return "".join(path.read_text(errors="replace") for path in files)

    def wait_log(self, text: str, name: str = "", timeout: float = 30) -> str:
        eventually(lambda: text in self.log(name), timeout, f"{text!r} in log {name!r}")
        return self.log(name)

    def queue_empty(self) -> bool:
        return "messages in queue: 0\n" in self.sh("qmailctl stat", check=False)

    def pids(self, name: str) -> list[int]:
        """The pids, as the machine sees them, of processes of that name."""
        return [int(pid) for pid in self.sh(f"pgrep -x {name[:15]}", check=False).split()]

    def assert_no_traceback(self) -> None:
        for name in ("", "smtpd", "pop3d", "queued"):
            lines = self.log(name).splitlines()
            faults = [line for line in lines if "Traceback" in line or "internal bug" in line]
            assert not faults, faults


@contextlib.contextmanager
def installed(*options: str, fqdn: str = FQDN) -> Iterator[MailSystem]:
    """A machine where `pymail install` was run; svscanboot is not started yet."""
    with machine() as here:
        here.install_code()
        here.sh(f"echo 127.0.1.1 {fqdn} >>/etc/hosts")
        here.tool("pymail", "install", "--fqdn", fqdn, *options)
        yield MailSystem(here)


@contextlib.contextmanager
def running(*options: str, fqdn: str = FQDN) -> Iterator[MailSystem]:
    """A machine with the whole system up, and the account joe, password secret."""
    with installed(*options, fqdn=fqdn) as system:
        system.sh("useradd -m joe && echo joe:secret | chpasswd")
        system.sh("su joe -c '/var/qmail/bin/maildirmake ~/Maildir'")
        system.start_svscan()
        system.wait_up()
        yield system
