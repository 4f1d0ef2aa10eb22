"""qmail-rspawn as a process"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from pymail.programs import qmail_rspawn
from pymail.queue import layout
from pymail.unix import dns
from pymail.unix.home import Home
from pysvc import launch
from tests.support import spawners
from tests.support.homes import private_home
from tests.support.processes import children
from tests.support.smtp_peer import SILENCE, Script, SmtpHost
from tests.support.spawners import MESSAGE, Client, script
from tests.support.world import TESTER, TESTER_GROUP, Place, eventually


class Instance:
    """A private instance with a message in its queue and a script that delivers."""

    def __init__(self, place: Place) -> None:
        self.place, self.path = place, Path(private_home(place).path)
        self.hosts: list[SmtpHost] = []
        spawners.write_message(self.path / "queue", TESTER, TESTER_GROUP)

    def start_own(self, *scripts: Script) -> "tuple[Client, SmtpHost]":
        """With this installation's qmail-remote; all mail goes to a host that takes so many connections."""
        host = SmtpHost(*scripts)
        self.hosts.append(host)
        (self.path / "control/me").write_text("here.test\n")
        (self.path / "control/smtproutes").write_text(f":[127.0.0.1]:{host.port}\n")
        self.place.own()
        env = {"PATH": f"{self.path}/bin:/bin:/usr/bin"}
        return spawners.start(self.place, self.path / "bin/qmail-rspawn", env=env), host

    def start(self, text: str, **popen: object) -> Client:
        script(self.path / "remote", text)
        env = {"QMAILREMOTE": str(self.path / "remote")}
        return spawners.start(self.place, self.path / "bin/qmail-rspawn", env=env, **popen)


@pytest.fixture
def instance(place: Place) -> Iterator[Instance]:
    made = Instance(place)
    yield made
    for host in made.hosts:
        host.close()


def test_no_queue(instance: Instance) -> None:
    (instance.path / "queue").rename(instance.path / "away")
    done = instance.place.run(instance.path / "bin/qmail-rspawn")
    assert (done.returncode, done.stdout, done.stderr) == (111, b"", b"")


def test_timeouts_are_forgotten_at_the_start(instance: Instance) -> None:
    table = instance.path / "queue" / layout.TCPTO
    table.write_bytes(b"x" * layout.TCPTO_SIZE)
    instance.start("true")
    assert table.read_bytes() == bytes(layout.TCPTO_SIZE)


def test_arguments(instance: Instance) -> None:
    client = instance.start('printf K; for a in "$0" "$@"; do echo "$a"; done; pwd; cat; printf "\\\\0"')
    words = [instance.path / "remote", "Host.X", "sen der@x", "a@b@Host.X", instance.path / "queue/mess"]
    lines = "".join(f"{word}\n" for word in words).encode()
    assert client.deliver(b"a@b@Host.X", sender=b"sen der@x") == b"K" + lines + MESSAGE


def test_found_along_the_path(instance: Instance) -> None:
    folder = instance.path / "tools"
    folder.mkdir()
    script(folder / "qmail-remote", "printf 'r\\0Kfound\\0'")
    instance.place.own()
    env = {"PATH": f"{instance.path}/none:{folder}:/bin:/usr/bin"}
    client = spawners.start(instance.place, instance.path / "bin/qmail-rspawn", env=env)
    assert client.deliver(b"a@b") == b"Kfound"


@pytest.mark.parametrize(
    ("text", "report"),
    [
        ("printf 'r\\0Kok\\0'", b"Kok"),
        ("printf 's1\\0Dno\\0'", b"Z1no"),
        ("printf 'h1\\0Zno\\0' >&2", b"D1"),
        ("printf 'r'; yes | head -c 20000; printf '\\0Kok\\0'", b"K" + b"y\n" * 4999),  # no limit here,
        ("exit 0", b"Zqmail-remote produced no output.\n"),                             # but in Reports
        ("printf 'r\\0Kok\\0'; exit 111", b"ZUnable to run qmail-remote.\n"),
        ("printf 'r\\0Kok\\0'; exit 3", b"DUnable to run qmail-remote.\n"),
        ("printf 'r\\0Kok\\0'; kill -9 $$", b"Zqmail-remote crashed.\n"),
    ],
)  # fmt: skip
def test_reports(instance: Instance, text: str, report: bytes) -> None:
    assert instance.start(text).deliver(b"a@b")[:9999] == report[:9999]


def test_descriptor_2_closed(instance: Instance) -> None:
    """As qmail-start leaves it: nothing that the program opens is its descriptor 2 by accident."""
    script(instance.path / "remote", "printf K; ls /proc/$$/fd; echo complaint >&2; printf '\\0'")
    env = {"QMAILREMOTE": str(instance.path / "remote")}
    words = ("sh", "-c", 'exec "$@" 2>&-', "sh", instance.path / "bin/qmail-rspawn")
    client = spawners.start(instance.place, *words, env=env)
    for _ in range(3):
        *descriptors, complaint = client.deliver(b"a@b")[1:].split()
        assert descriptors == [b"0", b"1", b"10", b"2"]  # the shell reads its script from 10
        assert complaint == b"complaint"


def test_program_missing(instance: Instance) -> None:
    client = instance.start("true")
    (instance.path / "remote").unlink()
    assert client.deliver(b"a@b") == b"DUnable to run qmail-remote.\n"


def test_program_that_may_work_later(instance: Instance) -> None:
    client = instance.start("true")
    with (instance.path / "remote").open("ab"):  # text busy
        (instance.path / "remote").write_bytes(Path("/bin/true").read_bytes())
        assert client.deliver(b"a@b") == b"ZUnable to run qmail-remote.\n"


def test_refusal(instance: Instance) -> None:
    client = instance.start("printf 'Kok\\0'")
    client.ask(b"a", 3)
    assert client.report() == (3, b"DSorry, address must include host name. (#5.1.3)\n")
    assert client.deliver(b"@host") == b"Kok"  # no trash here
    assert client.end() == 0


def test_own_qmail_remote(instance: Instance) -> None:
    (instance.path / "control/me").write_text("here.test\n")
    (instance.path / "control/smtproutes").write_text(":[127.0.0.1]:1\n")
    instance.place.own()
    env = {"PATH": f"{instance.path}/bin:/bin:/usr/bin"}
    client = spawners.start(instance.place, instance.path / "bin/qmail-rspawn", env=env)
    text = b"ZSorry, I wasn't able to establish an SMTP connection. (#4.4.1)\n"
    assert client.deliver(b"a@b") == text


HELLO = (b"220 hi ESMTP\r\n", b"250-there\r\n250 PIPELINING\r\n")
GOOD = (b"250 mail\r\n", b"250 rcpt\r\n", b"354 go\r\n", b"250 done\r\n")
ACCEPTED = b"K127.0.0.1 accepted message.\nRemote host said: 250 done\n"
SENT = MESSAGE.replace(b"\n", b"\r\n") + b".\r\n"


def test_a_worker_keeps_its_connection(instance: Instance) -> None:
    client, host = instance.start_own([*HELLO, *GOOD * 3])
    recipients = [b"a@x.test", b"b@x.test", b"c@y.test"]
    for recipient in recipients:
        assert client.deliver(recipient, sender=b"s@" + recipient) == ACCEPTED
    assert client.end() == 0
    host.finish()
    (talk,) = host.talks
    assert talk.messages == [SENT] * 3
    assert talk.commands[2::3] == [b"RCPT TO:<%s>\r\n" % recipient for recipient in recipients]
    assert talk.rest == b"QUIT\r\n"


def test_deliveries_at_the_same_time_have_a_worker_each(instance: Instance) -> None:
    client, host = instance.start_own(*[[HELLO[0], SILENCE]] * 2)
    client.ask(b"a@x.test", 0)
    client.ask(b"b@x.test", 1)
    eventually(lambda: len(host.talks) == 2, what="two connections")
    assert len(children(client.process.pid)) == 2


def test_workers_look_like_the_program(instance: Instance) -> None:
    """Of its arguments only the host is shown: that is what it shares with the deliveries to come."""
    client, host = instance.start_own([HELLO[0], SILENCE])
    client.ask(b"a@x.test", sender=b"s@t")
    eventually(lambda: host.talks and host.talks[0].commands, what="EHLO")
    (worker,) = children(client.process.pid)
    process = Path(f"/proc/{worker}")
    assert process.joinpath("comm").read_text() == "qmail-remote\n"
    assert process.joinpath("cmdline").read_bytes().rstrip(b"\0") == b"qmail-remote x.test"
    assert os.readlink(process / "cwd") == str(instance.path)


def test_a_worker_that_is_killed(instance: Instance) -> None:
    """At work: its delivery has crashed. Idle: nobody notices. Its connections end without QUIT."""
    client, host = instance.start_own([HELLO[0], SILENCE], [*HELLO, *GOOD], [*HELLO, *GOOD])
    client.ask(b"a@x.test")
    eventually(lambda: host.talks and host.talks[0].commands, what="EHLO")
    kill_workers(client)
    assert client.report() == (0, b"Zqmail-remote crashed.\n")
    assert client.deliver(b"a@x.test") == ACCEPTED
    kill_workers(client)
    eventually(lambda: not children(client.process.pid), what="the end of the worker")
    assert client.deliver(b"a@x.test") == ACCEPTED
    assert client.end() == 0
    host.finish()
    assert [talk.rest for talk in host.talks[1:]] == [b"", b"QUIT\r\n"]


def kill_workers(client: Client) -> None:
    for worker in children(client.process.pid):
        os.kill(worker, signal.SIGKILL)


def test_idle_workers_take_leave(instance: Instance) -> None:
    client, host = instance.start_own([*HELLO, *GOOD])
    assert client.deliver(b"a@x.test") == ACCEPTED
    host.finish()  # within seconds, although qmail-rspawn goes on
    assert host.talks[0].rest == b"QUIT\r\n"
    eventually(lambda: not children(client.process.pid), what="the end of the worker")
    assert client.process.poll() is None


def test_workers_finish_when_the_spawner_is_killed(instance: Instance) -> None:
    client, host = instance.start_own([*HELLO, *GOOD])
    assert client.deliver(b"a@x.test") == ACCEPTED
    client.process.kill()
    host.finish()
    assert host.talks[0].rest == b"QUIT\r\n"


def test_a_program_put_in_place_of_qmail_remote(instance: Instance) -> None:
    """Within a second or so it is found, and the workers are given nothing more."""
    client, _ = instance.start_own(*[[*HELLO, *GOOD * 100]] * 20)
    assert client.deliver(b"a@x.test") == ACCEPTED
    script(instance.path / "bin/qmail-remote", "printf 'r\\0Kother\\0'")
    eventually(lambda: client.deliver(b"a@x.test") == b"Kother", what="the other program")


def loads(monkeypatch: pytest.MonkeyPatch, home: Path, *hosts: bytes) -> int:
    """How often requests for these hosts make the spawner load the resolver."""
    loaded: list[bool] = []
    monkeypatch.setattr(dns, "load", lambda: loaded.append(True))
    monkeypatch.setattr(launch, "freeze", lambda: None)
    resolver = qmail_rspawn.Resolver(Home(str(home)))
    for host in hosts:
        resolver.prepare(host)
    return len(loaded)


def test_resolver_is_loaded_once_and_only_where_it_is_needed(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = instance.path
    (home / "control/smtproutes").write_text("literal:[192.0.2.1]\nname:relay.test\n")
    assert loads(monkeypatch, home, b"literal", b"192.0.2.1", b"[192.0.2.1]") == 0
    assert loads(monkeypatch, home, b"literal", b"other", b"another") == 1
    assert loads(monkeypatch, home, b"name") == 1
    (home / "control/smtproutes").write_text(":[192.0.2.1]\n")
    assert loads(monkeypatch, home, b"other") == 0
    (home / "control/smtproutes").unlink()
    (home / "control/smtproutes").mkdir()  # unreadable: a worker will say so
    assert loads(monkeypatch, home, b"other") == 0
