"""The installed system at work: relaying, remote delivery, bounces, odd messages, control, crashes"""

import re
import time
from collections.abc import Iterator

import pytest

from tests.support.mail import FQDN, MailSystem, running
from tests.support.world import eventually

pytestmark = [pytest.mark.root, pytest.mark.timeout(240)]
JOE = "/home/joe/Maildir"


@pytest.fixture(scope="module")
def system() -> Iterator[MailSystem]:
    with running("--replace-sendmail") as made:
        yield made
        made.assert_no_traceback()


def test_local_message_byte_for_byte(system: MailSystem) -> None:
    body = b"Subject: odd\n\n.\n..dots\n\xff\xfe 8 bit\n.last" + b"\n"
    replies = system.send(body, f"joe@{FQDN}", "sender@remote.test")
    assert re.fullmatch(r"250 ok \d+ qp \d+", replies[-2])
    stored = system.wait_mail(JOE, b"Subject: odd")
    head, _, rest = stored.partition(b"Subject: odd")
    assert b"Subject: odd" + rest == body
    lines = head.splitlines()
    assert lines[0] == b"Return-Path: <sender@remote.test>"
    assert lines[1] == b"Delivered-To: joe@" + FQDN.encode()
    assert re.match(rb"Received: \(qmail \d+ invoked from network\); ", lines[2])
    assert lines[3].startswith(b"Received: from ") and b"with SMTP;" in lines[4]


def test_msmtp_in_fetchmail_out(system: MailSystem) -> None:
    system.sh(
        f"printf 'Subject: by msmtp\\n\\nhello\\n' | "
        f"msmtp --host=127.0.0.1 --port=25 --tls=off --from=x@remote.test joe@{FQDN}"
    )
    system.wait_mail(JOE, b"Subject: by msmtp")
    rc = 'poll 127.0.0.1 protocol pop3 port 110 user joe password secret mda "cat >>/opt/tmp/fetched"\n'
    system.machine.path("/opt/tmp/fetchmailrc").write_text(rc)
    system.sh("chmod 600 /opt/tmp/fetchmailrc")
    fetched = system.machine.path("/opt/tmp/fetched")

    def arrived() -> bool:
        system.sh("HOME=/opt/tmp fetchmail --keep --all --sslproto '' -f /opt/tmp/fetchmailrc", check=False)
        return fetched.exists() and b"Subject: by msmtp" in fetched.read_bytes()

    eventually(arrived, 30, "fetchmail fetches the message")


def test_empty_body(system: MailSystem) -> None:
    system.send(b"", f"joe@{FQDN}", "empty@remote.test")
    stored = system.wait_mail(JOE, b"Return-Path: <empty@remote.test>\n")
    assert re.search(rb"\n  by \S+ with SMTP; [^\n]+\n$", stored)


def test_no_final_newline(system: MailSystem) -> None:
    system.sh(
        "printf 'Subject: tail\\n\\nno newline' >/opt/tmp/m; "
        "printf 'Fjoe@x.test\\0Tjoe@" + FQDN + "\\0\\0' >/opt/tmp/e; "
        "su joe -c '/var/qmail/bin/qmail-queue </opt/tmp/m 1</opt/tmp/e'"
    )
    assert system.wait_mail(JOE, b"Subject: tail").endswith(b"Subject: tail\n\nno newline")


def test_twenty_megabytes(system: MailSystem) -> None:
    body = b"Subject: big\n\n" + b"".join(b"%08d %s\n" % (n, b"x" * 90) for n in range(200_000))
    system.send(body, f"joe@{FQDN}", "big@remote.test")
    stored = system.wait_mail(JOE, b"Subject: big", timeout=60)
    assert stored.endswith(body)


def test_thousand_recipients(system: MailSystem) -> None:
    system.sh("su joe -c 'touch ~/.qmail-list-default; echo ./list.mbox >~/.qmail-list-default'")
    to = ",".join(f"joe-list-{n}@{FQDN}" for n in range(1000))
    replies = system.send(b"Subject: many\n\nhello\n", to, "many@remote.test")
    assert replies.count("250 ok") == 1001
    mbox = system.machine.path("/home/joe/list.mbox")

    def copies() -> int:
        return mbox.read_bytes().count(b"\nSubject: many\n") if mbox.exists() else 0

    eventually(lambda: copies() == 1000, 100, "1000 copies")
    delivered = set(re.findall(rb"^Delivered-To: joe-list-(\d+)@", mbox.read_bytes(), re.MULTILINE))
    assert len(delivered) == 1000


def test_relay_rules(system: MailSystem) -> None:
    refused = system.send(b"Subject: relay\n\n", "x@elsewhere.test", "a@b.test")
    assert refused[2] == "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"
    system.sh("""echo '127.:allow,RELAYCLIENT=""' >>/etc/tcp.smtp""")
    assert system.sh("qmailctl cdb") == "Reloaded /etc/tcp.smtp.\n"
    allowed = system.sh(
        "printf 'EHLO x\\r\\nMAIL FROM:<a@b.test>\\r\\nRCPT TO:<x@elsewhere.test>\\r\\nQUIT\\r\\n' | "
        "(exec 3<>/dev/tcp/127.0.0.1/25; cat >&3; cat <&3)"
    )
    assert "553" not in allowed
    system.sh("sed -i '$d' /etc/tcp.smtp; qmailctl cdb")


def test_remote_delivery_and_retry(system: MailSystem) -> None:
    """To a smarthost that is down first: kept, shown, and sent after qmailctl doqueue."""
    system.sh("echo 'far.test:127.0.0.1:2526' >/var/qmail/control/smtproutes")
    system.sh("echo 'Subject: far' | su joe -c '/var/qmail/bin/qmail-inject -a someone@far.test'")
    system.wait_log("deferral: Sorry,_I_wasn't_able_to_establish_an_SMTP_connection._(#4.4.1)/")
    shown = system.sh("qmailctl queue")
    assert "\tremote\tsomeone@far.test\n" in shown and "messages in queue: 1\n" in shown
    system.sh("mkdir -m 777 -p /opt/tmp/sink")
    system.machine.start("smtp-sink", "-u", "nobody", "-d", "/opt/tmp/sink/%Y", "127.0.0.1:2526", "10")
    eventually(lambda: system.connects(2526), what="smtp-sink")
    system.sh("qmailctl doqueue")
    system.wait_log("127.0.0.1_accepted_message.")
    eventually(system.queue_empty, what="the queue is empty")
    (received,) = system.machine.path("/opt/tmp/sink").glob("*")
    assert b"Subject: far" in received.read_bytes()


def test_bounce_and_double_bounce(system: MailSystem) -> None:
    system.send(b"Subject: lost\n\nbody\n", f"nobody-here@{FQDN}", f"joe@{FQDN}")
    bounce = system.wait_mail(JOE, b"failure notice")
    assert b"Return-Path: <>\n" in bounce and b"Sorry, no mailbox here by that name. (#5.1.1)" in bounce
    system.send(b"Subject: twice lost\n\nbody\n", f"nobody-here@{FQDN}", f"nobody-either@{FQDN}")
    double = system.wait_mail("/home/adminmails/Maildir", b"twice lost")
    assert b"Return-Path: <#@[]>\n" in double
    assert b"I tried to deliver a bounce message to this address, but the bounce bounced!" in double


def test_svc_letters(system: MailSystem) -> None:
    def stat(name: str) -> str:
        return system.sh(f"svstat /service/{name}")

    def pid(name: str) -> str:
        found = re.search(r"up \(pid (\d+)\)", stat(name))
        return found.group(1) if found else ""

    for name in ("qmail-smtpd", "qmail-send", "qmail-pop3d"):
        first = pid(name)
        system.sh(f"svc -d /service/{name}")
        eventually(lambda name=name: " down " in stat(name), what=f"{name} down")
        system.sh(f"svc -u /service/{name}")
        eventually(lambda name=name: pid(name), what=f"{name} up")
        assert pid(name) != first
        system.sh(f"svc -p /service/{name}")
        eventually(lambda name=name: ", paused" in stat(name), what=f"{name} paused")
        system.sh(f"svc -c /service/{name}")
        eventually(lambda name=name: ", paused" not in stat(name), what=f"{name} continued")
        for letter in "tki":
            before = pid(name)
            system.sh(f"svc -{letter} /service/{name}")
            eventually(lambda n=name, old=before: pid(n) not in ("", old), what=f"{name} -{letter}")
        system.sh(f"svc -o /service/{name}; svc -t /service/{name}")
        eventually(lambda name=name: " down " in stat(name), what=f"{name} once")
        system.sh(f"svc -u /service/{name}")
        eventually(lambda name=name: pid(name), what=f"{name} up again")
    system.sh("svc -a /service/qmail-send; svc -h /service/qmail-send")
    before = pid("qmail-send")
    assert pid("qmail-send") == before
    system.sh("svc -x /service/qmail-pop3d")
    assert pid("qmail-pop3d")
    system.sh("svc -d /service/qmail-pop3d")
    eventually(lambda: pid("qmail-pop3d"), 30, "svscan starts another supervise, which starts the service")
    eventually(lambda: system.connects(25), what="port 25")


def test_kill_any_process(system: MailSystem) -> None:
    """Kill -9 of each process of the mail system: it comes back, and mail goes through again."""
    partners = ("qmail-send", "qmail-lspawn", "qmail-rspawn", "qmail-clean", "qmail-queued")
    for number, name in enumerate((*partners, "tcpserver", "multilog", "supervise")):
        victims = system.pids(name)
        assert victims, name
        system.sh(f"kill -9 {victims[0]}")
        system.through(f"after-{name}-{number}")
    eventually(system.queue_empty, 60, "the queue is empty")


def test_odd_input_leaves_no_traceback(system: MailSystem) -> None:
    garbage = [
        b"\x00\xff\r\n" * 50,
        b"MAIL\r\nRCPT\r\nDATA\r\n\n\r\n.\r\n",
        b"A" * 200_000 + b"\r\n",
        b"USER \r\nPASS\r\nAPOP x\r\n",
    ]
    for port in (25, 110):
        for data in garbage:
            script = f"exec 3<>/dev/tcp/127.0.0.1/{port}; cat >&3; timeout 2 cat <&3"
            system.machine.run("bash", "-c", script, stdin=data, check=False)
    system.assert_no_traceback()


def test_idle_memory(system: MailSystem) -> None:
    """No process has grown far beyond what it needs; the figures themselves are printed by tests/bench."""
    eventually(system.queue_empty, 60, "idle")
    report = system.sh(
        "for p in /proc/[0-9]*; do "
        "awk -v n=$(cat $p/comm) '/^Private_Dirty:/{print $2, n}' $p/smaps_rollup; done 2>/dev/null",
        check=False,
    )
    sizes = [(int(size), name) for size, name in (line.split() for line in report.splitlines())]
    most = {"supervise": 1500, "multilog": 2000, "svscan": 2000, "tcpserver": 5000, "qmail-send": 5000}
    assert {name for _, name in sizes} >= set(most)
    assert [(size, name) for size, name in sizes if size > most.get(name, 4000)] == []


def test_processes_are_idle(system: MailSystem) -> None:
    def ticks() -> int:
        ours = "grep -E '\\((supervise|multilog|tcpserver|qmail-)'"
        stats = system.sh(f"cat /proc/[0-9]*/stat 2>/dev/null | {ours}", check=False)
        fields = [line.rpartition(")")[2].split() for line in stats.splitlines()]
        return sum(int(word) for words in fields for word in words[11:13])

    def idle() -> bool:
        before = ticks()
        time.sleep(2)  # nothing announces that nothing happens
        return ticks() - before <= 3

    eventually(system.queue_empty, 60, "an empty queue")
    eventually(idle, what="two idle seconds")  # what the tests before have left may still be ending
