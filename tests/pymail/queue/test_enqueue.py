"""What a death between any two steps of queueing leaves behind"""

import os
from pathlib import Path

import pytest

from pymail.queue import enqueue
from pymail.queue.states import state
from pymail.unix.home import Home
from tests.support.homes import private_home, queued
from tests.support.queue_states import QueueCheck
from tests.support.world import Place

STEPS = [step.__name__ for step, _ in enqueue.ORDER]
AFTER = {
    "create_pid": None, "link_mess": "S2", "unlink_pid": "S2", "copy_message": "S2",
    "create_intd": "S3", "copy_envelope": "S3", "sync_mess": "S3", "sync_intd": "S3", "sync_mess_name": "S3",
    "still_wanted": "S3", "link_todo": "S4", "sync_todo_name": "S4", "pull_trigger": "S4",
}  # fmt: skip


def die_after(home: Home, step: str, wanted: bool = True) -> int:
    """Queue a message in a child that dies when a step is done; its exit status (77: died there)."""
    message, envelope = os.pipe(), os.pipe()
    os.write(message[1], b"hello\n")
    os.write(envelope[1], b"Fa\0Tb\0\0")
    pid = os.fork()
    if not pid:
        code = 70
        try:
            os.close(message[1])
            os.close(envelope[1])
            enqueue.prepare()
            code = enqueue.queue_message(
                home, 1, 2, source=(message[0], envelope[0]), wanted=lambda: wanted,
                after=lambda done: os._exit(77) if done == step else None,
            )  # fmt: skip
        finally:
            os._exit(code)
    for fd in (*message, *envelope):
        os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize("step", STEPS)
def test_death_after_each_step(place: Place, step: str) -> None:
    home = private_home(place)
    assert die_after(home, step) == 77
    found = queued(home.file("queue"))
    assert bool(found.pop(0, {})) == (step in ("create_pid", "link_mess"))
    states = [state(set(files)) for files in found.values()]
    assert states == ([AFTER[step]] if AFTER[step] else [])
    check = QueueCheck(Path(home.file("queue")))
    assert (check.complaints, list(check.states.values())) == ([], states)


def test_what_is_accepted_is_whole(place: Place) -> None:
    home = private_home(place)
    assert die_after(home, "link_todo") == 77
    ((_, files),) = queued(home.file("queue")).items()
    assert files["mess"].startswith(b"Received: (qmail 2 invoked by uid 1); ")
    assert files["mess"].partition(b"\n")[2] == b"hello\n"
    assert files["todo"] == b"u1\0p2\0Fa\0Tb\0"


def test_a_caller_that_has_gone_has_queued_nothing(place: Place) -> None:
    home = private_home(place)
    assert die_after(home, "", wanted=False) == enqueue.READ_ERROR
    assert queued(home.file("queue")) == {}


def test_no_step_is_left_out() -> None:
    assert list(AFTER) == STEPS


def test_leaves_no_temporary_files(place: Place) -> None:
    home = private_home(place)
    assert die_after(home, "") == 0
    assert [path for path in Path(home.file("queue", "pid")).iterdir()] == []
