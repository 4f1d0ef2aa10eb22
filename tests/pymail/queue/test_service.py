"""What hostile clients pass to the queue service as message and envelope"""

import array
import contextlib
import os
import socket
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pymail.protocols import handoff
from pymail.unix import queue_service
from pymail.unix.home import Home
from tests.support.homes import queued
from tests.support.processes import children, stat_fields
from tests.support.world import Place, Running, eventually

QUIET = 9  # descriptors: 0 to 2, the lock, the socket, a pipe for signals, a pipe for children
ENVELOPE = b"Fa@b\0Tjoe@host\0\0"


@pytest.fixture
def service(place: Place, home: Home) -> Running:
    """The service; no file of its own may be larger than a megabyte."""
    running = place.start("sh", "-c", 'ulimit -f 2048; exec "$0"', home.file("bin", "qmail-queued"))
    eventually(lambda: queue_service.answers(home), what="the service")
    return running


def pipe(content: bytes) -> int:
    """The end to read from; the other one is closed."""
    reader, writer = os.pipe()
    os.write(writer, content)
    os.close(writer)
    return reader


def passed(home: Home, message: int, envelope: int) -> int | None:
    """Pass two descriptors, which are closed here; the exit code."""
    connection, _ = queue_service.ask(home, handoff.SUBMISSION, message, envelope)
    os.close(message)
    os.close(envelope)
    return queue_service.outcome(connection)


def still_serves(home: Home) -> bool:
    return passed(home, pipe(b"hello\n"), pipe(ENVELOPE)) == 0


def write_end() -> int:
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def impatient() -> int:
    """A pipe with a living writer that is read without waiting."""
    reader, _ = os.pipe2(os.O_NONBLOCK)
    return reader


HOSTILE: dict[str, Callable[[], int]] = {
    "directory": lambda: os.open("/", os.O_RDONLY),
    "name only": lambda: os.open("/etc/passwd", os.O_PATH),
    "write end": write_end,
    "impatient": impatient,
    "listener": lambda: socket.socket(socket.AF_UNIX).detach(),
    "memory": lambda: os.open("/proc/self/mem", os.O_RDONLY),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_descriptors_that_cannot_be_read(home: Home, service: Running, kind: str) -> None:
    assert passed(home, HOSTILE[kind](), pipe(ENVELOPE)) == 54
    assert passed(home, pipe(b"hello\n"), HOSTILE[kind]()) == 54
    assert queued(home.file("queue")) == {}
    assert still_serves(home)


@pytest.mark.parametrize(
    ("message", "envelope", "code"),
    [("/dev/zero", None, 53), (None, "/dev/zero", 91), ("/dev/null", None, 0)],
)
def test_devices(home: Home, service: Running, message: str | None, envelope: str | None, code: int) -> None:
    """What never ends meets the limits of the service; nothing stays of it."""
    first = os.open(message, os.O_RDONLY) if message else pipe(b"hello\n")
    second = os.open(envelope, os.O_RDONLY) if envelope else pipe(ENVELOPE)
    assert passed(home, first, second) == code
    kept = [files for number, files in queued(home.file("queue")).items() if "todo" in files]
    assert len(kept) == (code == 0)
    assert still_serves(home)


def test_a_terminal(home: Home, service: Running) -> None:
    """It does not become the service's; a reader that waits for somebody to type costs one child."""
    master, slave = os.openpty()
    connection, pid = queue_service.ask(home, handoff.SUBMISSION, slave, slave)
    terminal = stat_fields(pid)[4]
    with contextlib.suppress(OSError):
        assert terminal == stat_fields(service.pid)[4]
    assert still_serves(home)
    os.close(slave)
    os.close(master)
    assert queue_service.outcome(connection) == 54


def quiet(service: Running) -> bool:
    """Whether the service has nothing open but what it needs, and one descriptor for each child."""
    return len(os.listdir(f"/proc/{service.pid}/fd")) == QUIET + len(children(service.pid))


@contextlib.contextmanager
def connected(home: Home) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.settimeout(20)
        connection.connect(queue_service.socket_path(home))
        yield connection


WORDS = st.one_of(
    st.sampled_from(
        [*handoff.REQUESTS, b"sub", b"x" * 70, handoff.whole(b"hello\n", ENVELOPE), handoff.WHOLE]
    ),
    st.binary(min_size=1, max_size=70),
)
MESSAGES = st.lists(st.tuples(WORDS, st.integers(0, 250)), min_size=1, max_size=4)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(MESSAGES)
def test_no_request_leaves_anything_open(
    home: Home, service: Running, messages: list[tuple[bytes, int]]
) -> None:
    """Any bytes, with any number of descriptors in any number of pieces: afterwards all is as before."""
    with connected(home) as connection, open("/dev/null") as null:
        for data, count in messages:
            rights = array.array("i", [null.fileno()] * count)
            with contextlib.suppress(OSError):  # the service has had enough
                connection.sendmsg(
                    [data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)], socket.MSG_NOSIGNAL
                )
    eventually(lambda: quiet(service), what="everything closed")


def test_a_flood_of_descriptors(home: Home, service: Running) -> None:
    with contextlib.ExitStack() as stack:
        null = stack.enter_context(open("/dev/null"))
        for _ in range(30):
            connection = stack.enter_context(connected(home))
            for _ in range(4):
                with contextlib.suppress(OSError):
                    socket.send_fds(connection, [b"x"], [null.fileno()] * 250)
        assert still_serves(home)
    eventually(lambda: quiet(service), what="everything closed")
