"""Workers as the spawner has them: who gets which work, when they end, and what is believed of them"""

import errno
import os
import signal
import time
from pathlib import Path

import pytest

from pysvc.workers.pool import IDLE, Work
from pysvc.workers.worker import LONGEST, Channel
from tests.support.pool_owner import PoolOwner, echo, pid_of
from tests.support.world import eventually


def test_a_worker_is_used_again_for_its_key_alone(spawner: PoolOwner) -> None:
    first = pid_of(spawner.do(Work("a", b"1", echo)))
    assert spawner.do(Work("a", b"two words", echo)) == b"\0%d two words" % first
    second = pid_of(spawner.do(Work("b", b"3", echo)))
    assert second != first
    assert pid_of(spawner.do(Work("a", b"4", echo))) == first
    assert pid_of(spawner.do(Work("b", b"5", echo))) == second


def test_nobody_waits_for_a_busy_worker(spawner: PoolOwner) -> None:
    spawner.pool.most = 1
    both = [spawner.give(Work("a", b"1", echo)), spawner.give(Work("a", b"2", echo))]
    assert len({pid_of(spawner.wait(answers)) for answers in both}) == 2


def test_any_key_will_do(spawner: PoolOwner) -> None:
    spawner.pool.any_key = True
    first = pid_of(spawner.do(Work("a", b"1", echo)))
    assert pid_of(spawner.do(Work("b", b"2", echo))) == first


def test_idle_workers_end(spawner: PoolOwner) -> None:
    pid = pid_of(spawner.do(Work("a", b"1", echo)))
    now = time.monotonic()
    due = spawner.pool.tick(now)
    assert due is not None
    assert now < due <= now + IDLE
    assert spawner.connections == 1
    assert spawner.pool.tick(due) is None
    assert os.waitpid(pid, 0) == (pid, 0)
    assert spawner.connections == 0
    assert pid_of(spawner.do(Work("a", b"2", echo))) != pid


def test_the_longest_idle_makes_room(spawner: PoolOwner) -> None:
    spawner.pool.most = 2
    pids = [pid_of(spawner.do(Work(key, b"1", echo))) for key in "abc"]
    assert os.waitpid(pids[0], 0) == (pids[0], 0)
    assert [pid_of(spawner.do(Work(key, b"2", echo))) for key in "bc"] == pids[1:]


def test_retirement(spawner: PoolOwner) -> None:
    spawner.pool.uses = 2
    first, second, third = (pid_of(spawner.do(Work("a", b"x", echo))) for _ in range(3))
    assert first == second != third


def test_the_worker_ends_with_its_spawner(spawner: PoolOwner) -> None:
    reader, writer = os.pipe()
    parent = os.fork()
    if not parent:
        pid = pid_of(PoolOwner().do(Work("a", b"1", echo)))
        os.write(writer, b"%d" % pid)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(parent, 0)
    pid = int(os.read(reader, 20))
    os.close(reader)
    os.close(writer)
    eventually(lambda: not Path(f"/proc/{pid}/exe").exists(), what="the end of the worker")


# Trouble


def test_a_crash_is_told(spawner: PoolOwner) -> None:
    def crash(channel: Channel) -> int:
        channel.take()
        return 0  # without an answer

    assert spawner.do(Work("a", b"1", crash)) is None
    assert spawner.connections == 0


def test_killed_while_it_waited(spawner: PoolOwner) -> None:
    pid = pid_of(spawner.do(Work("a", b"1", echo)))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert pid_of(spawner.do(Work("a", b"2", echo))) != pid
    assert spawner.connections == 1


def test_an_idle_worker_that_dies_is_forgotten(spawner: PoolOwner) -> None:
    os.kill(pid_of(spawner.do(Work("a", b"1", echo))), signal.SIGKILL)
    spawner.turn(20)
    assert spawner.connections == 0
    assert spawner.pool.tick(time.monotonic()) is None


@pytest.mark.parametrize("answer", [b"", b"x" * (LONGEST + 1)])
def test_answers_that_are_none(spawner: PoolOwner, answer: bytes) -> None:
    def lie(channel: Channel) -> int:
        channel.take()
        channel._connection.send(answer)
        channel.take()
        return 0

    assert spawner.do(Work("a", b"1", lie)) is None
    assert spawner.connections == 0


def test_an_answer_that_nobody_asked_for(spawner: PoolOwner) -> None:
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


def test_descriptors_sent_to_the_spawner_are_not_kept(spawner: PoolOwner) -> None:
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


def test_too_long_a_request(spawner: PoolOwner) -> None:
    with pytest.raises(OSError) as raised:
        spawner.give(Work("a", b"x" * (LONGEST + 1), echo))
    assert raised.value.errno == errno.EMSGSIZE
    answer = spawner.do(Work("a", b"x" * (LONGEST - 10), echo))
    assert answer is not None
    assert len(answer) > LONGEST - 10


def test_no_process_can_be_had(spawner: PoolOwner, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> int:
        raise BlockingIOError(errno.EAGAIN, "")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fork", fail)
        with pytest.raises(BlockingIOError):
            spawner.give(Work("a", b"1", echo))
    assert spawner.connections == 0
