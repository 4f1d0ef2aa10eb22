"""Workers: who gets which piece of work, when they end, and what is believed of them"""

import errno
import fcntl
import os
import resource
import select
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pysvc import workers
from pysvc.unix.strerr import Fatal
from pysvc.workers import Channel, Pool, Work
from tests.support.world import eventually


class Spawner:
    """A spawner that has nothing but its pool."""

    def __init__(self) -> None:
        self._handlers: dict[int, Callable[[], None]] = {}
        self.pool = Pool("spawner", self._handlers.__setitem__, self._handlers.__delitem__, 120)
        self._null = os.open("/dev/null", os.O_RDWR)

    def give(self, work: Work, *fds: int) -> list[bytes | None]:
        """Where the answer will be."""
        answers: list[bytes | None] = []
        self.pool.give(work, fds, answers.append)
        return answers

    def wait(self, answers: list[bytes | None]) -> bytes | None:
        while not answers:
            self.turn(20)
        (answer,) = answers
        return answer

    def turn(self, seconds: float = 0) -> None:
        """One round of the loop, in which something should happen."""
        ready = select.select(list(self._handlers), [], [], seconds)[0]
        assert ready or not seconds
        for fd in ready:
            self._handlers[fd]()

    def do(self, work: Work, *fds: int) -> bytes | None:
        return self.wait(self.give(work, *fds))

    @property
    def connections(self) -> int:
        return len(self._handlers)

    def end(self) -> None:
        self.pool.close()
        os.close(self._null)
        while True:
            try:
                os.wait()
            except ChildProcessError:
                return


@pytest.fixture
def spawner() -> Iterator[Spawner]:
    """Its workers are children of the test's process."""
    here = Spawner()
    try:
        yield here
    finally:
        here.end()


def echo(channel: Channel) -> int:
    """Answers with its pid and the request."""
    while (request := channel.take()) is not None:
        channel.answer(0, b"%d %s" % (os.getpid(), request))
    return 0


def pid_of(answer: bytes | None) -> int:
    assert answer is not None
    return int(answer[1:].split()[0])


def test_a_worker_is_used_again_for_its_key_alone(spawner: Spawner) -> None:
    first = pid_of(spawner.do(Work("a", b"1", echo)))
    assert spawner.do(Work("a", b"two words", echo)) == b"\0%d two words" % first
    second = pid_of(spawner.do(Work("b", b"3", echo)))
    assert second != first
    assert pid_of(spawner.do(Work("a", b"4", echo))) == first
    assert pid_of(spawner.do(Work("b", b"5", echo))) == second


def test_nobody_waits_for_a_busy_worker(spawner: Spawner) -> None:
    spawner.pool.most = 1
    both = [spawner.give(Work("a", b"1", echo)), spawner.give(Work("a", b"2", echo))]
    assert len({pid_of(spawner.wait(answers)) for answers in both}) == 2


def test_any_key_will_do(spawner: Spawner) -> None:
    spawner.pool.any_key = True
    first = pid_of(spawner.do(Work("a", b"1", echo)))
    assert pid_of(spawner.do(Work("b", b"2", echo))) == first


def test_idle_workers_end(spawner: Spawner) -> None:
    pid = pid_of(spawner.do(Work("a", b"1", echo)))
    now = time.monotonic()
    due = spawner.pool.tick(now)
    assert due is not None
    assert now < due <= now + workers.IDLE
    assert spawner.connections == 1
    assert spawner.pool.tick(due) is None
    assert os.waitpid(pid, 0) == (pid, 0)
    assert spawner.connections == 0
    assert pid_of(spawner.do(Work("a", b"2", echo))) != pid


def test_the_longest_idle_makes_room(spawner: Spawner) -> None:
    spawner.pool.most = 2
    pids = [pid_of(spawner.do(Work(key, b"1", echo))) for key in "abc"]
    assert os.waitpid(pids[0], 0) == (pids[0], 0)
    assert [pid_of(spawner.do(Work(key, b"2", echo))) for key in "bc"] == pids[1:]


def test_retirement(spawner: Spawner) -> None:
    spawner.pool.uses = 2
    first, second, third = (pid_of(spawner.do(Work("a", b"x", echo))) for _ in range(3))
    assert first == second != third


def test_the_worker_ends_with_its_spawner(spawner: Spawner) -> None:
    reader, writer = os.pipe()
    parent = os.fork()
    if not parent:
        pid = pid_of(Spawner().do(Work("a", b"1", echo)))
        os.write(writer, b"%d" % pid)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(parent, 0)
    pid = int(os.read(reader, 20))
    os.close(reader)
    os.close(writer)
    eventually(lambda: not Path(f"/proc/{pid}/exe").exists(), what="the end of the worker")


# What it finds


def test_descriptors(spawner: Spawner, tmp_path: Path) -> None:
    def body(channel: Channel) -> int:
        def work(request: bytes) -> int:
            os.write(2, os.read(0, 10))
            names = os.listdir("/proc/self/fd")
            os.write(1, " ".join(fd for fd in names if Path(f"/proc/self/fd/{fd}").exists()).encode())
            return 7

        return workers.serve(channel, "qmail-x", work)

    (tmp_path / "message").write_bytes(b"text ")
    for _ in range(2):
        message = os.open(tmp_path / "message", os.O_RDONLY)
        output, writer = os.pipe()
        answers = spawner.give(Work("a", b"1", body), message, writer)
        os.close(message)
        os.close(writer)
        assert spawner.wait(answers) == b"\7"
        text, *fds = os.read(output, 100).split()
        assert os.read(output, 100) == b""  # let go, before the answer
        os.close(output)
        assert (text, {b"0", b"1", b"2"} <= set(fds)) == (b"text", True)
        assert len(fds) == 5  # its channel, and /dev/null for the time in between


def test_descriptors_with_high_numbers(spawner: Spawner) -> None:
    """A server of many clients has more than a thousand."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] < 4096:
        pytest.skip("no such descriptors for this user")
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, before[1]))
    high = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, 3000)

    def body(channel: Channel) -> int:
        channel.take()
        channel.answer(os.path.lexists(f"/proc/self/fd/{high}"))
        return 0

    try:
        assert spawner.do(Work("a", b"1", body)) == b"\0"
    finally:
        os.close(high)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_each_begins_like_the_first(spawner: Spawner, tmp_path: Path) -> None:
    def body(channel: Channel) -> int:
        def work(request: bytes) -> int:
            os.write(1, f"{os.getcwd()} {os.umask(0o077):o} {signal.getsignal(signal.SIGPIPE)!r}\n".encode())
            os.chdir(tmp_path)
            if request == b"raise":
                raise Fatal("unable to x", 55)
            return 0

        signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # as a spawner does
        return workers.serve(channel, "qmail-x", work)

    output, writer = os.pipe()
    message = os.open("/dev/null", os.O_RDONLY)
    assert spawner.do(Work("a", b"raise", body), message, writer) == b"\x37"
    assert spawner.do(Work("a", b"1", body), message, writer) == b"\0"
    for fd in (writer, message):
        os.close(fd)
    first, fatal, second = os.read(output, 1000).splitlines()
    os.close(output)
    assert fatal == b"qmail-x: fatal: unable to x"
    assert first == second
    assert b"SIG_DFL" in first


# Trouble


def test_a_crash_is_told(spawner: Spawner) -> None:
    def crash(channel: Channel) -> int:
        channel.take()
        return 0  # without an answer

    assert spawner.do(Work("a", b"1", crash)) is None
    assert spawner.connections == 0


def test_killed_while_it_waited(spawner: Spawner) -> None:
    pid = pid_of(spawner.do(Work("a", b"1", echo)))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert pid_of(spawner.do(Work("a", b"2", echo))) != pid
    assert spawner.connections == 1


def test_an_idle_worker_that_dies_is_forgotten(spawner: Spawner) -> None:
    os.kill(pid_of(spawner.do(Work("a", b"1", echo))), signal.SIGKILL)
    spawner.turn(20)
    assert spawner.connections == 0
    assert spawner.pool.tick(time.monotonic()) is None


@pytest.mark.parametrize("answer", [b"", b"x" * (workers.LONGEST + 1)])
def test_answers_that_are_none(spawner: Spawner, answer: bytes) -> None:
    def lie(channel: Channel) -> int:
        channel.take()
        channel._connection.send(answer)
        channel.take()
        return 0

    assert spawner.do(Work("a", b"1", lie)) is None
    assert spawner.connections == 0


def test_an_answer_that_nobody_asked_for(spawner: Spawner) -> None:
    def chatter(channel: Channel) -> int:
        channel.take()
        for _ in range(3):
            channel.answer(0, b"%d" % os.getpid())
        channel.take()
        return 0

    first = pid_of(spawner.do(Work("a", b"1", chatter)))
    spawner.turn(20)
    assert spawner.connections == 0
    assert pid_of(spawner.do(Work("a", b"2", echo))) != first


def test_descriptors_sent_to_the_spawner_are_not_kept(spawner: Spawner) -> None:
    def present(channel: Channel) -> int:
        import socket

        channel.take()
        connection = socket.socket(fileno=channel.fileno())
        socket.send_fds(connection, [b"\0"], [0, 1, 2])
        channel.take()
        return 0

    answers = spawner.give(Work("a", b"1", present))
    before = os.listdir("/proc/self/fd")
    assert spawner.wait(answers) == b"\0"
    assert os.listdir("/proc/self/fd") == before


def test_too_long_a_request(spawner: Spawner) -> None:
    with pytest.raises(OSError) as raised:
        spawner.give(Work("a", b"x" * (workers.LONGEST + 1), echo))
    assert raised.value.errno == errno.EMSGSIZE
    answer = spawner.do(Work("a", b"x" * (workers.LONGEST - 10), echo))
    assert answer is not None
    assert len(answer) > workers.LONGEST - 10


def test_no_process_can_be_had(spawner: Spawner, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> int:
        raise BlockingIOError(errno.EAGAIN, "")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fork", fail)
        with pytest.raises(BlockingIOError):
            spawner.give(Work("a", b"1", echo))
    assert spawner.connections == 0


def test_descriptors_that_got_lost(spawner: Spawner) -> None:
    """As where the worker may open no more: it must not take /dev/null for the message."""

    def poor(channel: Channel) -> int:
        resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))  # 0 to 2, and /dev/null once more
        return workers.serve(channel, "qmail-x", lambda request: 0)

    assert spawner.do(Work("a", b"no descriptors", poor)) == b"\0"
    message = os.open("/dev/null", os.O_RDONLY)
    assert spawner.do(Work("a", b"1", poor), message, message) is None
    assert spawner.do(Work("a", b"1", poor), message) is None
    os.close(message)
