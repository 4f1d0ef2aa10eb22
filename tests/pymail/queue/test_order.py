"""What is durable before what, and what is left when qmail-send dies in between

The real program runs with the system calls that matter recorded; or it ends at a chosen one of them.
"""

import os

from pymail.engines.rewrite import LOCAL, REMOTE
from pymail.queue.order import ASK_FOOP, ASK_TODO, MARK, ORDER, UNLINK_INFO
from tests.support.queue_states import QueueCheck
from tests.support.sending import Sending

RECORDED = """
import os, sys
from pysvc import launch
from pymail.programs import qmail_send

trace, die_at = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC), int(sys.argv[3])
me, count = os.getpid(), 0

def event(text):
    global count
    if os.getpid() == me:
        count += 1
        if count == die_at:
            os._exit(9)
        write(trace, (text + "\\n").encode())

def path(fd):
    return "/".join(os.readlink(f"/proc/self/fd/{fd}").rpartition("/queue/")[2].split("/"))

fsync, unlink, pwrite, write, create = os.fsync, os.unlink, os.pwrite, os.write, os.open
def recorded_fsync(fd):
    event("sync " + path(fd))
    fsync(fd)
def recorded_unlink(name, **options):
    event("unlink " + name)
    unlink(name, **options)
def recorded_pwrite(fd, data, offset):
    event("mark " + path(fd))
    return pwrite(fd, data, offset)
def recorded_write(fd, data):
    if fd == 5:
        event("ask " + bytes(data).decode().replace("\\0", " "))
    elif path(fd).startswith(("info/", "local/", "remote/", "bounce/")):
        event("write " + path(fd))
    return write(fd, data)
def recorded_open(name, flags, *rest, **options):
    if flags & os.O_CREAT:
        event("create " + str(name))
    return create(name, flags, *rest, **options)
os.fsync, os.unlink, os.pwrite, os.write, os.open = (
    recorded_fsync, recorded_unlink, recorded_pwrite, recorded_write, recorded_open
)
launch.leave(qmail_send.main(sys.argv[1:2]))
"""
LAST_EVENT = 45  # a message that bounces takes fewer than this


def start(sending: Sending, die_at: int = 0) -> None:
    world = sending.place.world
    program, trace = str(sending.home / "bin/qmail-send"), str(sending.place.path / "trace")
    sending.start(
        command=(world.python, "-B", "-c", RECORDED, program, trace, str(die_at)),
        env={"PYTHONPATH": ":".join(world.path)},
    )


def test_order(sending: Sending) -> None:
    number = sending.put(b"me@remote.test", [b"a@mail.test", b"b@remote.test"])
    start(sending)
    sending.request(LOCAL)
    sending.request(REMOTE)
    sending.report(REMOTE, 0, b"Kok")
    sending.report(LOCAL, 0, b"Dno")
    sending.until(lambda: not sending.kinds(number))
    split = number % 23
    events = (sending.place.path / "trace").read_text().splitlines()
    before = {
        ASK_TODO: f"ask todo/{number} ",
        MARK: f"mark local/{split}/{number}",
        UNLINK_INFO: f"unlink info/{split}/{number}",
        ASK_FOOP: f"ask foop/{number} ",
    }
    preprocessed = events.index(before[ASK_TODO])
    removed = max(n for n, event in enumerate(events) if event == f"unlink bounce/{number}")
    begins = {ASK_TODO: 0, MARK: preprocessed, UNLINK_INFO: removed, ASK_FOOP: events.index(
        before[UNLINK_INFO], preprocessed)}  # fmt: skip
    for files, directories, step in ORDER:
        end = events.index(before[step], begins[step] + 1)
        span = events[begins[step] : end]
        for kind in files:
            path = f"bounce/{number}" if kind == "bounce" else f"{kind}/{split}/{number}"
            assert span.index(f"write {path}") < span.index(f"sync {path}")
        for kind in directories:
            assert f"sync {kind}" + ("" if kind == "bounce" else f"/{split}") in span, (step, kind)
        for kind in files:  # a directory is synced after the names in it were made
            path = f"bounce/{number}" if kind == "bounce" else f"{kind}/{split}/{number}"
            synced = max(n for n, event in enumerate(span) if event == "sync " + path.rpartition("/")[0])
            assert span.index(f"create {path}") < span.index(f"sync {path}") < synced


def test_death_at_every_step(sending: Sending) -> None:
    """A qmail-send that dies before any one of its steps leaves what the next one can go on from.

    Each message has one recipient that succeeds and one that fails: nobody is forgotten, and every
    sender is told.
    """
    wanted, delivered = set(), set()
    told = set()

    def deliver() -> None:
        for request in sending.requests[LOCAL]:
            if request.recipient.startswith(b"ok"):
                delivered.add(request.recipient)
            sending.report(LOCAL, request.delnum, b"Kok" if request.recipient.startswith(b"ok") else b"Dno")
        for request in sending.requests[REMOTE]:
            told.add(request.recipient)
            sending.report(REMOTE, request.delnum, b"Kok")
        sending.requests[:] = [], []

    def over() -> bool:
        deliver()
        return 0 not in sending.open_fds() or not sending.numbers("todo", "info")

    deaths = 0
    for step in range(1, LAST_EVENT):
        wanted.add(b"%d" % step)
        sending.put(b"%d@remote.test" % step, [b"ok%d@mail.test" % step, b"no%d@mail.test" % step])
        start(sending, step)
        sending.until(over)
        deaths += 0 not in sending.open_fds()
        sending.running.stop()
        assert QueueCheck(sending.queue, received=False).complaints == []
        sending.close()
    start(sending)
    sending.until(over)
    assert delivered == {b"ok%s@mail.test" % name for name in wanted}
    assert told == {b"%s@remote.test" % name for name in wanted}
    assert deaths > 20
    assert not os.listdir(sending.queue / "bounce")
