"""The trigger, both ends"""

import os
import select
from pathlib import Path

import pytest

from pymail.unix import trigger


@pytest.fixture
def queue(tmp_path: Path) -> Path:
    (tmp_path / "lock").mkdir()
    os.mkfifo(tmp_path / "lock/trigger")
    return tmp_path


def readable(watch: trigger.Watch) -> bool:
    return bool(select.select([watch.fd], [], [], 0)[0])


def test_nobody_reads(queue: Path) -> None:
    trigger.pull(str(queue))


def test_no_trigger(tmp_path: Path) -> None:
    trigger.pull(str(tmp_path))


def test_pull_and_reopen(queue: Path) -> None:
    watch = trigger.Watch(str(queue))
    assert not readable(watch)
    trigger.pull(str(queue))
    assert readable(watch)
    watch.reopen()
    assert not readable(watch)
    trigger.pull(str(queue))
    assert readable(watch)
    os.close(watch.fd)


def test_a_file_in_its_place(queue: Path) -> None:
    """It would be readable all the time; whoever pulls it does not mind."""
    (queue / "lock/trigger").unlink()
    (queue / "lock/trigger").touch()
    trigger.pull(str(queue))
    with pytest.raises(OSError, match="not a fifo"):
        trigger.Watch(str(queue))


def test_full_fifo(queue: Path) -> None:
    watch = trigger.Watch(str(queue))
    writer = os.open(queue / "lock/trigger", os.O_WRONLY | os.O_NONBLOCK)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(writer, bytes(4096))
    trigger.pull(str(queue))
    os.close(writer)
    os.close(watch.fd)


def test_children_do_not_hold_it(queue: Path) -> None:
    watch = trigger.Watch(str(queue))
    assert not os.get_inheritable(watch.fd)
    os.close(watch.fd)
