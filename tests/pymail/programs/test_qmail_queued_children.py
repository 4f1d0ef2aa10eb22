"""The children of the queue service: they do one message after the other, and may die at any time"""

import contextlib
import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from pymail.unix import queue_service
from pymail.unix.home import Home
from tests.support.homes import queued
from tests.support.processes import alive, children, links
from tests.support.queue_clients import ENVELOPE, Client
from tests.support.world import Running, eventually


def test_death_of_the_child_is_an_unknown_outcome(home: Home, service: Running) -> None:
    client = Client(home)
    os.kill(client.pid, signal.SIGKILL)
    assert queue_service.outcome(client.connection) is None
    client.leave()
    assert Client(home).finish() == 0


def test_term_lets_children_finish(home: Home, service: Running) -> None:
    client = Client(home)
    service.signal(signal.SIGTERM)
    assert service.wait() == 0
    assert not queue_service.answers(home)
    assert client.finish() == 0


def test_a_child_takes_the_next_message(home: Home, keeping: None) -> None:
    pids = set()
    for number in range(10):
        client = Client(home)
        assert client.finish(b"%d\n" % number) == 0
        pids.add(client.pid)
    assert len(pids) == 1
    bodies = {files["mess"].partition(b"\n")[2] for files in queued(home.file("queue")).values()}
    assert bodies == {b"%d\n" % number for number in range(10)}


@pytest.mark.parametrize(
    ("message", "envelope", "code"),
    [(b"hello\n", ENVELOPE, 0), (b"x", b"", 54), (b"x", b"X", 91), (b"x", b"F" + b"a" * 1003 + b"\0\0", 11)],
)
def test_nothing_is_carried_over(
    home: Home, keeping: None, message: bytes, envelope: bytes, code: int
) -> None:
    """However a message ended, its child is afterwards as it was before."""
    other = Client(home)  # whose descriptors are none of the child's business
    first = Client(home)
    assert first.finish() == 0
    eventually(lambda: len(links(first.pid)) == 5, what="a child at rest")
    before = links(first.pid)
    bad = Client(home)
    assert bad.pid == first.pid
    assert bad.finish(message, envelope) == code
    eventually(lambda: links(first.pid) == before, what="everything closed")
    last = Client(home)
    assert last.pid == first.pid
    assert last.finish(b"last\n") == 0
    whole = [files["mess"] for files in queued(home.file("queue")).values() if "todo" in files]
    assert sum(mess.partition(b"\n")[2] == b"last\n" for mess in whole) == 1
    other.leave()


def test_a_queue_that_was_replaced(home: Home, service: Running) -> None:
    """A child finds the queue anew for each message."""
    client = Client(home)
    assert client.finish() == 0
    os.rename(home.file("queue"), home.file("old"))
    assert Client(home).finish() == 62
    shutil.copytree(home.file("old"), home.file("queue"), copy_function=lambda source, target: None)
    for path in (Path(home.file("queue")), *Path(home.file("queue")).rglob("*")):
        os.chown(path, home.owner, -1)
    assert Client(home).finish() == 0
    assert len(queued(home.file("queue"))) == len(queued(home.file("old"))) == 1


def test_idle_children_go(home: Home, service: Running) -> None:
    clients = [Client(home) for _ in range(5)]
    assert [client.finish() for client in clients] == [0] * 5
    assert children(service.pid)
    eventually(lambda: not children(service.pid), what="no child")
    assert Client(home).finish() == 0


def test_death_of_an_idle_child(home: Home, service: Running) -> None:
    """Whether or not the service has noticed, the next client sees nothing of it."""
    for _ in range(10):
        client = Client(home)
        assert client.finish() == 0
        os.kill(client.pid, signal.SIGKILL)
    assert len(queued(home.file("queue"))) == 10


def test_admission_ends_with_the_work(home: Home, service: Running) -> None:
    """Also when children die at work: what they held is free again."""
    for _ in range(25):
        assert Client(home).finish() == 0
    for _ in range(25):
        client = Client(home)
        os.kill(client.pid, signal.SIGKILL)
        assert queue_service.outcome(client.connection) is None
        client.leave()
    clients = [Client(home) for _ in range(20)]
    assert [client.finish() for client in clients] == [0] * 20


def _outcome(client: Client) -> int | None:
    """The exit code of a message whose reader may be dead already."""
    try:
        os.write(client.message, b"hello\n")
        os.write(client.envelope, ENVELOPE)
    except BrokenPipeError:
        client.leave()
        return None
    os.close(client.message)
    os.close(client.envelope)
    with contextlib.suppress(ConnectionResetError):
        return queue_service.outcome(client.connection)
    return None


def test_children_that_die_at_any_moment(home: Home, service: Running) -> None:
    """A client knows that its message is queued, or does not know; never the contrary."""
    pid = os.fork()
    if not pid:
        try:
            while True:
                for child in children(service.pid):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(child, signal.SIGKILL)
                time.sleep(random.uniform(0, 0.01))
        finally:
            os._exit(0)
    try:
        codes = [_outcome(Client(home)) for _ in range(60)]
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert set(codes) <= {0, None}
    whole = [files for files in queued(home.file("queue")).values() if "todo" in files]
    assert len(whole) >= codes.count(0)
    assert all(files["mess"].endswith(b"\n") and files["todo"].endswith(b"\0") for files in whole)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_children_finish_without_the_service(home: Home, service: Running, number: int) -> None:
    idle, busy = Client(home), Client(home)
    assert idle.finish() == 0
    service.signal(number)
    service.wait()
    eventually(lambda: not alive(idle.pid), what="the end of the idle child")
    assert alive(busy.pid)
    assert busy.finish() == 0
    eventually(lambda: not alive(busy.pid), what="the end of the busy child")
