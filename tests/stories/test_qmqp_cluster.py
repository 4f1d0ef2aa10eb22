"""examples/qmqp-cluster on three hosts: two front ends that keep nothing, and one queue host"""

import contextlib
import re
import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.support.machine import Machine, join
from tests.support.mail import MailSystem, installed, running
from tests.support.world import eventually

pytestmark = [pytest.mark.root, pytest.mark.timeout(240)]
EXAMPLE = "/opt/pymail/examples/qmqp-cluster"
QUEUE = {"front1": "10.77.1.10", "front2": "10.77.2.10"}  # the queue host, as each front end sees it
FRONT = {"front1": "10.77.1.1", "front2": "10.77.2.1"}
JOE, BOX = "joe@example.org", "/home/joe/Maildir"
EACH = 40  # messages of each front end while the queue host comes and goes
PAUSE = 0.7  # seconds that it is down, or up


class Cluster:
    """The queue host and the front ends by name."""

    def __init__(self, queue: MailSystem, fronts: dict[str, MailSystem]) -> None:
        self.queue, self.fronts = queue, fronts

    def serve(self, wanted: bool) -> None:
        """Start or stop the QMQP service of the queue host, and wait until it has happened."""
        self.queue.sh(f"svc -{'u' if wanted else 'd'} /service/qmail-qmqpd")
        eventually(lambda: self.queue.connects(628) == wanted, 30, f"QMQP: {wanted}")

    def assert_nothing_kept(self) -> None:
        look = "find /var/qmail/queue -type f ! -path '*/lock/*'; ls /service"
        assert {front.sh(look) for front in self.fronts.values()} == {"qmail-front\n"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with contextlib.ExitStack() as stack:
        queue = stack.enter_context(running(fqdn="queue.example.org"))
        queue.sh("echo example.org >>/var/qmail/control/locals; svc -t /service/qmail-send")
        fronts = {name: stack.enter_context(front_end(name, queue.machine)) for name in FRONT}
        queue.sh(f"sh {EXAMPLE}/queue-host.sh {' '.join(FRONT.values())}")
        made = Cluster(queue, fronts)
        made.serve(True)
        yield made
        for system in (queue, *fronts.values()):
            system.assert_no_traceback()


@contextlib.contextmanager
def front_end(name: str, queue: Machine) -> Iterator[MailSystem]:
    with installed("--no-start", fqdn=f"{name}.example.org") as front:
        join(front.machine, FRONT[name], queue, QUEUE[name])
        front.sh("echo example.org >/var/qmail/control/rcpthosts")
        front.sh(f"sh {EXAMPLE}/front-end.sh {QUEUE[name]}")
        front.start_svscan()
        eventually(lambda: front.connects(25), 30, "port 25")
        yield front


def message(token: str) -> bytes:
    return f"Subject: <{token}>\n\nhello\n".encode()


def answer(replies: list[str]) -> str:
    """What the final dot was answered with."""
    return replies[-2]


def test_either_front_end(cluster: Cluster) -> None:
    cluster.serve(True)
    for name, front in cluster.fronts.items():
        replies = front.send(message(name), JOE, "them@remote.test")
        assert re.fullmatch(r"250 ok \d+ qp \d+", answer(replies)), replies
        stored = cluster.queue.wait_mail(BOX, b"<%s>" % name.encode()).decode()
        assert stored.startswith(f"Return-Path: <them@remote.test>\nDelivered-To: {JOE}\n")
        hops = re.findall(r"^  by (\S+) with (\S+);", stored, re.MULTILINE)
        assert hops == [("queue.example.org", "QMQP"), (f"{name}.example.org", "SMTP")]
    cluster.assert_nothing_kept()


def test_the_front_end_decides_who_may_relay(cluster: Cluster) -> None:
    for front in cluster.fronts.values():
        replies = front.send(message("relay"), "x@elsewhere.test", "them@remote.test")
        assert replies[2] == "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"


def test_nobody_else_is_let_in(cluster: Cluster) -> None:
    cluster.serve(True)
    before = cluster.queue.log("qmqpd").count(" deny ")
    code = cluster.queue.sh(
        f"echo 127.0.0.1 >/var/qmail/control/qmqpservers; printf 'Fa@b\\0T{JOE}\\0\\0' >/opt/tmp/e; "
        "echo uninvited | /var/qmail/bin/qmail-qmqpc 1</opt/tmp/e; echo $? >/opt/tmp/code; cat /opt/tmp/code"
    )
    assert code == "74\n"
    eventually(lambda: cluster.queue.log("qmqpd").count(" deny ") > before, what="the denial in the log")


def test_the_queue_host_is_down(cluster: Cluster) -> None:
    cluster.serve(False)
    for name, front in cluster.fronts.items():
        replies = front.send(message(f"later-{name}"), JOE, "them@remote.test")
        assert answer(replies) == "451 connection to mail server rejected (#4.4.1)"
    cluster.assert_nothing_kept()
    cluster.serve(True)
    for name, front in cluster.fronts.items():
        assert answer(front.send(message(f"later-{name}"), JOE, "them@remote.test")).startswith("250 ok ")
        cluster.queue.wait_mail(BOX, b"<later-%s>" % name.encode())
    copies = [path.read_bytes().count(b"<later-") for path in cluster.queue.mailbox(BOX)]
    assert sum(copies) == len(cluster.fronts)


def test_the_queue_host_comes_and_goes(cluster: Cluster) -> None:
    """Its server and the conversations with it are killed; clients try again, as they do. Nothing is lost."""
    cluster.serve(True)
    answers: list[tuple[str, str]] = []

    def load(name: str, front: MailSystem) -> None:
        for number in range(EACH):
            token, said = f"load-{name}-{number}", ""
            while not said.startswith("250 ok "):
                said = answer(front.send(message(token), JOE, "them@remote.test"))
                answers.append((token, said))

    threads = [threading.Thread(target=load, args=pair) for pair in cluster.fronts.items()]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        cluster.queue.sh("svc -dk /service/qmail-qmqpd")
        for pid in cluster.queue.pids("qmail-qmqpd"):
            cluster.queue.sh(f"kill -9 {pid}", check=False)
        threads[0].join(PAUSE)
        cluster.queue.sh("svc -u /service/qmail-qmqpd")
        threads[0].join(PAUSE)
    for thread in threads:
        thread.join()
    refused = [said for _, said in answers if not said.startswith("250 ok ")]
    assert refused and {said[:4] for said in refused} == {"451 "}

    def found() -> "Counter[str]":
        texts = [path.read_bytes().decode() for path in cluster.queue.mailbox(BOX)]
        return Counter(re.findall(r"^Subject: <(load-\S+)>", "".join(texts), re.MULTILINE))

    eventually(lambda: len(found()) == len(FRONT) * EACH, 30, "all that was acknowledged")
    tries = Counter(token for token, _ in answers)
    assert found() <= tries
    cluster.assert_nothing_kept()
