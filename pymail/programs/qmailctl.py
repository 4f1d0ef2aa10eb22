"""qmailctl - start, stop and watch the mail system

Synopsis:    qmailctl {start|stop|restart|doqueue|flush|reload|stat|pause|cont|cdb|queue|help}
Verbs:       as `qmailctl help` says; the output is that of the script of Life with qmail
Services:    those in the scanned directory (the home's `service` if it has one, else /service) whose
             names begin with `qmail-` or which lie in the home's `supervise`. qmail-send and
             qmail-smtpd come first; the others follow in alphabetical order, so that qmail-pop3d and
             whatever is added later are included. stop, pause and restart leave qmail-queued alone:
             as with the original, local programs can queue mail while the system is down
Files:       /etc/tcp.smtp, /etc/tcp.smtp.cdb   tcpserver's rules, compiled by `cdb`; a home other than
                         /var/qmail has control/tcp.smtp
             /var/lock/subsys/qmail     made by start and removed by stop, if its directory exists; not
                         for a private instance
Exit codes:  0 for every known verb, whatever the tools said; 1 for others
"""

import os

from pymail.unix.home import Home
from pysvc import launch
from pysvc.unix import chain
from pysvc.unix.files import write_all
from pysvc.unix.strerr import unable_to, warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

USAGE = "{start|stop|restart|doqueue|flush|reload|stat|pause|cont|cdb|queue|help}"
SUBSYS = "/var/lock/subsys"
SEND, SMTPD, QUEUED = "qmail-send", "qmail-smtpd", "qmail-queued"
PATH = "/bin:/usr/bin:/usr/local/bin:/usr/local/sbin"  # after the home's bin
HELP = {
    "stop": "stops mail service (smtp connections refused, nothing goes out)",
    "start": "starts mail service (smtp connection accepted, mail can go out)",
    "pause": "temporarily stops mail service (connections accepted, nothing leaves)",
    "cont": "continues paused mail service",
    "stat": "displays status of mail service",
    "cdb": "rebuild the tcpserver cdb file for smtp",
    "restart": "stops and restarts smtp, sends qmail-send a TERM & restarts it",
    "doqueue": "schedules queued messages for immediate delivery",
    "reload": "sends qmail-send HUP, rereading locals and virtualdomains",
    "queue": "shows status of queue",
    "alrm": "same as doqueue",
    "flush": "same as doqueue",
    "hup": "same as reload",
}


def say(line: str) -> None:
    """One line on descriptor 1, at once: the tools write there too."""
    write_all(1, os.fsencode(line) + b"\n")


def tool(*words: str, stdin: str | None = None) -> int:
    """Run a program, if ours without a new interpreter, and wait for it; its exit code."""

    def body() -> int:
        if stdin is not None:
            with unable_to(f"read {stdin}"):
                os.dup2(os.open(stdin, os.O_RDONLY), 0)
        with unable_to(f"run {words[0]}"):
            chain.run(list(words))

    return os.waitstatus_to_exitcode(os.waitpid(launch.fork("qmailctl", body), 0)[1])


class Control:
    """The verbs, for one home."""

    def __init__(self, home: Home) -> None:
        self.home = home
        own = home.file("service")
        self.scan = own if os.path.isdir(own) else "/service"
        classic = home.path == "/var/qmail"
        self.rules = "/etc/tcp.smtp" if classic else home.file("control", "tcp.smtp")
        self.others = self._others()

    def path(self, name: str) -> str:
        return f"{self.scan}/{name}"

    def _others(self) -> list[str]:
        """Services beside qmail-send and qmail-smtpd, in alphabetical order."""
        try:
            names = sorted(os.listdir(self.scan))
        except OSError:
            return []
        tree = self.home.file("supervise") + "/"
        return [
            name
            for name in names
            if name not in (SEND, SMTPD)
            and (name.startswith("qmail-") or os.path.realpath(self.path(name)).startswith(tree))
            and os.path.isdir(self.path(name))
        ]

    def _stoppable(self) -> list[str]:
        return [name for name in self.others if name != QUEUED]

    def with_log(self, name: str) -> list[str]:
        """A service and its log service, if it has one (the two classic ones always count as having it)."""
        path = self.path(name)
        return [path, f"{path}/log"] if name in (SEND, SMTPD) or os.path.isdir(f"{path}/log") else [path]

    def svc(self, letter: str, *services: str) -> None:
        tool("svc", f"-{letter}", *services)

    def start(self) -> None:
        say("Starting qmail")
        for name in (*(n for n in self.others if n == QUEUED), SEND, SMTPD, *self._stoppable()):
            if tool("svok", self.path(name)) == 0:
                self.svc("u", *self.with_log(name))
            else:
                say(f"{name} supervise not running")
        self._account(lambda path: os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)))

    def stop(self) -> None:
        say("Stopping qmail...")
        for name in (SMTPD, SEND, *self._stoppable()):
            say(f"  {name}")
            self.svc("d", *self.with_log(name))
        self._account(os.unlink)

    def _account(self, change: "Callable[[str], None]") -> None:
        """Make or remove what tells the start-up scripts that mail runs; a private instance has none."""
        if self.home.private or not os.path.isdir(SUBSYS):
            return
        try:
            change(f"{SUBSYS}/qmail")
        except FileNotFoundError:
            pass  # it was not running
        except OSError as error:
            warn("qmailctl", f"unable to change {SUBSYS}/qmail", error)

    def restart(self) -> None:
        say("Restarting qmail:")
        say("* Stopping qmail-smtpd.")
        self.svc("d", *self.with_log(SMTPD))
        say("* Sending qmail-send SIGTERM and restarting.")
        self.svc("t", *self.with_log(SEND))
        say("* Restarting qmail-smtpd.")
        self.svc("u", *self.with_log(SMTPD))
        for name in self._stoppable():
            say(f"* Restarting {name}.")
            self.svc("t", *self.with_log(name))

    def stat(self) -> None:
        for name in (SEND, SMTPD, *self.others):
            for service in self.with_log(name):
                tool("svstat", service)
        tool("qmail-qstat")

    def queue(self) -> None:
        tool("qmail-qstat")
        tool("qmail-qread")

    def doqueue(self) -> None:
        say("Flushing timeout table and sending ALRM signal to qmail-send.")
        tool(self.home.file("bin", "qmail-tcpok"))
        self.svc("a", self.path(SEND))

    def reload(self) -> None:
        say("Sending HUP signal to qmail-send.")
        self.svc("h", self.path(SEND))

    def pause(self) -> None:
        for name in (SEND, SMTPD, *self._stoppable()):
            say(f"Pausing {name}")
            self.svc("p", self.path(name))

    def cont(self) -> None:
        for name in (SEND, SMTPD, *self._stoppable()):
            say(f"Continuing {name}")
            self.svc("c", self.path(name))

    def cdb(self) -> None:
        tool("tcprules", f"{self.rules}.cdb", f"{self.rules}.tmp", stdin=self.rules)
        try:
            os.chmod(f"{self.rules}.cdb", 0o644)
        except FileNotFoundError:
            pass  # tcprules said why
        say(f"Reloaded {self.rules}.")

    def help(self) -> None:
        for verb, text in HELP.items():
            say(f"{verb:>7} -- {text}")


VERBS: "dict[str, Callable[[Control], None]]" = {
    "start": Control.start, "stop": Control.stop, "restart": Control.restart, "stat": Control.stat,
    "queue": Control.queue, "doqueue": Control.doqueue, "alrm": Control.doqueue, "flush": Control.doqueue,
    "reload": Control.reload, "hup": Control.reload, "pause": Control.pause, "cont": Control.cont,
    "cdb": Control.cdb, "help": Control.help,
}  # fmt: skip


def main(argv: list[str]) -> int:
    home = Home.of(argv[0])
    verb = VERBS.get(argv[1]) if len(argv) > 1 else None
    if verb is None:
        say(f"Usage: {argv[0]} {USAGE}")
        return 1
    os.environ["PATH"] = f"{home.file('bin')}:{PATH}"
    for name in ("svc", "svok", "svstat"):
        launch.preload(name)
    verb(Control(home))
    return 0
