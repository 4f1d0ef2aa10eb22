"""A mailing list of 5000 through a dot-qmail file: VERP, bounces to the owner, checkpoints over restarts"""

import re
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.support.mail import FQDN, MailSystem, running
from tests.support.world import eventually

pytestmark = [pytest.mark.root, pytest.mark.timeout(240)]
MEMBERS, GONE, BROKEN = 5000, 10, 5
CONCURRENCY = 40
# `gone` are unknown to the host; `broken` are known, but send what they get to somebody who is not.
LIST = f"""
set -e
cd ~
touch .qmail-list-owner
echo ./owner.mbox >.qmail-list-owner-default
echo ./members.mbox >.qmail-member-default
echo '&nobody-at-all@{FQDN}' >.qmail-broken-default
for name in member:{MEMBERS} gone:{GONE} broken:{BROKEN}; do
    for number in $(seq ${{name#*:}}); do echo "&joe-${{name%:*}}-$number@{FQDN}"; done
done >.qmail-list
"""
OWNER = f"joe-list-owner-@{FQDN}"
RECEIVED = re.compile(rb"^Return-Path: <([^\n]*)>\nDelivered-To: joe-([a-z]+-\d+)@[^\n]*\n", re.MULTILINE)


@pytest.fixture
def system() -> Iterator[MailSystem]:
    with running() as made:
        made.sh(f"echo {CONCURRENCY} >/var/qmail/control/concurrencylocal; svc -t /service/qmail-send")
        made.machine.run("su", "joe", "-c", LIST)
        yield made
        made.assert_no_traceback()


def box(system: MailSystem, name: str) -> bytes:
    path = system.machine.path(f"/home/joe/{name}.mbox")
    return path.read_bytes() if path.exists() else b""


def copies(system: MailSystem) -> "Counter[str]":
    """How often each member has the message."""
    return Counter(member.decode() for _, member in RECEIVED.findall(box(system, "members")))


def reached(system: MailSystem, count: int) -> None:
    eventually(lambda: box(system, "members").count(b"\nDelivered-To: ") >= count, 90, f"{count} copies")


def marked(system: MailSystem) -> tuple[set[str], set[str]]:
    """Who is marked done for the message with the most recipients, and who is not."""
    folder = system.machine.path("/var/qmail/queue/local")
    records = max((path.read_bytes() for path in folder.glob("*/*")), key=len).split(b"\0")[:-1]
    names = [(record[:1], record[5:].partition(b"@")[0].decode()) for record in records]
    done = {name for mark, name in names if mark == b"D"}
    return done, {name for mark, name in names if mark == b"T"}


def is_member(name: str) -> bool:
    return name.startswith("member-")


def test_a_list_over_restarts(system: MailSystem) -> None:
    system.send(b"Subject: to the list\n\nhello\n", f"joe-list@{FQDN}", "author@remote.test")

    # A clean end: what is marked done is exactly what was delivered.
    reached(system, MEMBERS // 10)
    system.sh("svc -d /service/qmail-send")
    eventually(lambda: not system.pids("qmail-send"), 30, "qmail-send has ended")
    done, left = marked(system)
    assert len(done) + len(left) == MEMBERS + GONE + BROKEN and left
    assert copies(system) == Counter(filter(is_member, done))
    begun = len(done)
    system.sh("svc -u /service/qmail-send")

    # A sudden one: only what was not marked may come again.
    reached(system, begun + (MEMBERS - begun) // 3)
    (pid,) = system.pids("qmail-send")
    system.sh(f"kill -STOP {pid}")
    certain = marked(system)[0]
    system.sh(f"kill -9 {pid}")
    reached(system, MEMBERS)
    for line in (f"<joe-gone-{GONE}@", "<nobody-at-all@"):
        eventually(lambda line=line: line.encode() in box(system, "owner"), 60, line)  # type: ignore[misc]
    eventually(system.queue_empty, 60, "an empty queue")

    found = copies(system)
    assert set(found) == {f"member-{number}" for number in range(1, MEMBERS + 1)}
    assert {found[name] for name in filter(is_member, done | certain)} == {1}
    assert found.total() <= MEMBERS + CONCURRENCY
    assert done < certain
    assert_senders(system)
    assert_bounces(system)


def assert_senders(system: MailSystem) -> None:
    """Each member got it from a sender of its own."""
    for sender, member in RECEIVED.findall(box(system, "members")):
        assert sender == b"joe-list-owner-joe-%s=%s@%s" % (member, FQDN.encode(), FQDN.encode())


def assert_bounces(system: MailSystem) -> None:
    """One for those whom this host knows not; others at the address that tells which member it was."""
    text = box(system, "owner")
    told = re.findall(rb"^Return-Path: <>\nDelivered-To: joe-list-owner-([^@\n]*)@", text, re.MULTILINE)
    broken = {b"joe-broken-%d=%s" % (number, FQDN.encode()) for number in range(1, BROKEN + 1)}
    assert set(told) == {b"", *broken}
    assert f"\nTo: {OWNER}\n".encode() in text
    failed = set(re.findall(rb"^<joe-gone-(\d+)@%s>:$" % FQDN.encode(), text, re.MULTILINE))
    assert failed == {b"%d" % number for number in range(1, GONE + 1)}
