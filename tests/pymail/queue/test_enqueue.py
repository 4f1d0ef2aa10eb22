"""What a death between any two steps of queueing leaves behind"""

import os
from pathlib import Path

import pytest

from pymail.queue import enqueue, enqueue_steps
from pymail.queue.enqueue_steps import NO_TODO, READ_ERROR, ROUNDS, Message, source
from pymail.queue.states import state
from pymail.unix.home import Home
from tests.support.homes import private_home, queued
from tests.support.queue_states import QueueCheck
from tests.support.world import Place

STEPS = [rows[-1][0].__name__ for rows in ROUNDS]
AFTER = {
    "create_pid": None, "link_mess": "S2", "unlink_pid": "S2", "copy_message": "S2",
    "create_intd": "S3", "copy_envelope": "S3", "begin_writing": "S3", "sync_mess_name": "S3",
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
            queueing = Message(home, 1, 2, source(message[0], envelope[0]), lambda: wanted)
            enqueue.queue_messages(home, [queueing], lambda done: os._exit(77) if done == step else None)
            code = queueing.code
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


def queue_together(home: Home, messages: list[Message]) -> list[int]:
    """In a child, because the directory changes; the exit codes."""
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            enqueue.prepare()
            enqueue.queue_messages(home, messages)
            os.write(writer, bytes(message.code for message in messages))
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    os.close(writer)
    with open(reader, "rb") as codes:
        return list(codes.read())


def together(home: Home, count: int, odd: "dict[int, tuple[bytes, bool]] | None" = None) -> list[Message]:
    """So many messages; odd: the envelope of some, and whether the caller is there."""
    found = []
    for number in range(count):
        envelope, there = (odd or {}).get(number, (b"Fa\0T%d\0\0" % number, True))
        blocks = ((b"%d\n" % number,), (envelope,))
        found.append(Message(home, 1, 2, blocks, lambda there=there: there))  # type: ignore[misc]
    return found


def test_messages_together(place: Place) -> None:
    home = private_home(place)
    assert queue_together(home, together(home, 30)) == [0] * 30
    found = queued(home.file("queue")).values()
    texts = {files["mess"].partition(b"\n")[2]: files["todo"] for files in found}
    assert texts == {b"%d\n" % n: b"u1\0p2\0Fa\0T%d\0" % n for n in range(30)}


def test_one_of_many_fails_alone(place: Place) -> None:
    home = private_home(place)
    odd = {1: (b"", True), 3: (b"X", True), 4: (b"F" + b"a" * 1003, True), 6: (b"Fa\0\0", False)}
    assert queue_together(home, together(home, 8, odd)) == [0, 54, 0, 91, 11, 0, 54, 0]
    kept = [files for files in queued(home.file("queue")).values() if "todo" in files]
    assert sorted(files["mess"][-2:] for files in kept) == [b"0\n", b"2\n", b"5\n", b"7\n"]


def test_a_name_that_is_not_durable_fails_for_all(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel tells of it once; a second sync that succeeds proves nothing."""
    home = private_home(place)
    todo = os.stat(home.file("queue", "todo")).st_ino
    fsync, failed = os.fsync, []

    def once(fd: int) -> None:
        if os.fstat(fd).st_ino == todo and not failed:
            failed.append(fd)
            raise OSError(5, "input/output error")
        fsync(fd)

    monkeypatch.setattr(os, "fsync", once)
    assert queue_together(home, together(home, 3)) == [NO_TODO] * 3


@pytest.mark.parametrize("count", [1, 2, enqueue.WAITING, 20])
def test_all_is_durable_before_the_next_step(
    place: Place, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """Each message's files and its name before its link in todo/, and that before the trigger."""
    home = private_home(place)
    log = place.path / "log"
    log.touch(0o666)
    log.chmod(0o666)
    fsync, link = os.fsync, os.link

    def note(line: str) -> None:
        with log.open("a") as file:
            file.write(f"{line}\n")

    def noted_sync(fd: int) -> None:
        fsync(fd)
        note(f"sync {os.fstat(fd).st_ino}")

    def noted_link(old: str, new: str) -> None:
        link(old, new)
        note(f"link {new}")

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(os, "link", noted_link)
    monkeypatch.setattr(enqueue_steps.trigger, "pull", lambda queue: note("trigger"))
    assert queue_together(home, together(home, count)) == [0] * count
    lines = log.read_text().splitlines()

    def inode(*parts: object) -> int:
        return os.stat(home.file("queue", *map(str, parts))).st_ino

    for number in queued(home.file("queue")):
        todo = lines.index(f"link todo/{number}")
        assert {f"sync {number}", f"sync {inode('intd', number)}"} <= set(lines[:todo])
        named = lines.index(f"link mess/{number % 23}/{number}")
        assert lines[named:todo].count(f"sync {inode('mess', number % 23)}") == 1
    last_link = max(lines.index(line) for line in lines if line.startswith("link todo/"))
    assert lines[last_link + 1 :] == [f"sync {inode('todo')}", "trigger"]


def test_a_caller_that_has_gone_has_queued_nothing(place: Place) -> None:
    home = private_home(place)
    assert die_after(home, "", wanted=False) == READ_ERROR
    assert queued(home.file("queue")) == {}


def test_no_step_is_left_out() -> None:
    assert list(AFTER) == STEPS


def test_leaves_no_temporary_files(place: Place) -> None:
    home = private_home(place)
    assert die_after(home, "") == 0
    assert [path for path in Path(home.file("queue", "pid")).iterdir()] == []
