"""qmailctl as a process: what it says, and what it has the tools do"""

from pathlib import Path

import pytest

from tests.support.homes import private_home
from tests.support.world import Place

USAGE = "{start|stop|restart|doqueue|flush|reload|stat|pause|cont|cdb|queue|help}"
TOOLS = ("svc", "svok", "svstat", "qmail-tcpok", "qmail-qstat", "qmail-qread")
SHOW = '#!/bin/sh\necho "[${0##*/} $*]" | sed "s#$PWD/##g"\n'
HELP = """\
   stop -- stops mail service (smtp connections refused, nothing goes out)
  start -- starts mail service (smtp connection accepted, mail can go out)
  pause -- temporarily stops mail service (connections accepted, nothing leaves)
   cont -- continues paused mail service
   stat -- displays status of mail service
    cdb -- rebuild the tcpserver cdb file for smtp
restart -- stops and restarts smtp, sends qmail-send a TERM & restarts it
doqueue -- schedules queued messages for immediate delivery
 reload -- sends qmail-send HUP, rereading locals and virtualdomains
  queue -- shows status of queue
   alrm -- same as doqueue
  flush -- same as doqueue
    hup -- same as reload
"""
FLUSH = """\
Flushing timeout table and sending ALRM signal to qmail-send.
[qmail-tcpok ]
[svc -a qmail-send]
"""
RELOAD = "Sending HUP signal to qmail-send.\n[svc -h qmail-send]\n"
SAID = {
    "start": """\
Starting qmail
[svok qmail-send]
[svc -u qmail-send qmail-send/log]
[svok qmail-smtpd]
[svc -u qmail-smtpd qmail-smtpd/log]
""",
    "stop": """\
Stopping qmail...
  qmail-smtpd
[svc -d qmail-smtpd qmail-smtpd/log]
  qmail-send
[svc -d qmail-send qmail-send/log]
""",
    "restart": """\
Restarting qmail:
* Stopping qmail-smtpd.
[svc -d qmail-smtpd qmail-smtpd/log]
* Sending qmail-send SIGTERM and restarting.
[svc -t qmail-send qmail-send/log]
* Restarting qmail-smtpd.
[svc -u qmail-smtpd qmail-smtpd/log]
""",
    "stat": """\
[svstat qmail-send]
[svstat qmail-send/log]
[svstat qmail-smtpd]
[svstat qmail-smtpd/log]
[qmail-qstat ]
""",
    "queue": "[qmail-qstat ]\n[qmail-qread ]\n",
    "doqueue": FLUSH, "alrm": FLUSH, "flush": FLUSH,
    "reload": RELOAD, "hup": RELOAD,
    "pause": "Pausing qmail-send\n[svc -p qmail-send]\nPausing qmail-smtpd\n[svc -p qmail-smtpd]\n",
    "cont": "Continuing qmail-send\n[svc -c qmail-send]\nContinuing qmail-smtpd\n[svc -c qmail-smtpd]\n",
    "help": HELP,
}  # fmt: skip


@pytest.fixture
def home(place: Place) -> Path:
    """Every tool is one that says how it was called; there are the two classic services."""
    home = Path(private_home(place).path)
    for name in TOOLS:
        (home / "bin" / name).unlink(missing_ok=True)
        (home / "bin" / name).write_text(SHOW)
        (home / "bin" / name).chmod(0o755)
    for name in ("qmail-send/log", "qmail-smtpd/log"):
        (home / "service" / name).mkdir(parents=True)
    return home


def qmailctl(place: Place, home: Path, *words: str) -> tuple[int, str]:
    done = place.run(home / "bin/qmailctl", *words, cwd=home / "service")
    assert done.stderr == b""
    return done.returncode, done.stdout.decode()


@pytest.mark.parametrize("verb", SAID)
def test_verbs(place: Place, home: Path, verb: str) -> None:
    assert qmailctl(place, home, verb) == (0, SAID[verb])


def test_other_services_come_along(place: Place, home: Path) -> None:
    """But the queue service is only started."""
    for name in ("qmail-queued", "qmail-pop3d"):
        (home / "service" / name).mkdir()
    assert "[svc -u qmail-queued]\n[svok qmail-send]\n" in qmailctl(place, home, "start")[1]
    for verb, line in {
        "stop": "  qmail-pop3d\n[svc -d qmail-pop3d]\n",
        "pause": "Pausing qmail-pop3d\n[svc -p qmail-pop3d]\n",
        "restart": "* Restarting qmail-pop3d.\n[svc -t qmail-pop3d]\n",
        "cont": "Continuing qmail-pop3d\n[svc -c qmail-pop3d]\n",
    }.items():  # fmt: skip
        assert qmailctl(place, home, verb) == (0, SAID[verb] + line)


def test_not_supervised(place: Place, home: Path) -> None:
    (home / "bin/svok").write_text("#!/bin/sh\nexit 100\n")
    assert qmailctl(place, home, "start") == (0, (
        "Starting qmail\nqmail-send supervise not running\nqmail-smtpd supervise not running\n"
    ))  # fmt: skip


@pytest.mark.parametrize("verb", [verb for verb in SAID if verb != "help"])
def test_known_verbs_succeed_whatever_the_tools_say(place: Place, home: Path, verb: str) -> None:
    for name in TOOLS:
        (home / "bin" / name).write_text("#!/bin/sh\nexit 111\n")
    assert qmailctl(place, home, verb)[0] == 0


@pytest.mark.parametrize("words", [(), ("",), ("status",), ("Start",)])
def test_usage(place: Place, home: Path, words: tuple[str, ...]) -> None:
    assert qmailctl(place, home, *words) == (1, f"Usage: {home}/bin/qmailctl {USAGE}\n")


def test_rules(place: Place, home: Path) -> None:
    rules = home / "control/tcp.smtp"
    rules.write_text("127.:allow\n")
    place.own()
    assert qmailctl(place, home, "cdb") == (0, f"Reloaded {rules}.\n")
    compiled = rules.with_name("tcp.smtp.cdb")
    assert compiled.stat().st_mode & 0o777 == 0o644
    before = compiled.read_bytes()
    rules.write_text("127.:maybe\n")
    done = place.run(home / "bin/qmailctl", "cdb")
    assert (done.returncode, done.stdout.decode()) == (0, f"Reloaded {rules}.\n")  # as the original has it
    assert b"tcprules: fatal: " in done.stderr
    assert compiled.read_bytes() == before
