"""qmail-lspawn as a process, in a private instance; as root with real accounts at the end"""

import os
from pathlib import Path

import pytest

from pymail.protocols.spawn import encode_request
from pysvc.formats import cdb
from tests.support import spawners
from tests.support.homes import GROUP_IDS, USER_IDS, group_of, rooted_home
from tests.support.spawners import MESSAGE, PATIENCE, Client, Instance, script, start_rooted
from tests.support.world import TESTER_GROUP, Place, eventually


@pytest.fixture
def instance(place: Place) -> Instance:
    return Instance(place)


def deliver(instance: Instance, text: str) -> bytes:
    """The report on a delivery by a script."""
    instance.local(text)
    return instance.start().deliver(b"joe@host")


def waiting(instance: Instance, text: str) -> Client:
    """A spawner whose deliveries run a script that reads a line from the fifo `go`."""
    instance.local(text)
    os.mkfifo(instance.path / "go")
    instance.place.own()
    return instance.start()


# Beginning and end


def test_no_default_delivery(instance: Instance) -> None:
    done = instance.place.run(instance.path / "bin/qmail-lspawn")
    assert (done.returncode, done.stdout, done.stderr) == (100, b"", b"")


def test_no_queue(instance: Instance) -> None:
    (instance.path / "queue").rename(instance.path / "away")
    done = instance.place.run(instance.path / "bin/qmail-lspawn", "./Maildir/")
    assert (done.returncode, done.stdout, done.stderr) == (111, b"", b"")


def test_end_of_requests_waits_for_deliveries(instance: Instance) -> None:
    instance.local("read line <go-$4; echo $line")
    for name in ("joe", "jim"):
        os.mkfifo(instance.path / f"go-{name}")
    instance.place.own()
    client = instance.start()
    client.ask(b"joe@host")
    client.ask(b"jim@host", 1)
    assert client.process.stdin is not None
    client.process.stdin.close()
    for name in ("joe", "jim"):
        assert not client.ready()
        (instance.path / f"go-{name}").write_text("gone\n")
        assert client.report()[1] == b"Kgone\n"
    assert client.process.wait(20) == 0


def test_nobody_wants_reports(instance: Instance) -> None:
    instance.local("echo x >>done; echo text")
    client = instance.start()
    assert client.process.stdout is not None
    client.process.stdout.close()
    for number in range(2):
        client.ask(b"joe@host", number)
        eventually((instance.path / "done").exists, what=f"delivery {number}")
        (instance.path / "done").unlink()
    assert client.end() == 0


def test_descriptor_2_closed(instance: Instance) -> None:
    instance.local("echo text; echo complaint >&2; ls /proc/$$/fd")
    client = spawners.start(
        instance.place, "sh", "-c", 'exec "$@" 2>&-', "sh", instance.path / "bin/qmail-lspawn", "./M"
    )
    for _ in range(3):
        first, second, *descriptors = client.deliver(b"joe@host").split()
        assert (first, second) == (b"Ktext", b"complaint")
        assert sorted(descriptors)[:3] == [b"0", b"1", b"10"]  # the shell reads its script from 10


# Requests that are answered at once


@pytest.mark.parametrize(
    ("delnum", "messid", "recipient", "text"),
    [
        (120, b"0/23", b"a@b", b"ZInternal error: delnum too big. (#4.3.5)\n"),
        (255, b"x", b"a", b"ZInternal error: delnum too big. (#4.3.5)\n"),
        (0, b"0/2x", b"a@b", b"DInternal error: messid has nonnumerics. (#5.3.5)\n"),
        (0, b"/0/23", b"a@b", b"DInternal error: messid has nonnumerics. (#5.3.5)\n"),
        (0, b"../23", b"a@b", b"DInternal error: messid has nonnumerics. (#5.3.5)\n"),
        (0, b"1" * 100, b"a", b"DInternal error: messid too long. (#5.3.5)\n"),
        (0, b"1" * 99, b"a", b"DSorry, address must include host name. (#5.1.3)\n"),
        (0, b"", b"a", b"DInternal error: messid too short. (#5.3.5)\n"),
        (0, b"0/23", b"a", b"DSorry, address must include host name. (#5.1.3)\n"),
        (0, b"0/24", b"a@b", b"Zqmail-spawn unable to open message. (#4.3.0)\n"),
        (0, b"0", b"a@b", b"ZSorry, message has wrong type. (#4.3.5)\n"),
    ],
)
def test_refusals(instance: Instance, delnum: int, messid: bytes, recipient: bytes, text: bytes) -> None:
    instance.local("echo delivered")
    client = instance.start()
    client.ask(recipient, delnum, messid=messid)
    assert client.report() == (delnum, text)
    assert client.deliver(b"joe@host") == b"Kdelivered\n"


def test_fifo_as_message(instance: Instance) -> None:
    os.mkfifo(instance.path / "queue/mess/0/24")
    instance.place.own()
    assert instance.start().deliver(b"a@b", messid=b"0/24") == b"ZSorry, message has wrong type. (#4.3.5)\n"


@pytest.mark.root
def test_message_of_somebody_else(instance: Instance) -> None:
    os.chown(instance.path / "queue/mess/0/23", 1, TESTER_GROUP)
    (instance.path / "queue/mess/0/23").chmod(0o644)
    assert instance.start().deliver(b"a@b") == b"ZSorry, message has wrong owner. (#4.3.5)\n"


def test_slot_in_use(instance: Instance) -> None:
    client = waiting(instance, "read line <go")
    client.ask(b"joe@host", 7)
    client.ask(b"joe@host", 7)
    assert client.report() == (7, b"ZInternal error: delnum in use. (#4.3.5)\n")
    (instance.path / "go").write_text("\n")
    assert client.report() == (7, b"K")


def test_a_request_without_end(instance: Instance) -> None:
    """It is heard no longer; what was asked for before is done and reported."""
    client = waiting(instance, "read line <go; echo delivered")
    client.ask(b"joe@host")
    with pytest.raises(BrokenPipeError):
        while True:
            client.send(b"x" * 10000)
    (instance.path / "go").write_text("\n")
    assert client.report() == (0, b"Kdelivered\n")
    assert client.process.wait(PATIENCE) == 0


def test_requests_split_anywhere(instance: Instance) -> None:
    instance.local("cat; echo $8")
    client = instance.start()
    for byte in encode_request(0, b"0/23", b"", b"a@b") + encode_request(1, b"0/23", b"", b"c@d"):
        client.send(bytes([byte]))
    reports = sorted(client.report() for _ in range(2))
    assert reports == [(0, b"K" + MESSAGE + b"\n"), (1, b"K" + MESSAGE + b"\n")]


# What qmail-local finds


def test_arguments(instance: Instance) -> None:
    instance.local('for a in "$@"; do echo "$a"; done; pwd; cat')
    report = instance.start("|default").deliver(b"Joe-Ext@b@Host.X", sender=b"sen der@x")
    alias = instance.home.file("alias")
    words = ["--", "alias", alias, "Joe-Ext@b", "-", "Joe-Ext@b", "Host.X", "sen der@x", "|default"]
    lines = "".join(f"{word}\n" for word in [*words, instance.home.path])
    assert report == b"K" + lines.encode() + MESSAGE


def test_both_outputs_are_the_report(instance: Instance) -> None:
    assert deliver(instance, "echo one; echo two >&2") == b"Kone\ntwo\n"


def test_trash(instance: Instance) -> None:
    instance.local("echo delivered")
    assert instance.start().deliver(b"@host") == b"K"


def test_in_process(instance: Instance) -> None:
    """The qmail-local of this installation delivers without a new interpreter."""
    folder = instance.path / "alias/Maildir"
    assert instance.place.run("maildirmake", str(folder)).returncode == 0
    (instance.path / "alias/.qmail-default").write_text("")
    (instance.path / "alias/.qmail-list").write_text("|tr '\\\\0' ' ' </proc/$PPID/cmdline; exit 100\n")
    instance.place.own()
    client = instance.start()
    assert client.deliver(b"joe@host") == b"Kdid 1+0+0\n"
    (stored,) = (folder / "new").iterdir()
    assert stored.read_bytes() == b"Return-Path: <s@t>\nDelivered-To: joe@host\n" + MESSAGE
    assert b"qmail-local -- alias" in client.deliver(b"list@host")


# Ends


@pytest.mark.parametrize(
    ("text", "report"),
    [
        ("echo text; exit 0", b"Ktext\n"),
        ("echo text; exit 111", b"Ztext\n"),
        ("echo text; exit 99", b"Dtext\n"),
        ("echo text; exit 114", b"Dtext\n"),
        ("echo text; exit 112", b"ZInternal qmail-lspawn bug.\n"),
        ("printf 'a\\0b'; exit 100", b"Da"),
        ("echo text; kill -9 $$", b"Zqmail-local crashed.\n"),
        ("yes | head -c 3000", b"K" + b"y\n" * 1500),
        ("yes | head -c 3001", b"K" + b"y\n" * 1483 + b"\nError report too long, sorry.\n"),
        ("yes | head -c 300000", b"K" + b"y\n" * 1483 + b"\nError report too long, sorry.\n"),
    ],
)
def test_ends(instance: Instance, text: str, report: bytes) -> None:
    assert deliver(instance, text) == report


def test_qmail_local_missing(instance: Instance) -> None:
    (instance.path / "bin/qmail-local").unlink()
    assert instance.start().deliver(b"joe@host") == b"DUnable to run qmail-local.\n"


def test_background_job_keeps_the_slot(instance: Instance) -> None:
    client = waiting(instance, "echo first; (echo $$ >pid; read line <go; echo last) & exit 0")
    client.ask(b"joe@host")
    eventually(lambda: (instance.path / "pid").exists() and (instance.path / "pid").read_text().strip())
    pid = int((instance.path / "pid").read_text())
    eventually(lambda: not Path(f"/proc/{pid}").exists(), what="the end of the process itself")
    assert not client.ready()
    client.ask(b"joe@host")
    assert client.report() == (0, b"ZInternal error: delnum in use. (#4.3.5)\n")
    (instance.path / "go").write_text("\n")
    assert client.report() == (0, b"Kfirst\nlast\n")


def test_process_that_closed_its_output_is_waited_for(instance: Instance) -> None:
    client = waiting(instance, "exec >&- 2>&-; read line <go; exit 111")
    client.ask(b"joe@host")
    with (instance.path / "go").open("w") as go:
        assert not client.ready(0.05)
        go.write("\n")
    assert client.report() == (0, b"Z")


def test_all_slots(instance: Instance) -> None:
    instance.local("read line <go$8; echo $4")
    os.mkfifo(instance.path / "gos@t")
    instance.place.own()
    client = instance.start()
    for delnum in range(120):
        client.ask(b"user%d@host" % delnum, delnum)
    go = os.open(instance.path / "gos@t", os.O_RDWR)
    os.write(go, b"\n" * 120)
    reports = dict(client.report() for _ in range(120))
    os.close(go)
    assert reports == {delnum: b"Kuser%d\n" % delnum for delnum in range(120)}


# Who gets it

DATA = b"vmail\x0077\x0078\0/mail/joe\0-\0ext"
SHOW = 'shift; echo "$1 $2 $3 $4 $5"'


@pytest.mark.parametrize(
    ("key", "recipient", "report"),
    [
        (b"!joe\0", b"Joe@h", b"Kvmail /mail/joe Joe - ext\n"),
        (b"!joe-", b"Joe-A@h", b"Kvmail /mail/joe Joe-A - extA\n"),
        (b"!", b"Any@h", b"Kvmail /mail/joe Any - extAny\n"),
        (b"!jim\0", b"joe@h", b"Kalias %s joe - joe\n"),
    ],
)
def test_users_database(instance: Instance, key: bytes, recipient: bytes, report: bytes) -> None:
    instance.local(SHOW)
    instance.users((key, DATA), (b"", b"-"))
    alias = os.fsencode(instance.home.file("alias"))
    assert instance.start().deliver(recipient) == report.replace(b"%s", alias)


def test_users_database_is_read_for_each_delivery(instance: Instance) -> None:
    instance.local(SHOW)
    client = instance.start()
    assert client.deliver(b"joe@h").startswith(b"Kalias ")
    instance.users((b"!joe\0", DATA), (b"", b""))
    assert client.deliver(b"joe@h").startswith(b"Kvmail ")


@pytest.mark.parametrize("content", [b"", b"short", cdb.build([(b"!joe\0", DATA)]), b"\xff" * 2048])
def test_damaged_database(instance: Instance, content: bytes) -> None:
    (instance.path / "users/cdb").write_bytes(content)
    assert instance.start().deliver(b"joe@h") == b"ZTrouble reading users/cdb in qmail-lspawn.\n"


def test_unreadable_database(instance: Instance) -> None:
    (instance.path / "users/cdb").write_bytes(b"")
    (instance.path / "users/cdb").chmod(0)
    instance.place.own()
    assert instance.start().deliver(b"joe@h") == b"ZTrouble reading users/cdb in qmail-lspawn.\n"


@pytest.mark.parametrize(
    ("data", "report"),
    [
        (b"joe\x0077\x0078\0/mail/joe\0-", b"ZInternal qmail-lspawn bug.\n"),
        (b"joe\x000\x0078\0/mail/joe\0-\0", b"ZNot allowed to perform deliveries as root.\n"),
        (b"joe\0x\x0078\0/mail/joe\0-\0", b"ZNot allowed to perform deliveries as root.\n"),
    ],
)
def test_bad_records(instance: Instance, data: bytes, report: bytes) -> None:
    instance.users((b"!joe\0", data), (b"", b""))
    assert instance.start().deliver(b"joe@h") == report


@pytest.mark.parametrize(
    ("text", "report"),
    [
        (r"printf 'u\00012\00034\000/h/%s\000-\000e\000' $1", b"Ku /h/Joe Joe - e\n"),
        (r"printf 'u\00012\00034\000/h\000-\000e'", b"ZInternal qmail-lspawn bug.\n"),
        (r"printf 'u\0004294967295\00034\000/h\000-\000e\000'", b"ZInternal qmail-lspawn bug.\n"),
        ("exec cat /dev/zero", b"ZTemporary failure in qmail-lspawn.\n"),
        (r"printf 'u\0000\00034\000/h\000-\000e\000'", b"ZNot allowed to perform deliveries as root.\n"),
        ("exit 115", b"ZNFS failure in qmail-local.\n"),
        ("exit 116", b"ZUnable to find alias user!\n"),
        ("exit 7", b"D"),
        ("kill -9 $$", b"ZTemporary failure in qmail-lspawn.\n"),
        ("ls -l /proc/$$/fd | grep -q mess && exit 7; exit 115", b"ZNFS failure in qmail-local.\n"),
    ],
)
def test_another_getpw(instance: Instance, text: str, report: bytes) -> None:
    instance.local(SHOW)
    script(instance.path / "bin/qmail-getpw", text)
    assert instance.start().deliver(b"Joe@h") == report


def test_getpw_missing(instance: Instance) -> None:
    (instance.path / "bin/qmail-getpw").unlink()
    assert instance.start().deliver(b"joe@h") == b"ZUnable to run qmail-getpw.\n"


# With root


@pytest.mark.root
def test_root_delivers_nothing_in_a_private_instance(instance: Instance) -> None:
    instance.local("echo delivered")
    client = instance.start(as_root=True)
    assert client.deliver(b"joe@host") == b"ZNot allowed to perform deliveries as root.\n"


IDENTITY = "grep -E '^(Uid|Gid|Groups):' /proc/self/status; umask; pwd"


def identity(uid: int, gid: int, umask: str, folder: str) -> str:
    """What IDENTITY prints."""
    ids = f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}\nGid:\t{gid}\t{gid}\t{gid}\t{gid}\nGroups:\t{gid} \n"
    return f"{ids}{umask}\n{folder}\n"


@pytest.mark.root
def test_accounts(place: Place) -> None:
    with rooted_home(place) as rooted:
        passwd = place.path / "passwd"
        passwd.write_text(passwd.read_text().replace("/var/homes/alias", "/var/qmail/alias"))
        joe = rooted.root / "var/homes/joe"
        (joe / ".qmail-ids").write_text(f"|{IDENTITY}; exit 100\n")
        (rooted.home / "alias/.qmail-default").write_text("|id -un; exit 100\n")
        client = start_rooted(rooted, "./Mailbox")
        uid, gid = USER_IDS["joe"], group_of("joe")
        expected = identity(uid, gid, "0077", "/var/homes/joe")
        assert client.deliver(b"Joe-IDs@host").decode() == f"D{expected}"
        assert client.deliver(b"joe@host") == b"Kdid 1+0+0\n"
        stored = (joe / "Mailbox").stat()
        assert (stored.st_uid, stored.st_gid, stored.st_mode & 0o777) == (uid, gid, 0o600)
        assert client.deliver(b"nobody-here@host") == b"Dalias\n"
        assert client.deliver(b"root@host") == b"Dalias\n"


@pytest.mark.root
def test_root_never_gets_mail(place: Place) -> None:
    with rooted_home(place) as rooted:
        boss, odd = b"root\x000\x000\0/\0\0", b"odd\x004294967295\x001\0/\0\0"
        records = [(b"!boss\0", boss), (b"!odd\0", odd), (b"", b"")]
        (rooted.home / "users/cdb").write_bytes(cdb.build(records))
        client = start_rooted(rooted, "|id -u; exit 100")
        assert client.deliver(b"boss@host") == b"ZNot allowed to perform deliveries as root.\n"
        assert client.deliver(b"odd@host") == b"ZInternal qmail-lspawn bug.\n"
        assert client.deliver(b"joe@host") == f"D{USER_IDS['joe']}\n".encode()


@pytest.mark.root
def test_getpw_runs_without_privileges(place: Place) -> None:
    with rooted_home(place) as rooted:
        out = rooted.root / "var/out"
        out.mkdir()
        out.chmod(0o777)
        script(
            rooted.home / "bin/qmail-getpw",
            f"{{ {IDENTITY}; readlink /proc/$$/fd/0 /proc/$$/fd/2; }} >/var/out/identity; exit 115",
        )
        client = start_rooted(rooted, "./Mailbox")
        assert client.deliver(b"joe@host") == b"ZNFS failure in qmail-local.\n"
        seen = (out / "identity").read_text()
        expected = identity(USER_IDS["qmailp"], GROUP_IDS["nofiles"], "0022", "/var/qmail")
        assert seen == f"{expected}/dev/null\n/dev/null\n"
