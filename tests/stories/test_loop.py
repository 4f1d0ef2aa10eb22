"""Two hosts that forward to each other: the message comes back once, and its sender is told"""

import re
from collections.abc import Iterator

import pytest

from tests.support.machine import join
from tests.support.mail import MailSystem, running
from tests.support.world import eventually

pytestmark = [pytest.mark.root, pytest.mark.timeout(240)]
ADDRESS = {"a": "10.77.1.1", "b": "10.77.1.2"}
LOOPING = "This message is looping: it already has my Delivered-To line. (#5.4.6)"


@pytest.fixture
def hosts() -> Iterator[dict[str, MailSystem]]:
    """a.test and b.test, where x@ each is forwarded to x@ the other."""
    with running(fqdn="a.test") as a, running(fqdn="b.test") as b:
        join(a.machine, ADDRESS["a"], b.machine, ADDRESS["b"])
        for here, there in ((a, "b"), (b, "a")):
            here.sh(
                f"echo '{there}.test:{ADDRESS[there]}' >/var/qmail/control/smtproutes; "
                f"echo '&x@{there}.test' >~alias/.qmail-x"
            )
        yield {"a": a, "b": b}
        for system in (a, b):
            system.assert_no_traceback()


def deliveries(system: MailSystem) -> list[str]:
    """Where the system has delivered, in order; `local x@a.test`."""
    return re.findall(r"starting delivery \d+: msg \d+ to (.*)", system.log())


def expect(system: MailSystem, expected: list[str]) -> None:
    """Wait for the lines of these deliveries: multilog may write them when the queue is empty already."""
    eventually(lambda: len(deliveries(system)) >= len(expected), what=f"{len(expected)} deliveries")
    assert deliveries(system) == expected


def test_loop(hosts: dict[str, MailSystem]) -> None:
    a, b = hosts["a"], hosts["b"]
    a.send(b"Subject: round and round\n\nhello\n", "x@a.test", "joe@a.test")
    bounce = a.wait_mail("/home/joe/Maildir", b"failure notice").decode()
    assert f"\n<x@a.test>:\n{LOOPING}\n" in bounce
    copy = bounce.partition("--- Below this line is a copy of the message.\n\n")[2]
    assert re.findall(r"^Delivered-To: (.*)", copy, re.MULTILINE) == ["x@b.test", "x@a.test"]
    for system in (a, b):
        eventually(system.queue_empty, 30, "an empty queue")
    expect(a, ["local x@a.test", "remote x@b.test", "local x@a.test", "local joe@a.test"])
    expect(b, ["local x@b.test", "remote x@a.test"])
    a.wait_log(f"failure: {LOOPING.replace(' ', '_')}/")


def test_loop_with_a_sender_at_the_other_host(hosts: dict[str, MailSystem]) -> None:
    """The bounce leaves the host that found the loop, and does not loop itself."""
    a, b = hosts["a"], hosts["b"]
    a.send(b"Subject: round and round\n\nhello\n", "x@a.test", "joe@b.test")
    assert LOOPING in b.wait_mail("/home/joe/Maildir", b"failure notice").decode()
    for system in (a, b):
        eventually(system.queue_empty, 30, "an empty queue")
    expect(a, ["local x@a.test", "remote x@b.test", "local x@a.test", "remote joe@b.test"])
    expect(b, ["local x@b.test", "remote x@a.test", "local joe@b.test"])


def test_bounces_that_loop(hosts: dict[str, MailSystem]) -> None:
    """The sender is in the loop as well: the bounce's bounce goes to a postmaster, and that is the end."""
    a, b = hosts["a"], hosts["b"]
    a.send(b"Subject: round and round\n\nhello\n", "x@a.test", "x@b.test")
    eventually(lambda: box(a) or box(b), 30, "a double bounce")
    found = a if box(a) else b
    text = found.wait_mail("/home/adminmails/Maildir", b"but the bounce bounced!").decode()
    assert text.count(LOOPING) == 2
    for system in (a, b):
        eventually(system.queue_empty, 30, "an empty queue")
    assert len(deliveries(a)) + len(deliveries(b)) < 15


def box(system: MailSystem) -> bool:
    return bool(system.mailbox("/home/adminmails/Maildir"))
