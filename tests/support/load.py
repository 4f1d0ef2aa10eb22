"""Many messages to a running mail system, and a look at what became of each"""

import re
import subprocess
from collections import Counter

from tests.support.mail import FQDN, MailSystem
from tests.support.world import eventually

SOURCE = "/mnt/source/tests/support"
PYTHON = "/usr/bin/python3"
# Recipients of a message: where it must arrive. What goes to nobody comes back to joe.
PLACES = {
    "joe": {"joe"},
    "joe,ann": {"joe", "ann"},
    "joe-box": {"box"},
    "joe-forward": {"ann"},
    "nobody": {"joe"},
    "far": {"far"},
}
FOLDERS = {"joe": "/home/joe/Maildir/new", "ann": "/home/ann/Maildir/new", "far": "/opt/tmp/sink"}
BOX = "/home/joe/box"
ACCOUNTS = """
for name in joe ann; do
    id $name >/dev/null 2>&1 || { useradd -m $name; su $name -c '/var/qmail/bin/maildirmake ~/Maildir'; }
done
su joe -c 'echo ./box >~/.qmail-box; echo "&ann" >~/.qmail-forward'
echo far.test:127.0.0.1:2526 >/var/qmail/control/smtproutes
echo far.test >>/var/qmail/control/rcpthosts
mkdir -m 777 -p /opt/tmp/sink
"""
NUMBER = re.compile(rb"^X-Number: <(\d+)>", re.MULTILINE)
WAITING = "cd /var/qmail/queue && find todo info bounce local remote -type f"


def prepare(system: MailSystem) -> None:
    """Make the recipients of PLACES; the host of `far` listens when this returns."""
    system.sh(ACCOUNTS)
    system.machine.start(
        "smtp-sink", "-u", "nobody", "-d", "/opt/tmp/sink/%H%M%S.%p.", "127.0.0.1:2526", "10"
    )
    eventually(lambda: system.connects(2526), what="smtp-sink")


class Load:
    """Messages with numbers, on their way as long as the sender runs."""

    def __init__(
        self, system: MailSystem, seconds: float, count: int = 100_000, kinds: "tuple[str, ...]" = ()
    ) -> None:
        """kinds: keys of PLACES, used in turn; all of them if none is given."""
        self._system, self._kinds = system, kinds or tuple(PLACES)
        words = (f"{SOURCE}/storm_sender.py", str(count), str(seconds), FQDN, *self._kinds)
        self._process = subprocess.Popen(
            system.machine.command(PYTHON, *words), stdout=subprocess.PIPE, text=True
        )
        self.accepted: set[int] = set()
        self.replies = 0

    def finish(self) -> None:
        """Wait for the sender's end: `accepted` are the messages that were answered with 250."""
        lines = [line.split() for line in self._process.communicate(timeout=100)[0].splitlines()]
        self.replies = len(lines)
        self.accepted = {int(number) for number, what in lines if what == "accepted"}

    def copies(self) -> dict[str, "Counter[int]"]:
        """For each place, how often each message is there."""
        found = {}
        for name, folder in FOLDERS.items():
            texts = (path.read_bytes() for path in self._system.machine.path(folder).iterdir())
            matches = (NUMBER.search(text) for text in texts)
            found[name] = Counter(int(match.group(1)) for match in matches if match)
        box = self._system.machine.path(BOX)
        found["box"] = Counter(map(int, NUMBER.findall(box.read_bytes() if box.exists() else b"")))
        return found

    def lost(self) -> list[tuple[int, str]]:
        """What was accepted and is not where it must be."""
        found = self.copies()
        kinds = self._kinds
        places = [(n, place) for n in sorted(self.accepted) for place in PLACES[kinds[n % len(kinds)]]]
        return [(n, place) for n, place in places if not found[place][n]]


def drain(system: MailSystem, timeout: float = 60) -> None:
    """Until nothing waits for delivery; what was put off is tried at once.

    A bounce whose submission failed waits 123 seconds, unless qmail-send begins anew.
    """
    system.wait_up()  # a submission fails while the queue service is still on its way
    for pid in system.pids("qmail-send"):
        system.sh(f"kill {pid}", check=False)

    def empty() -> bool:
        system.sh("svc -a /service/qmail-send", check=False)
        return not system.sh(WAITING, check=False)

    try:
        eventually(empty, timeout, "an empty queue")
    except AssertionError as error:
        left = system.sh(WAITING, check=False)
        raise AssertionError(f"{error}\n{left}\n{system.log()[-3000:]}") from None
