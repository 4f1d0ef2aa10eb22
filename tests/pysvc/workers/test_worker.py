"""What a worker finds: its descriptors, and each time what the first piece of work found"""

import fcntl
import os
import resource
import signal
from pathlib import Path

import pytest

from pysvc.unix.strerr import Fatal
from pysvc.workers.pool import Work
from pysvc.workers.worker import Channel, serve
from tests.support.pool_owner import PoolOwner


def test_descriptors(spawner: PoolOwner, tmp_path: Path) -> None:
    def body(channel: Channel) -> int:
        def work(request: bytes) -> int:
            os.write(2, os.read(0, 10))
            names = os.listdir("/proc/self/fd")
            os.write(1, " ".join(fd for fd in names if Path(f"/proc/self/fd/{fd}").exists()).encode())
            return 7

        return serve(channel, "qmail-x", work)

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


def test_descriptors_with_high_numbers(spawner: PoolOwner) -> None:
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


def test_each_begins_like_the_first(spawner: PoolOwner, tmp_path: Path) -> None:
    def body(channel: Channel) -> int:
        def work(request: bytes) -> int:
            os.write(1, f"{os.getcwd()} {os.umask(0o077):o} {signal.getsignal(signal.SIGPIPE)!r}\n".encode())
            os.chdir(tmp_path)
            if request == b"raise":
                raise Fatal("unable to x", 55)
            return 0

        signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # as a spawner does
        return serve(channel, "qmail-x", work)

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


def test_descriptors_that_got_lost(spawner: PoolOwner) -> None:
    """As where the worker may open no more: it must not take /dev/null for the message."""

    def poor(channel: Channel) -> int:
        resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))  # 0 to 2, and /dev/null once more
        return serve(channel, "qmail-x", lambda request: 0)

    assert spawner.do(Work("a", b"no descriptors", poor)) == b"\0"
    message = os.open("/dev/null", os.O_RDONLY)
    assert spawner.do(Work("a", b"1", poor), message, message) is None
    assert spawner.do(Work("a", b"1", poor), message) is None
    os.close(message)
