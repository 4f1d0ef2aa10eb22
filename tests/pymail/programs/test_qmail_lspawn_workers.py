"""qmail-lspawn keeps processes that have become a user: what that may not change, and when they end"""

import itertools
import os
import signal
from pathlib import Path

import pytest

from pymail.delivery import gathering
from pymail.protocols.spawn import encode_request
from pysvc.formats import cdb
from pysvc.workers.pool import USES
from pysvc.workers.worker import LONGEST
from tests.support.capture import Capture
from tests.support.homes import USER_IDS, group_of, rooted_home
from tests.support.processes import alive, children
from tests.support.spawners import MESSAGE, Client, Instance, script, start_rooted
from tests.support.world import TESTER, TESTER_GROUP, Place, eventually

PARENT = "|echo $PPID; exit 100\n"
NULL, SOCKET = "/dev/null", "socket:"


@pytest.fixture
def instance(place: Place) -> Instance:
    here = Instance(place)
    write(here, ".qmail-default", PARENT)
    return here


def write(instance: Instance, name: str, content: str) -> None:
    (instance.path / "alias" / name).write_text(content)
    instance.place.own()


def make_maildir(instance: Instance) -> Path:
    folder = instance.path / "alias/Maildir"
    assert instance.place.run("maildirmake", str(folder)).returncode == 0
    return folder / "new"


def worker(report: bytes) -> int:
    """The process that delivered, by what PARENT reported."""
    return int(report.removeprefix(b"D"))


def descriptors(pid: int) -> dict[int, str]:
    folder = Path(f"/proc/{pid}/fd")
    return {int(path.name): os.readlink(path).partition("[")[0] for path in folder.iterdir()}


def at_once(client: Client, count: int) -> set[int]:
    """The processes of so many deliveries at the same time, which take the slots behind the first two."""
    numbers = range(2, 2 + count)
    client.send(b"".join(encode_request(number, b"0/23", b"s@t", b"joe@host") for number in numbers))
    return {worker(client.report()[1]) for _ in numbers}


def workers_of(client: Client) -> int:
    """How many processes deliver, or have delivered and are kept."""
    commands = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children(client.process.pid)]
    return sum(command.startswith(b"qmail-local") for command in commands)


def ask_together(client: Client, *recipients: bytes) -> None:
    """Ask for deliveries in one write; they take the slots from 2 on."""
    requests = (encode_request(delnum, b"0/23", b"s@t", name) for delnum, name in enumerate(recipients, 2))
    client.send(b"".join(requests))


# Together


def test_what_goes_into_a_maildir_is_delivered_together(instance: Instance) -> None:
    new = make_maildir(instance)
    write(instance, ".qmail-box", "./Maildir/\n")
    client = instance.start()
    ask_together(client, *[b"box@host"] * gathering.TOGETHER)
    reports = dict(client.report() for _ in range(gathering.TOGETHER))
    assert reports == dict.fromkeys(range(2, 2 + gathering.TOGETHER), b"Kdid 1+0+0\n")
    assert [path.read_bytes().endswith(MESSAGE) for path in new.iterdir()] == [True] * gathering.TOGETHER
    assert workers_of(client) == 1


def test_nobody_waits_for_a_program(instance: Instance) -> None:
    """Of deliveries that are asked for together those that may take long are done by others."""
    new = make_maildir(instance)
    os.mkfifo(instance.path / "alias/go")
    write(instance, ".qmail-wait", "|read line <go; echo $PPID; exit 100\n")
    write(instance, ".qmail-box", "./Maildir/\n")
    client = instance.start()
    ask_together(client, b"wait@host", b"box@host", b"wait@host", b"nobody-@host", b"box@host")
    assert dict(client.report() for _ in range(3)).keys() == {3, 5, 6}
    assert len(list(new.iterdir())) == 2
    go = os.open(instance.path / "alias/go", os.O_RDWR)
    os.write(go, b"\n\n")
    assert len({worker(client.report()[1]) for _ in range(2)}) == 2
    os.close(go)


# Keeping and letting go


def test_one_process_for_deliveries_that_follow_one_another(instance: Instance) -> None:
    client = instance.start()
    pids = {worker(client.deliver(recipient)) for recipient in (b"joe@host", b"jim@host", b"joe@host")}
    assert len(pids) == 1
    assert pids < set(children(client.process.pid))


def test_deliveries_at_the_same_time_have_processes_of_their_own(instance: Instance) -> None:
    os.mkfifo(instance.path / "alias/go")
    write(instance, ".qmail-wait", '|: >"$SENDER"; read line <go; echo $PPID; exit 100\n')
    client = instance.start()
    for delnum in (1, 2):
        client.ask(b"wait@host", delnum, sender=b"started%d" % delnum)
    eventually(lambda: len(list((instance.path / "alias").glob("started*"))) == 2, what="both")
    between = worker(client.deliver(b"joe@host"))
    go = os.open(instance.path / "alias/go", os.O_RDWR)
    os.write(go, b"\n\n")
    pids = {worker(client.report()[1]) for _ in range(2)}
    os.close(go)
    assert len(pids | {between}) == 3


def test_idle_processes_end(instance: Instance) -> None:
    client = instance.start()
    pid = worker(client.deliver(b"joe@host"))
    eventually(lambda: not children(client.process.pid), what="the end of idle processes")
    assert worker(client.deliver(b"joe@host")) != pid


def test_no_process_is_kept_for_ever(instance: Instance) -> None:
    client = instance.start()
    first = worker(client.deliver(b"joe@host"))
    write(instance, ".qmail-discard", "#\n")
    for _ in range(USES - 1):
        assert client.deliver(b"discard@host") == b"Kdid 0+0+0\n"
    assert worker(client.deliver(b"joe@host")) != first


def test_none_is_left_at_the_end(instance: Instance) -> None:
    os.mkfifo(instance.path / "alias/go")
    write(instance, ".qmail-wait", "|read line <go; echo $PPID; exit 100\n")
    client = instance.start()
    idle = worker(client.deliver(b"joe@host"))
    client.ask(b"wait@host", 1)
    client.ask(b"joe@host", 2)
    assert client.report()[0] == 2
    everybody = children(client.process.pid)
    assert client.process.stdin is not None
    client.process.stdin.close()
    (instance.path / "alias/go").write_text("\n")
    assert worker(client.report()[1]) in everybody
    assert client.process.wait(20) == 0
    assert idle in everybody
    eventually(lambda: not any(map(alive, everybody)), what="the end of all")


def test_a_delivery_goes_on_when_the_spawner_is_killed(instance: Instance) -> None:
    os.mkfifo(instance.path / "alias/go")
    write(instance, ".qmail-wait", "|echo $PPID >pid; read line <go\n./box\n")
    client = instance.start()
    client.ask(b"wait@host")
    path = instance.path / "alias/pid"
    eventually(lambda: path.exists() and path.read_text().strip(), what="the command")
    client.process.kill()
    client.process.wait(20)
    (instance.path / "alias/go").write_text("\n")
    eventually(lambda: not alive(int(path.read_text())), what="the end of the delivery")
    assert MESSAGE in (instance.path / "alias/box").read_bytes()


# Each delivery is as if it were the first


def test_names_in_a_maildir_differ(instance: Instance) -> None:
    new = make_maildir(instance)
    write(instance, ".qmail-box", "./Maildir/\n./Maildir/\n")
    client = instance.start()
    for _ in range(20):
        assert client.deliver(b"box@host") == b"Kdid 2+0+0\n"
    assert len(list(new.iterdir())) == 40
    assert {path.read_bytes() for path in new.iterdir()} == {
        b"Return-Path: <s@t>\nDelivered-To: box@host\n" + MESSAGE
    }


def test_environment_directory_and_umask(instance: Instance) -> None:
    capture = Capture(instance.place, 'echo "D$DEFAULT $EXT" >&6; exit 82')
    write(instance, ".qmail-show-default", "|env | grep -v ^UFLINE | sort; pwd; umask; exit 100\n")
    write(instance, ".qmail-list-default", "&x@y\n")
    client = instance.start(env={**capture.env, "INHERITED": "yes"})
    shown = client.deliver(b"show-a@host")
    assert b"DEFAULT=a\n" in shown
    assert b"INHERITED=yes\n" in shown
    refused = b"DUnable to forward message: long-tail list-long-tail.\n"
    assert client.deliver(b"list-long-tail@there.example", sender=b"other@x") == refused
    assert client.deliver(b"show-a@host") == shown
    write(instance, ".qmail-show-default", "")
    write(instance, ".qmail-show", "|env; exit 100\n")
    assert b"DEFAULT=" not in client.deliver(b"show@host")


LISTING = "for fd in /proc/$$/fd/*; do readlink $fd; done; grep pos /proc/$$/fdinfo/0"


def test_descriptors_of_commands(instance: Instance) -> None:
    """The message, from its beginning, the report, and nothing else: not what the process keeps, either."""
    write(instance, ".qmail-show", f"|{LISTING}; exit 100\n")
    client = instance.start()
    for _ in range(3):
        message, output, errors, place = client.deliver(b"show@host").decode().splitlines()
        assert message == f"D{instance.path}/queue/mess/0/23"
        assert output == errors
        assert output.startswith("pipe:")
        assert place == "pos:\t0"
        assert worker(client.deliver(b"joe@host"))


def test_title(instance: Instance) -> None:
    """Only the user: that is what is shared with the deliveries to come."""
    write(instance, ".qmail-show-default", "|tr '\\0' ' ' </proc/$PPID/cmdline; exit 100\n")
    client = instance.start()
    alias = os.fsencode(instance.home.file("alias"))
    instance.users(
        (b"!show-b\0", b"virtual\0%d\0%d\0%s\0-\0show-b" % (TESTER, TESTER_GROUP, alias)), (b"", b"")
    )
    for local, user in ((b"a", b"alias"), (b"b", b"virtual"), (b"longer", b"alias")):
        assert client.deliver(b"show-%s@host" % local).rstrip() == b"Dqmail-local -- " + user


def test_limits_of_a_command_are_its_own(instance: Instance) -> None:
    write(instance, ".qmail-limited", "|ulimit -f 0; exit 0\n./box\n")
    client = instance.start()
    for _ in range(2):
        assert client.deliver(b"limited@host") == b"Kdid 1+0+1\n"


# Trouble


def test_background_job_keeps_its_slot_not_the_process(instance: Instance) -> None:
    os.mkfifo(instance.path / "alias/go")
    write(instance, ".qmail-job", "|(read line <go; echo last) & echo $PPID >pid\n")
    client = instance.start()
    client.ask(b"job@host", 1)
    path = instance.path / "alias/pid"
    eventually(lambda: path.exists() and path.read_text().strip(), what="the command")
    pid = int(path.read_text())
    counts = itertools.count(1)  # other processes, once there, are taken first
    eventually(lambda: pid in at_once(client, next(counts)), what="another delivery by the same process")
    (instance.path / "alias/go").write_text("\n")
    assert client.report() == (1, b"Kdid 0+0+1\nlast\n")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_killed_by_its_user(instance: Instance, number: int) -> None:
    write(instance, ".qmail-kill", f"|kill -{int(number)} $PPID; sleep 0.1\n")
    client = instance.start()
    first = worker(client.deliver(b"joe@host"))
    assert client.deliver(b"kill@host") == b"Zqmail-local crashed.\n"
    second = worker(client.deliver(b"joe@host"))
    assert first != second
    os.kill(second, number)
    eventually(lambda: not alive(second), what="the end of an idle process")
    assert worker(client.deliver(b"joe@host")) not in (first, second)


def test_stopped_by_its_user(instance: Instance) -> None:
    """An idle process that is stopped takes the next delivery, which goes on when it goes on."""
    client = instance.start()
    first = worker(client.deliver(b"joe@host"))
    os.kill(first, signal.SIGSTOP)
    client.ask(b"joe@host", 1)
    assert worker(client.deliver(b"jim@host")) != first
    os.kill(first, signal.SIGCONT)
    assert client.report() == (1, b"D%d\n" % first)


def test_replaced_qmail_local(instance: Instance) -> None:
    client = instance.start()
    worker(client.deliver(b"joe@host"))
    instance.local("echo another")
    assert client.deliver(b"joe@host") == b"Kanother\n"
    (instance.path / "bin/qmail-local").unlink()
    assert client.deliver(b"joe@host") == b"DUnable to run qmail-local.\n"


def test_replaced_qmail_getpw(instance: Instance) -> None:
    client = instance.start()
    worker(client.deliver(b"joe@host"))
    script(instance.path / "bin/qmail-getpw", "exit 116")
    assert client.deliver(b"joe@host") == b"ZUnable to find alias user!\n"


def test_request_that_is_too_long_for_a_worker(instance: Instance) -> None:
    write(instance, ".qmail-default", "|echo ${#SENDER}; exit 100\n")
    sender = b"x" * (LONGEST + 1)
    assert instance.start().deliver(b"joe@host", sender=sender) == b"D%d\n" % len(sender)


@pytest.mark.parametrize("most", [9, 10, 11, 12])
def test_few_descriptors(instance: Instance, most: int) -> None:
    """Where there is no room for a worker, the delivery has a process of its own, or is told so."""
    client = Client(
        instance.place.start(
            "sh", "-c", f'ulimit -n {most}; exec "$@"', "sh", instance.path / "bin/qmail-lspawn", "./M/",
            stdin=-1, stdout=-1,
        ).process
    )  # fmt: skip
    assert client.hello() == b"x"
    for _ in range(3):
        assert worker(client.deliver(b"joe@host"))
    assert client.end() == 0


# With root


@pytest.mark.root
def test_each_user_has_his_own(place: Place) -> None:
    with rooted_home(place) as rooted:
        records = [
            (b"!mike\0", b"vmail\0%d\0%d\0/var/homes/vmail\0\0" % (USER_IDS["vmail"], group_of("vmail")))
        ]
        (rooted.home / "users/cdb").write_bytes(cdb.build([*records, (b"", b"")]))
        client = start_rooted(rooted, "|echo $PPID; exit 100")
        pids = {user: worker(client.deliver(user + b"@host")) for user in (b"joe", b"mike")}
        assert len(set(pids.values())) == 2
        for user in (b"joe", b"mike"):
            assert worker(client.deliver(user + b"@host")) == pids[user]
        for pid, user in ((pids[b"joe"], "joe"), (pids[b"mike"], "vmail")):
            status = Path(f"/proc/{pid}/status").read_text()
            uid, gid = USER_IDS[user], group_of(user)
            assert f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}\nGid:\t{gid}\t{gid}\t{gid}\t{gid}\n" in status
            assert f"Groups:\t{gid} \n" in status
            held = descriptors(pid)
            assert [held[fd] for fd in (0, 1, 2)] == [NULL] * 3
            assert sorted(held[fd] for fd in held if fd > 2) == [NULL, SOCKET]


@pytest.mark.root
def test_a_user_may_not_look_into_his_process(place: Place) -> None:
    """It has seen other users' mail addresses as root, and talks to a process of root's."""
    with rooted_home(place) as rooted:
        client = start_rooted(rooted, "|cat /proc/$PPID/environ; ls /proc/$PPID/fd; echo $PPID; exit 100")
        *refusals, pid = client.deliver(b"joe@host").splitlines()
        assert len(refusals) == 2
        assert all(line.lower().endswith(b"permission denied") for line in refusals)
        assert os.stat(f"/proc/{int(pid)}/mem").st_uid == 0


@pytest.mark.root
def test_the_process_that_knows_the_accounts(place: Place) -> None:
    with rooted_home(place) as rooted:
        client = start_rooted(rooted, PARENT[:-1])
        parent = int(
            Path(f"/proc/{worker(client.deliver(b'joe@host'))}/status")
            .read_text()
            .split("PPid:")[1]
            .split()[0]
        )
        family = children(parent)
        (getpw,) = (pid for pid in family if Path(f"/proc/{pid}/comm").read_text() == "qmail-getpw\n")
        status = Path(f"/proc/{getpw}/status").read_text()
        uid, gid = USER_IDS["qmailp"], group_of("qmailp")
        assert f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}\nGid:\t{gid}\t{gid}\t{gid}\t{gid}\n" in status
        assert f"Groups:\t{gid} \n" in status
        assert sorted(descriptors(int(getpw)).values()) == [NULL] * 4 + [SOCKET]
