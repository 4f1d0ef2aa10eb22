"""qmail-rspawn as a process"""

from pathlib import Path

import pytest

from pymail.programs import qmail_rspawn
from pymail.queue import layout
from pymail.unix import dns
from pymail.unix.home import Home
from pysvc import launch
from tests.support import spawners
from tests.support.homes import private_home
from tests.support.spawners import MESSAGE, Client, script
from tests.support.world import TESTER, TESTER_GROUP, Place


class Instance:
    """A private instance with a message in its queue and a script that delivers."""

    def __init__(self, place: Place) -> None:
        self.place, self.path = place, Path(private_home(place).path)
        spawners.write_message(self.path / "queue", TESTER, TESTER_GROUP)

    def start(self, text: str, **popen: object) -> Client:
        script(self.path / "remote", text)
        env = {"QMAILREMOTE": str(self.path / "remote")}
        return spawners.start(self.place, self.path / "bin/qmail-rspawn", env=env, **popen)


@pytest.fixture
def instance(place: Place) -> Instance:
    return Instance(place)


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
