"""The queue service as a process, its clients, and what hostile ones can do"""

import contextlib
import os
import random
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pymail.engines import staff
from pymail.programs import qmail_queued
from pymail.protocols import handoff
from pymail.queue import service as serving
from pymail.queue import worker as working
from pymail.unix import queue_service
from pymail.unix.home import Home
from tests.support.homes import GROUP_IDS, USER_IDS, Rooted, only_message, queued
from tests.support.world import Place, Running, eventually

ENVELOPE = b"Fa@b\0Tjoe@host\0\0"


def serve(place: Place, home: Home) -> Running:
    """A supervised service, once it answers."""
    running = place.start(home.file("bin", "qmail-queued"))
    eventually(lambda: held_by(home) == b"supervised %d" % running.pid, what="the service")
    return running


def held_by(home: Home) -> bytes:
    try:
        return Path(home.file("queue/lock/queued")).read_bytes().strip()
    except FileNotFoundError:
        return b""


@pytest.fixture
def service(place: Place, home: Home) -> Running:
    return serve(place, home)


@contextlib.contextmanager
def service_with(home: Home, module: object, name: str, value: float) -> Iterator[None]:
    """A service in a child of the test, with another value for one of its constants."""
    pid = os.fork()
    if not pid:
        try:
            if os.getuid() == 0:
                os.setgid(home.gid("qmail"))
                os.setuid(home.owner)
            setattr(module, name, value)
            qmail_queued.main([home.file("bin", "qmail-queued")])
        finally:
            os._exit(70)
    try:
        eventually(lambda: queue_service.answers(home), what="the service")
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@pytest.fixture
def keeping(home: Home) -> Iterator[None]:
    """A service whose children stay, however long a test takes."""
    with service_with(home, staff, "IDLE_TIME", 600.0):
        yield


@pytest.fixture
def patient(home: Home) -> Iterator[None]:
    """A service whose children wait for the next message of a line, however long a test takes."""
    with service_with(home, working, "REST", 600.0):
        yield


class Client:
    """One request to the service of a home."""

    def __init__(self, home: Home, request: bytes = handoff.SUBMISSION) -> None:
        message, self.message = os.pipe()
        envelope, self.envelope = os.pipe()
        self.connection, self.pid = queue_service.ask(home, request, message, envelope)
        os.close(message)
        os.close(envelope)

    def finish(self, message: bytes = b"hello\n", envelope: bytes = ENVELOPE) -> int | None:
        for fd, data in ((self.message, message), (self.envelope, envelope)):
            with contextlib.suppress(BrokenPipeError):  # a child that cannot queue it does not read it
                os.write(fd, data)
            os.close(fd)
        return queue_service.outcome(self.connection)

    def leave(self) -> None:
        for fd in (self.message, self.envelope):
            os.close(fd)
        self.connection.close()


def test_submission(home: Home, service: Running) -> None:
    client = Client(home)
    assert client.finish() == 0
    _, files = only_message(home.file("queue"))
    assert files["mess"].startswith(b"Received: (qmail %d invoked by uid %d); " % (client.pid, os.getuid()))
    assert files["todo"] == b"u%d\0p%d\0" % (os.getuid(), client.pid) + ENVELOPE[:-1]


def test_process(home: Home, service: Running) -> None:
    """A qmail-queue process is named by its own pid: that is what its caller sees."""
    client = Client(home, handoff.PROCESS)
    assert client.finish() == 0
    _, files = only_message(home.file("queue"))
    assert files["mess"].startswith(b"Received: (qmail %d invoked by uid %d); " % (os.getpid(), os.getuid()))


@pytest.mark.parametrize(
    ("envelope", "code"), [(b"", 54), (b"X", 91), (b"F" + b"a" * 1003 + b"\0\0", 11), (ENVELOPE[:-1], 54)]
)
def test_codes(home: Home, service: Running, envelope: bytes, code: int) -> None:
    assert Client(home).finish(envelope=envelope) == code


def test_many_at_a_time(home: Home, service: Running) -> None:
    clients = [Client(home) for _ in range(15)]
    assert [client.finish() for client in reversed(clients)] == [0] * 15
    assert len(queued(home.file("queue"))) == 15


def test_client_that_dies_has_queued_nothing(home: Home, service: Running) -> None:
    """Even one that had sent everything: it cannot have told anybody."""
    client = Client(home)
    os.write(client.message, b"hello\n")
    eventually(lambda: queued(home.file("queue")), what="the message begun")
    client.leave()
    eventually(lambda: not queued(home.file("queue")), what="the cleanup")


def test_client_that_dies_as_qmail_queue(home: Home, service: Running) -> None:
    """Its own descriptors may live on in others, so the connection is what counts."""
    client = Client(home, handoff.PROCESS)
    os.write(client.message, b"hello\n")
    client.connection.close()
    os.write(client.envelope, ENVELOPE)
    os.close(client.message)
    os.close(client.envelope)
    eventually(lambda: not queued(home.file("queue")) and not children(service), what="the cleanup")


def children(service: Running) -> list[str]:
    return Path(f"/proc/{service.pid}/task/{service.pid}/children").read_text().split()


def test_death_of_the_child_is_an_unknown_outcome(home: Home, service: Running) -> None:
    client = Client(home)
    os.kill(client.pid, signal.SIGKILL)
    assert queue_service.outcome(client.connection) is None
    client.leave()
    assert Client(home).finish() == 0


def test_clients_that_go_at_once_leave_no_complaint(place: Place, home: Home) -> None:
    with (place.path / "log").open("wb") as log:
        service = place.start(home.file("bin", "qmail-queued"), stderr=log)
    eventually(lambda: queue_service.answers(home), what="the service")
    for _ in range(20):
        with connect(home) as connection, open("/dev/null") as null:
            socket.send_fds(connection, [handoff.SUBMISSION], [null.fileno()] * 2)
    assert Client(home).finish() == 0
    eventually(lambda: not children(service), what="no child")
    assert (place.path / "log").read_bytes() == b""


def connect(home: Home) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.settimeout(20)
    connection.connect(queue_service.socket_path(home))
    return connection


@pytest.mark.parametrize(
    ("request_", "count"),
    [(b"garbage\n", 2), (b"submission\n", 0), (b"submission\n", 1), (b"submission\n", 3), (b"process", 2),
     (b"x" * 1000, 2), (b"submission\n", 200), (b"submission\nsubmission\n", 2)],
)  # fmt: skip
def test_garbage_is_dropped(home: Home, service: Running, request_: bytes, count: int) -> None:
    with connect(home) as connection, open("/dev/null") as null:
        socket.send_fds(connection, [request_], [null.fileno()] * count)
        assert _ended(connection)
    eventually(lambda: not children(service), what="no child")
    eventually(lambda: open_nulls(service) <= 3, what="what came with it closed")
    assert Client(home).finish() == 0


def open_nulls(service: Running) -> int:
    """How many of a process's descriptors are /dev/null."""
    return links(service.pid).count("/dev/null")


def _ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_who_only_connects_does_no_harm(home: Home, service: Running) -> None:
    idle = [connect(home) for _ in range(10)]
    assert Client(home).finish() == 0
    for connection in idle:
        connection.close()
    assert Client(home).finish() == 0


def test_stuck_reader_costs_one_child(home: Home, service: Running) -> None:
    stuck = [Client(home) for _ in range(5)]
    assert Client(home).finish() == 0
    assert len(children(service)) >= 5
    for client in stuck:
        client.leave()
    eventually(lambda: not children(service), what="no child")


def test_too_many_of_one_user(place: Place, home: Home, service: Running) -> None:
    """An ordinary user (the tests', if they run as root) has a bound; the owner of the home goes on."""
    if os.getuid() == home.owner:
        pytest.skip("the owner is not bound")
    clients = [Client(home) for _ in range(20)]
    with connect(home) as one_more:
        assert _ended(one_more)
    for client in clients:
        client.leave()
    eventually(lambda: not children(service), what="no child")
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


@pytest.fixture
def line(home: Home) -> Iterator[queue_service.Line]:
    line = queue_service.Line(home)
    yield line
    line.close()


def test_whole(home: Home, service: Running, line: queue_service.Line) -> None:
    assert line.queue(b"hello\n", ENVELOPE) == 0
    _, files = only_message(home.file("queue"))
    received, _, text = files["mess"].partition(b"\n")
    assert received.startswith(b"Received: (qmail %d invoked by uid %d); " % (line.pid, os.getuid()))
    assert text == b"hello\n"
    assert files["todo"] == b"u%d\0p%d\0" % (os.getuid(), line.pid) + ENVELOPE[:-1]


@pytest.mark.parametrize(
    ("envelope", "code"), [(b"", 54), (b"X", 91), (b"F" + b"a" * 1003 + b"\0\0", 11), (ENVELOPE[:-1], 54)]
)
def test_whole_codes(
    home: Home, patient: None, line: queue_service.Line, envelope: bytes, code: int
) -> None:
    """A refusal is no reason to give up the line."""
    assert line.queue(b"hello\n", envelope) == code
    pid = line.pid
    assert line.queue(b"hello\n", ENVELOPE) == 0
    assert line.pid == pid


def test_lines_share_a_child(home: Home, service: Running) -> None:
    """And one child's clients wait for nobody's pipes."""
    stuck = Client(home)
    connections = [connect(home) for _ in range(15)]
    for number, connection in enumerate(connections):
        connection.send(handoff.whole(b"%d\n" % number, ENVELOPE))
    ready = {connection.recv(64) for connection in connections}
    assert len(ready) == 1
    assert ready != {handoff.ready(stuck.pid)}
    assert {connection.recv(64) for connection in connections} == {handoff.result(0)}
    for connection in connections:
        connection.close()
    kept = [files for files in queued(home.file("queue")).values() if "todo" in files]
    assert {files["mess"].partition(b"\n")[2] for files in kept} == {b"%d\n" % n for n in range(15)}
    assert stuck.finish() == 0


HOSTILE = [b"w", b"w\0\0", handoff.whole(b"x" * 100, ENVELOPE)[:50], b"w\xff\xff\xff\xff" + b"x" * 60,
           handoff.whole(b"x" * handoff.LARGEST, b"F"), b"x" * 70000]  # fmt: skip


@pytest.mark.parametrize("request_", HOSTILE)
def test_garbage_on_a_line(home: Home, patient: None, request_: bytes) -> None:
    """At once, or after a message; who shares the child sees nothing of it."""
    with connect(home) as neighbour:
        neighbour.send(handoff.whole(b"one\n", ENVELOPE))
        assert neighbour.recv(64).startswith(b"ready")
        assert neighbour.recv(64) == handoff.result(0)
        for begin in ((), (handoff.whole(b"hello\n", ENVELOPE),)):
            with connect(home) as connection:
                for good in begin:
                    connection.send(good)
                    assert connection.recv(64).startswith(b"ready")
                    assert connection.recv(64) == handoff.result(0)
                connection.send(request_)
                while answer := said_to(connection):
                    assert answer.startswith(b"ready")
        neighbour.send(handoff.whole(b"two\n", ENVELOPE))
        assert neighbour.recv(64) == handoff.result(0)
    assert len(queued(home.file("queue"))) == 3


def said_to(connection: socket.socket) -> bytes:
    """The next answer; b"" at the end."""
    try:
        return connection.recv(64)
    except ConnectionResetError:
        return b""


def test_descriptors_on_a_line(home: Home, service: Running) -> None:
    """They are closed unread."""
    with connect(home) as connection, open("/dev/null") as null:
        for _ in range(3):
            socket.send_fds(connection, [handoff.whole(b"hello\n", ENVELOPE)], [null.fileno()] * 16)
        assert connection.recv(64).startswith(b"ready")
        assert [connection.recv(64) for _ in range(3)] == [handoff.result(0)] * 3
        (child,) = children(service)
        assert open_nulls(service) == links(int(child)).count("/dev/null")


def test_a_client_that_never_listens(home: Home, service: Running) -> None:
    """It is sent away when there is no room for more answers."""
    with connect(home) as connection:
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)

        def sent_away() -> bool:
            try:
                connection.send(handoff.whole(b"", b"X"))
            except BlockingIOError:
                return False
            except BrokenPipeError:
                return True
            return False

        eventually(sent_away, 60, what="the end of patience")
    assert Client(home).finish() == 0


def test_a_line_that_rests(home: Home, line: queue_service.Line) -> None:
    """The child lets it go; the next message begins another."""
    with service_with(home, working, "REST", 0.05):
        assert line.queue(b"one\n", ENVELOPE) == 0
        eventually(lambda: len(sockets_of(line.pid)) == 1, what="the end of the connection")
        assert line.queue(b"two\n", ENVELOPE) == 0
    assert len(queued(home.file("queue"))) == 2


def sockets_of(pid: int) -> list[str]:
    return [link for link in links(pid) if link.startswith("socket:")]


def test_children_do_not_live_for_ever(home: Home, line: queue_service.Line) -> None:
    pids = []
    with service_with(home, working, "LIFE", 3):
        for _ in range(10):
            assert line.queue(b"hello\n", ENVELOPE) == 0
            pids.append(line.pid)
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [3, 3, 3, 1]
    assert len(queued(home.file("queue"))) == 10


def test_a_line_survives_its_child_and_the_service(
    place: Place, home: Home, service: Running, line: queue_service.Line
) -> None:
    assert line.queue(b"one\n", ENVELOPE) == 0
    first = line.pid
    os.kill(first, signal.SIGKILL)
    assert line.queue(b"two\n", ENVELOPE) == 0
    assert line.pid != first
    service.signal(signal.SIGTERM)
    assert service.wait() == 0
    serve(place, home)
    assert line.queue(b"three\n", ENVELOPE) == 0
    assert len(queued(home.file("queue"))) == 3


def test_children_with_lines_end_with_the_service(
    home: Home, service: Running, line: queue_service.Line
) -> None:
    assert line.queue(b"one\n", ENVELOPE) == 0
    service.signal(signal.SIGKILL)
    service.wait()
    eventually(lambda: not alive(line.pid), what="the end of the child")


def links(pid: int) -> list[str]:
    """What a process has open."""
    found = []
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(path))
    return sorted(found)


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
    assert children(service)
    eventually(lambda: not children(service), what="no child")
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
                for child in children(service):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(child), signal.SIGKILL)
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


def test_admission_ends_with_the_line(home: Home, service: Running) -> None:
    """However it ended."""
    for number in range(60):
        line = queue_service.Line(home)
        assert line.queue(b"hello\n", ENVELOPE) == 0
        if number % 3 == 0:
            os.kill(line.pid, signal.SIGKILL)
        line.close()
    clients = [Client(home) for _ in range(20)]
    assert [client.finish() for client in clients] == [0] * 20


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


def test_restart_loses_nothing(
    place: Place, home: Home, service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that asks while nobody serves goes on asking."""
    monkeypatch.setattr(queue_service, "PATIENCE", 60)
    service.signal(signal.SIGTERM)
    assert service.wait() == 0
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        code: int | None = 70
        try:
            os.write(writer, b"!")
            code = Client(home).finish()
        finally:
            os._exit(70 if code is None else code)
    assert os.read(reader, 1) == b"!"
    serve(place, home)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(reader)
    os.close(writer)


def test_kill_and_restart(place: Place, home: Home, service: Running) -> None:
    """What a killed service leaves, a socket that nobody listens on, does not stop the next one."""
    service.signal(signal.SIGKILL)
    service.wait()
    assert os.path.exists(queue_service.socket_path(home))
    assert not queue_service.answers(home)
    serve(place, home)
    assert Client(home).finish() == 0


def test_nobody_serves(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_service, "PATIENCE", 0.2)
    with pytest.raises(queue_service.Refused):
        queue_service.ask(home, handoff.SUBMISSION, 0, 1)


def test_stand_in_makes_way(place: Place, home: Home) -> None:
    assert place.run(home.file("bin", "qmail-queued"), "-b").returncode == 0
    assert queue_service.answers(home)
    stand_in = held_by_stand_in(home)
    assert Client(home).finish() == 0
    pending = Client(home)
    supervised = serve(place, home)
    eventually(lambda: not alive(stand_in), what="the stand-in's end")
    assert pending.finish() == 0
    assert Client(home).finish() == 0
    assert supervised.process.poll() is None


@pytest.mark.parametrize("content", [b"", b"\xff", b"stand-in", b"stand-in 0", b"stand-in " + b"9" * 30,
                                     b"stand-in " + b"9" * 9999])  # fmt: skip
def test_garbage_in_the_lock(place: Place, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Nobody is sent away for it."""
    path = place.path / "queued"
    path.write_bytes(content)
    kill = os.kill
    monkeypatch.setattr(os, "kill", lambda pid, number: kill(pid or sys.maxsize, number))
    qmail_queued._send_away(str(path))


def held_by_stand_in(home: Home) -> int:
    kind, _, pid = eventually(lambda: held_by(home), what="the lock").partition(b" ")  # type: ignore[attr-defined]
    assert kind == b"stand-in"
    return int(pid)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_stand_in_is_detached(place: Place, home: Home) -> None:
    """Its starter's pipes end although it lives."""
    done = place.run(home.file("bin", "qmail-queued"), "-b", timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    pid = held_by_stand_in(home)
    assert os.getsid(pid) == pid
    assert {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in range(3)} == {"/dev/null"}


def test_stand_in_holds_nothing_of_its_starter(place: Place, home: Home) -> None:
    reader, writer = os.pipe()
    place.run(home.file("bin", "qmail-queued"), "-b", pass_fds=[writer])
    os.close(writer)
    assert os.read(reader, 1) == b""
    os.close(reader)
    assert queue_service.answers(home)


def test_stand_in_that_is_not_needed(place: Place, home: Home, service: Running) -> None:
    for _ in range(2):
        assert place.run(home.file("bin", "qmail-queued"), "-b").returncode == 0
    assert held_by(home) == b"supervised %d" % service.pid


def test_clients_see_no_hand_over(place: Place, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Submissions run all the time while stand-ins and services follow one another."""
    monkeypatch.setattr(queue_service, "PATIENCE", 60)
    place.run(home.file("bin", "qmail-queued"), "-b")
    pids = []
    for _ in range(2):
        pid = os.fork()
        if not pid:
            code: int | None = 70
            try:
                codes = [Client(home).finish() for _ in range(30)]
                code = 0 if codes == [0] * 30 else 1
            finally:
                os._exit(70 if code is None else code)
        pids.append(pid)
    for _ in range(3):
        service = serve(place, home)
        service.signal(signal.SIGTERM)
        assert service.wait() == 0
        place.run(home.file("bin", "qmail-queued"), "-b")
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids] == [0, 0]
    assert len(queued(home.file("queue"))) == 60


@pytest.mark.parametrize("arguments", [["-x"], ["y"], ["-b", "z"]])
def test_usage(place: Place, home: Home, arguments: list[str]) -> None:
    done = place.run(home.file("bin", "qmail-queued"), *arguments)
    assert (done.returncode, done.stderr) == (100, b"qmail-queued: usage: qmail-queued [ -b ]\n")


def test_silent_client_is_dropped_in_time(home: Home) -> None:
    with service_with(home, serving, "REQUEST_TIME", 1.0):
        with connect(home) as silent:
            assert _ended(silent)
        assert Client(home).finish() == 0


def rooted_service(rooted: Rooted) -> int:
    """The service in there, started by root; its pid."""
    process = rooted.start("/var/qmail/bin/qmail-queued")
    lock = rooted.queue / "lock/queued"
    eventually(lambda: lock.exists() and lock.read_bytes(), what="the service")
    assert lock.read_bytes() == b"supervised %d\n" % process.pid
    return process.pid


SUBMIT = """
from pymail.queue.submission import Submission
from pymail.unix.home import Home
submission = Submission(Home("/var/qmail"))
submission.write(b"hello\\n")
receipt = submission.finish(b"a@b", [b"joe@host"])
print(receipt.text.decode(), receipt.qp)
"""


@pytest.mark.root
@pytest.mark.parametrize(
    ("user", "words"),
    [("alias", b"by alias"), ("qmaild", b"from network"), ("qmails", b"for bounce"), (None, b"by uid 0"),
     ("joe", b"by uid %d" % USER_IDS["joe"]), ("qmailq", b"by uid %d" % USER_IDS["qmailq"])],
)  # fmt: skip
def test_received_line_tells_who_asks(rooted: Rooted, user: str | None, words: bytes) -> None:
    rooted_service(rooted)
    text, qp = rooted.python(SUBMIT, user=user).decode().rsplit(" ", 1)
    assert text == ""
    _, files = only_message(rooted.queue)
    assert files["mess"].startswith(b"Received: (qmail %d invoked %s); " % (int(qp), words))
    assert files["mess"].endswith(b"\nhello\n")


@pytest.mark.root
def test_owners_in_a_home_of_root(rooted: Rooted) -> None:
    pid = rooted_service(rooted)
    status = Path(f"/proc/{pid}/status").read_text()
    for name, number in (("Uid", USER_IDS["qmailq"]), ("Gid", GROUP_IDS["qmail"])):
        assert f"{name}:" + f"\t{number}" * 4 + "\n" in status
    assert f"Groups:\t{GROUP_IDS['qmail']} \n" in status
    script = "printf 'hello\\n' | { printf 'Fa@b\\0Tc\\0\\0' | { exec 5<&0; exec 0<&3; exec 1<&5; \
        exec /var/qmail/bin/qmail-queue; } ; } 3<&0"
    done = rooted.run("sh", "-c", script, user="joe", stdin=b"hi\n")
    assert done.returncode == 0, done.stderr
    number, files = only_message(rooted.queue)
    assert files["todo"].startswith(b"u%d\0" % USER_IDS["joe"])
    for kind, name in (("mess", f"{number % 23}/{number}"), ("todo", f"{number}")):
        found = os.stat(rooted.queue / kind / name)
        assert (found.st_uid, found.st_mode & 0o777) == (USER_IDS["qmailq"], 0o644)


@pytest.mark.root
def test_root_and_qmailq_need_no_service(rooted: Rooted) -> None:
    for user in ("qmailq", None):
        assert rooted.python(SUBMIT, user=user).startswith(b" ")
    assert len(queued(rooted.queue)) == 2


@pytest.mark.root
def test_joe_without_service(rooted: Rooted) -> None:
    quick = "from pymail.unix import queue_service; queue_service.PATIENCE = 0.1\n"
    out = rooted.python(quick + SUBMIT, user="joe")
    assert out.startswith(b"Zqq trouble making network connection (#4.3.0)")


def test_no_descriptors(place: Place, home: Home) -> None:
    """Whatever it lacks, it says so in the usual way."""
    for limit in (4, 5, 6):
        done = place.run("/bin/sh", "-c", f"ulimit -n {limit}; exec {home.file('bin', 'qmail-queued')}")
        assert done.returncode == 111
        assert done.stderr.startswith(b"qmail-queued: fatal: unable to ")
