"""Who each process of the running system is, what it holds, and what an attacker on the machine can do"""

import json
import os
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from pymail.installation import hierarchy
from pymail.installation.steps import ROOT_ONLY
from pymail.programs import PROGRAMS
from pymail.unix.home import GROUPS
from tests.support.mail import FQDN, SERVICES, MailSystem, running
from tests.support.world import eventually

pytestmark = [pytest.mark.root, pytest.mark.timeout(240)]

# Prints a JSON list: what /proc tells of each process whose name is among the arguments.
PROBE = r"""
import json, os, re, sys
def look(pid):
    here = f"/proc/{pid}/"
    fields = dict(line.split(":", 1) for line in open(here + "status").read().splitlines())
    fds = [os.readlink(f"{here}fd/{fd}") for fd in sorted(map(int, os.listdir(here + "fd")))]
    return {
        "name": fields["Name"].strip(), "pid": pid, "parent": int(fields["PPid"]),
        "uids": sorted(set(map(int, fields["Uid"].split()))),
        "gids": sorted(set(map(int, fields["Gid"].split()))),
        "groups": list(map(int, fields["Groups"].split())), "umask": fields["Umask"].strip(),
        "blocked": int(fields["SigBlk"], 16), "powers": int(fields["CapPrm"], 16) | int(fields["CapEff"], 16),
        "cwd": os.readlink(here + "cwd"), "fds": [re.sub(r"^(pipe|socket):.*", r"\1", fd) for fd in fds],
        "memory": os.stat(here + "maps").st_uid,
    }
found = []
for entry in filter(str.isdigit, os.listdir("/proc")):
    try:
        one = look(int(entry))
    except FileNotFoundError:
        continue
    if one["name"] in sys.argv[1:]:
        found.append(one)
print(json.dumps(found))
"""
PIDFD = "anon_inode:[pidfd]"
NULL = "/dev/null"


class Process:
    """One process; the attributes are PROBE's."""

    name: str
    cwd: str
    umask: str
    pid: int
    parent: int
    memory: int
    blocked: int
    powers: int
    uids: list[int]
    gids: list[int]
    groups: list[int]
    fds: list[str]

    def __init__(self, fields: dict[str, object]) -> None:
        self.__dict__.update(fields)


@pytest.fixture(scope="module")
def system() -> Iterator[MailSystem]:
    with running() as made:
        made.machine.path("/opt/tmp/probe.py").write_text(PROBE)
        made.wait_log("status: local 0/")
        eventually(lambda: all(map(made.pids, DAEMONS)), what="all daemons by their names")
        made.sh("useradd -m jane && su jane -c '/var/qmail/bin/maildirmake ~/Maildir; chmod 700 ~ ~/Maildir'")
        yield made
        made.assert_no_traceback()


@pytest.fixture
def tree(system: MailSystem) -> list[Process]:
    return probe(system, "svscan", "supervise", "readproctitle", "multilog", "tcpserver", *DAEMONS)


DAEMONS = ("qmail-send", "qmail-lspawn", "qmail-rspawn", "qmail-clean", "qmail-queued")


def probe(system: MailSystem, *names: str) -> list[Process]:
    out = system.machine.run("/usr/bin/python3", "/opt/tmp/probe.py", *names).stdout
    return [Process(fields) for fields in json.loads(out)]


def ids(system: MailSystem, account: str) -> tuple[int, int]:
    """uid and gid of an account of the machine."""
    for line in system.machine.path("/etc/passwd").read_text().splitlines():
        name, _, uid, gid, *_ = line.split(":")
        if name == account:
            return int(uid), int(gid)
    raise KeyError(account)


def gid(system: MailSystem, group: str) -> int:
    for line in system.machine.path("/etc/group").read_text().splitlines():
        name, _, number, _ = line.split(":")
        if name == group:
            return int(number)
    raise KeyError(group)


def assert_is(system: MailSystem, process: Process, account: str) -> None:
    """The process is an account in every respect, with one group and no capability."""
    uid, group = ids(system, account)
    seen = (process.uids, process.gids, process.groups, process.powers)
    assert seen == ([uid], [group], [group], 0), (process.name, account)


# The tree


def test_what_keeps_the_services_is_root(system: MailSystem, tree: list[Process]) -> None:
    supervisors = [one for one in tree if one.name in ("svscan", "supervise", "readproctitle")]
    assert len(supervisors) == 2 + 2 * len(SERVICES)
    for one in supervisors:
        assert (one.uids, one.gids, one.groups, one.umask) == ([0], [0], [], "0022"), one.name
    expected = {"svscan": "/service", "readproctitle": "/"}
    assert {one.name: one.cwd for one in supervisors if one.name in expected} == expected
    folders = {one.cwd for one in supervisors if one.name == "supervise"}
    assert folders == {f"/var/qmail/supervise/{name}{log}" for name in SERVICES for log in ("", "/log")}


def test_descriptors_of_supervisors(tree: list[Process]) -> None:
    for one in tree:
        if one.name == "supervise":
            own = [f"{one.cwd}/supervise/{name}" for name in ("lock", "control", "control", "ok")]
            logger = one.cwd.endswith("/log")
            own += [] if logger else ["pipe"]  # keeps what is in it while the logger and svscan are replaced
            first = ["pipe" if logger else NULL, "pipe", "pipe"]
            assert one.fds[:3] == first, one.cwd
            assert sorted(fd for fd in one.fds[3:] if fd != PIDFD) == sorted(own), one.cwd
        elif one.name == "svscan":
            assert one.fds[:3] == [NULL, "pipe", "pipe"]
            assert sorted(one.fds[3:]) == ["/service"] + ["pipe"] * 2 * len(SERVICES)


def test_loggers(system: MailSystem, tree: list[Process]) -> None:
    loggers = [one for one in tree if one.name == "multilog"]
    assert len(loggers) == len(SERVICES)
    for one in loggers:
        assert_is(system, one, "qmaill")
        assert one.umask == "0022" and one.cwd.startswith("/var/log/qmail")
        files = {fd for fd in one.fds if fd != "pipe"} - {one.cwd, f"{one.cwd}/lock", f"{one.cwd}/current"}
        assert one.fds.count("pipe") == 5 and len(files) == 1
        assert files.pop().endswith("/log")  # its service directory, where it began


DAEMON_TABLE = [  # account, umask, cwd; descriptors, those that come and go included
    ("qmail-send", "qmails", "0077", "/var/qmail/queue",
     ["pipe"] * 11 + ["/var/qmail/queue/lock/sendmutex", "/var/qmail/queue/lock/trigger"]),
    ("qmail-lspawn", "root", "0077", "/var/qmail/queue/mess", ["pipe"] * 4 + [NULL] + ["socket"] * 4),
    ("qmail-rspawn", "qmailr", "0077", "/var/qmail/queue/mess", ["pipe"] * 4 + [NULL] + ["socket"] * 4),
    ("qmail-clean", "qmailq", "0077", "/var/qmail/queue",
     ["pipe"] * 2 + ["/var/qmail/queue/intd", "/var/qmail/queue/todo"]),
    ("qmail-queued", "qmailq", "0022", "/var/qmail",
     ["pipe"] * 6 + [NULL, "/var/qmail/queue/lock/queued", "socket"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "account", "umask", "cwd", "fds"), DAEMON_TABLE)
def test_daemons(
    system: MailSystem, tree: list[Process], name: str, account: str, umask: str, cwd: str, fds: list[str]
) -> None:
    (one,) = [process for process in tree if process.name == name]
    if account == "root":
        qmail = gid(system, "qmail")
        assert (one.uids, one.gids, one.groups) == ([0], [qmail], [qmail])
    else:
        assert_is(system, one, account)
    assert (one.umask, one.cwd) == (umask, cwd)
    assert Counter(one.fds) <= Counter(fds)


MOST_WORKERS = 40  # each has a socket to its server


def test_servers(system: MailSystem, tree: list[Process]) -> None:
    servers = {one.cwd.rpartition("/")[2]: one for one in tree if one.name == "tcpserver"}
    assert_is(system, servers["qmail-smtpd"], "qmaild")
    assert servers["qmail-pop3d"].uids == [0]  # checkpassword needs that
    for one in servers.values():
        assert Counter(one.fds) - Counter(socket=MOST_WORKERS) == Counter({NULL: 2, "pipe": 3})


def test_no_signal_stays_blocked(tree: list[Process]) -> None:
    """svscan blocks what it waits for; nothing that it starts may find that."""
    assert {one.name: one.blocked for one in tree if one.name != "svscan" and one.blocked} == {}


def test_memory_of_who_was_root_is_closed(system: MailSystem, tree: list[Process]) -> None:
    """A process that has changed its user without an exec holds what its parents had in memory: neither
    that user nor a process of the same user can look into it, and it leaves no core."""
    changed = [one for one in tree if one.uids != [0]]
    assert {"multilog", "tcpserver", *DAEMONS} - {"qmail-lspawn"} <= {one.name for one in changed}
    for one in changed:
        assert one.memory == 0, one.name
    smtpd = next(one for one in changed if one.name == "tcpserver")
    for file in ("environ", "mem", "maps"):
        done = system.machine.run(
            "setpriv", f"--reuid={smtpd.uids[0]}", f"--regid={smtpd.gids[0]}", "--clear-groups",
            "head", "-c1", f"/proc/{smtpd.pid}/{file}", check=False,
        )  # fmt: skip
        assert done.returncode and b"ermission denied" in done.stderr, file


# Sessions

# What a process keeps that will serve another client: for its own descriptors in between, its directory, and
# what brings it the next one.
RECURRING = [NULL, "/var/qmail/supervise/qmail-smtpd", "socket"]


def test_sessions(system: MailSystem) -> None:
    """One process of qmaild's talks to each client that has not logged in; then one of the account's."""
    script = (
        "exec 3<>/dev/tcp/127.0.0.1/25 4<>/dev/tcp/127.0.0.1/110 5<>/dev/tcp/127.0.0.1/110; read x <&3;"
        r"printf 'USER joe\r\nPASS secret\r\n' >&4; touch /opt/tmp/connected; read x </opt/tmp/end"
    )
    system.sh("mkfifo /opt/tmp/end")
    client = system.machine.start("bash", "-c", script)

    def there() -> list[Process]:
        found = probe(system, "qmail-smtpd", "qmail-popup", "qmail-pop3d")
        names = sorted(one.name for one in found)
        # For the client without a log-in there is a child that has read nothing, and stays root.
        expected = ["qmail-pop3d", "qmail-popup", "qmail-popup", "qmail-popup", "qmail-smtpd"]
        return found if names == expected and sum(one.uids == [0] for one in found) == 1 else []

    found = eventually(there, 30, "the sessions, with one process of root's")
    assert isinstance(found, list)
    for one in found:
        waiting = one.name == "qmail-popup" and one.uids == [0]
        talking = "joe" if one.name == "qmail-pop3d" else "qmaild"
        if not waiting:
            assert_is(system, one, talking)
            assert one.memory == 0
        assert one.fds[:3] == ["socket", "socket", "pipe"], one.name
        others = {"qmail-popup": (["pipe"], []), "qmail-smtpd": (RECURRING,)}.get(one.name, ([],))
        assert sorted(one.fds[3:]) in others, (one.name, one.fds)
        assert one.umask == "0022"
    system.sh("echo >/opt/tmp/end")
    client.wait(20)


def test_a_remote_delivery(system: MailSystem) -> None:
    """It holds the message, its connection and the pair of sockets to qmail-rspawn."""
    listen = "import socket; s = socket.create_server(('127.0.0.1', 2527)); c, _ = s.accept(); c.recv(1)"
    system.machine.start("/usr/bin/python3", "-c", listen)
    eventually(lambda: "0100007F:09DF" in net(system), what="the listener")
    system.sh("echo 'silent.test:127.0.0.1:2527' >>/var/qmail/control/smtproutes")
    system.sh("echo 'Subject: x' | su joe -c '/var/qmail/bin/qmail-inject -a someone@silent.test'")

    def there() -> list[Process]:
        return [one for one in probe(system, "qmail-remote") if one.fds.count("socket") == 2]

    found = eventually(there, 30, "the delivery")
    assert isinstance(found, list)
    (one,) = found
    assert_is(system, one, "qmailr")
    assert (one.memory, one.umask, one.cwd) == (0, "0077", "/var/qmail")
    assert one.fds[0].startswith("/var/qmail/queue/mess/")
    assert sorted(one.fds[1:]) == [NULL] * 3 + ["socket"] * 2
    system.sh(f"kill -9 {one.pid}")
    system.wait_log("deferral: qmail-remote_crashed./")


def net(system: MailSystem) -> str:
    """The TCP sockets of the machine."""
    return system.machine.run("cat", "/proc/net/tcp").stdout.decode()


# Programs of users

SEE = r"""
exec >"$1" 2>&1
cd /proc/$PPID && { cat environ; cat mem; } 2>&1 | sed 's/.*: //'
cd "$OLDPWD"
grep -E '^(Uid|Gid|Groups|SigBlk|SigIgn|CapPrm|NoNewPrivs):' /proc/self/status
umask; pwd; ls -x -w 1000 /proc/$$/fd; env | sed 's/=.*//' | sort | tr '\n' ' '; echo; echo end
"""
GIVEN = (
    "DTLINE EXT EXT2 EXT3 EXT4 HOME HOST HOST2 HOST3 HOST4 LOCAL NEWSENDER PATH "
    "RECIPIENT RPLINE SENDER UFLINE USER"
)


def test_what_a_command_of_a_user_sees(system: MailSystem) -> None:
    """No descriptor but the message and the report, nothing of root's in the environment, one group."""
    system.machine.path("/opt/tmp/see").write_text(SEE)
    system.sh(r"""su joe -c 'echo "|exec sh /opt/tmp/see /home/joe/seen; " >~/.qmail-see'""")
    system.send(b"Subject: x\n\nx\n", f"joe-see@{FQDN}")
    seen = system.machine.path("/home/joe/seen")
    eventually(lambda: seen.exists() and seen.read_text().endswith("end\n"), 30, "the command")
    lines = [line for line in seen.read_text().splitlines() if line]
    uid, group = ids(system, "joe")
    assert lines[:2] == ["Permission denied"] * 2
    assert [line.split() for line in lines[2:9]] == [
        ["Uid:", *[str(uid)] * 4], ["Gid:", *[str(group)] * 4], ["Groups:", str(group)],
        ["SigBlk:", "0" * 16], ["SigIgn:", lines[6].split()[1]], ["CapPrm:", "0" * 16], ["NoNewPrivs:", "0"],
    ]  # fmt: skip
    assert int(lines[6].split()[1], 16) & 0x7FFFFFFF == 0  # no ordinary signal is ignored
    assert lines[9:11] == ["0077", "/home/joe"]
    assert set(lines[11].split()) - {"10"} == {"0", "1", "2"}  # the shell reads its script from 10
    assert set(lines[12].split()) - {"PWD", "OLDPWD", "_", "SHLVL"} == set(GIVEN.split())


def test_what_a_queue_program_sees(system: MailSystem) -> None:
    """QMAILQUEUE's program has message, envelope and a place for its reason, and nothing of the service's."""
    text = "#!/bin/sh\nls /proc/$$/fd >/home/joe/fds\nexec /var/qmail/bin/qmail-queue\n"
    system.machine.path("/home/joe/qq").write_text(text)
    system.sh("chmod 755 /home/joe/qq; chown joe /home/joe")
    system.sh("echo | su joe -c 'QMAILQUEUE=/home/joe/qq /var/qmail/bin/qmail-inject joe'")
    fds = system.machine.path("/home/joe/fds").read_text().split()
    assert set(fds) - {"10", "11"} == {"0", "1", "2", "6"}  # the shell's own: its script, its old 1


# Files


def files(system: MailSystem, *folders: str) -> Iterator[tuple[str, os.stat_result]]:
    """Everything in some directories of the machine, themselves included."""
    for folder in folders:
        yield folder, system.machine.path(folder).lstat()
        for path, directories, names in os.walk(system.machine.path(folder)):
            for name in (*directories, *names):
                inside = folder + f"{path}/{name}".removeprefix(str(system.machine.path(folder)))
                yield inside, Path(path, name).lstat()


def test_owners_and_modes(system: MailSystem) -> None:
    """Nothing has a setuid bit, and nobody but root can change what root reads or runs."""
    roles = {ids(system, name)[0]: name for name in GROUPS} | {0: "root"}
    ours = {f"/var/qmail/{name}".rstrip("/"): owner for name, (owner, _) in hierarchy.directories().items()}
    ours |= {f"/var/qmail/{name}": entry[0] for name, entry in hierarchy.special_files().items()}
    ours |= {"/var/qmail/run/queue": "qmailq", "/var/qmail/queue/lock/queued": "qmailq"}
    open_to_all = {"/var/qmail/run/queue": 0o666, "/var/qmail/queue/lock/trigger": 0o622}
    places = ("/var/qmail", "/service", "/usr/local/bin", "/opt/pymail/pysvc", "/opt/pymail/pymail")
    for path, found in files(system, *places):
        mode = stat.S_IMODE(found.st_mode)
        if path.startswith("/var/qmail/queue/") and path.rpartition("/")[2].isdigit() and path not in ours:
            continue  # messages that other tests have sent
        assert roles.get(found.st_uid) == ours.get(path, "root"), path
        if not stat.S_ISDIR(found.st_mode):
            assert not mode & (stat.S_ISUID | stat.S_ISGID), path
        if not stat.S_ISLNK(found.st_mode):
            assert not mode & 0o022 or mode == open_to_all.get(path), (path, oct(mode))


def test_programs(system: MailSystem) -> None:
    for name in PROGRAMS:
        mode = system.machine.path(f"/var/qmail/bin/{name}").stat().st_mode & 0o7777
        assert mode == (0o700 if name in ROOT_ONLY else 0o755), name
    assert system.machine.tool("pymail", "install", "--check").stdout == b""


# An attacker with an account


@pytest.mark.parametrize(
    "command",
    [
        "rm -f /var/qmail/run/queue", "mv /var/qmail/run/queue /var/qmail/run/away", "touch /var/qmail/run/x",
        "ls /var/qmail/queue/mess", "echo x >/var/qmail/queue/lock/trigger", "cat /var/qmail/users/passwd",
        "echo x >/service/qmail-send/supervise/control", "/var/qmail/bin/qmail-lspawn ./Maildir/",
        "/bin/checkpassword true", "ls /service/qmail-send/supervise/",
        "kill $(pgrep -x qmail-queued)", "kill $(pgrep -x qmail-send)", "touch /var/log/qmail/x",
    ],
)  # fmt: skip
def test_what_joe_may_not(system: MailSystem, command: str) -> None:
    assert system.machine.run("su", "joe", "-c", command, check=False).returncode


HOSTILE = {
    "mbox-elsewhere": "ln -s /home/jane/Maildir/new/x ~/box; echo ./box",
    "mbox-of-root": "ln -s /etc/shadow ~/shadow; echo ./shadow",
    "mbox-device": "ln -s /dev/full ~/full; echo ./full",
    "mbox-fifo": "mkfifo ~/fifo; echo ./fifo",
    "maildir-elsewhere": "ln -s /home/jane/Maildir ~/janes; echo ./janes/",
    "maildir-file": "touch ~/file; echo ./file/",
    "climbing": "echo ./../jane/Maildir/",
    "absolute": "echo /home/jane/Maildir/",
    "line": "printf './%1000000d/' 1",
    "program": "echo '|cat /home/jane/Maildir/new/* /etc/shadow || exit 111'",
    "nonsense": "head -c 100000 /dev/urandom | sed '1s/^/./;s/^[&|a-zA-Z0-9]/#/'",
}


def test_hostile_instructions(system: MailSystem) -> None:
    """They run as who wrote them: nothing of anybody else's is touched, and other mail goes on."""
    before = system.machine.path("/etc/shadow").read_bytes()
    for name, command in HOSTILE.items():
        system.sh(f"su joe -c {json.dumps(f'({command}) >~/.qmail-{name}')}")
        system.send(b"Subject: hostile\n\nx\n", f"joe-{name}@{FQDN}")
    for kind in ("mkfifo", "ln -s /etc/shadow", "mkdir", "ln -s /dev/zero"):
        name = kind.split("/")[-1].split()[-1]
        system.sh(f"su joe -c '{kind} ~/.qmail-is-{name}'")
        system.send(b"Subject: hostile\n\nx\n", f"joe-is-{name}@{FQDN}")
    for name in (*HOSTILE, "is-mkfifo", "is-shadow", "is-mkdir", "is-zero"):
        system.wait_log(f"to local joe-{name}@{FQDN}")
    system.send(b"Subject: after\n\nx\n", f"jane@{FQDN}")
    system.wait_mail("/home/jane/Maildir", b"Subject: after")
    eventually(lambda: "status: local 0/10" in system.log().splitlines()[-1] or _idle(system), 60, "the end")
    assert system.machine.path("/etc/shadow").read_bytes() == before
    (only,) = system.mailbox("/home/jane/Maildir")
    assert only.stat().st_uid == ids(system, "jane")[0]
    assert "root:" not in system.log()


def _idle(system: MailSystem) -> bool:
    lines = [line for line in system.log().splitlines() if " status: " in line]
    return " local 0/" in lines[-1]


def test_what_strangers_say_is_logged_as_one_line(system: MailSystem) -> None:
    odd = r"\033[2J\tx\177\r@\233"
    system.sh(
        "exec 3<>/dev/tcp/127.0.0.1/25 4<>/dev/tcp/127.0.0.1/110;"
        rf"printf 'HELO {odd}\r\nMAIL FROM:<{odd}@x>\r\nRCPT TO:<{odd}@elsewhere>\r\nQUIT\r\n' >&3; cat <&3;"
        rf"printf 'USER {odd}\r\nPASS {odd}\r\n' >&4; cat <&4"
    )
    system.wait_log("log-in failed for _[2J_x__@_ from 127.0.0.1: rejected", "pop3d")
    system.wait_log("rejected from 127.0.0.1 (unknown) helo _[2J_x__@_ sender <_[2J_x__@_@x>", "smtpd")
    for name in ("", "smtpd", "pop3d", "queued"):
        text = system.log(name)
        assert text.replace("\n", "").isprintable() and text.isascii()
