"""qmail-queued - queue messages for those who may not write the queue

Synopsis:    qmail-queued [ -b ]
Options:     -b   be the stand-in: detach, end at once if the service runs already, and make way for it
                  when it starts under supervision
Files:       run/queue           the socket on which programs ask; everybody may
             queue/lock/queued   locked by the one that serves; says whether it is a stand-in, and its pid
Exit codes:  0 told to end (SIGTERM), or the stand-in is not needed; 100 wrong usage; 111 unable to serve

Started by root it becomes qmailq. Children do the work: one for each message that comes in pipes, and a few
that queue small messages, those of several clients together; one that has nothing to do goes after two
seconds. A SIGTERM to the service does not disturb them: messages on their way are queued or refused as if
nothing had happened, and programs that ask in the meantime go on asking for some seconds.
"""

import os
import time

from pymail.queue import enqueue, layout, service
from pymail.queue.enqueue_steps import how_invoked
from pymail.unix import queue_service
from pymail.unix.home import Home
from pysvc import launch
from pysvc.formats.number import scan
from pysvc.unix import lock, options, signals
from pysvc.unix.files import read_file, write_all
from pysvc.unix.strerr import Fatal, unable_to, usage

SUPERVISED, STAND_IN = b"supervised", b"stand-in"
HAND_OVER = 10.0  # seconds that a stand-in may take to make way
PAUSE = 0.05      # seconds between two attempts


def main(argv: list[str]) -> int:
    home = Home.of(argv[0])
    kind = _kind(argv[1:])
    enqueue.become_owner(home)
    _only_standard_descriptors()
    with unable_to(f"chdir to {home.path}"):
        os.chdir(home.path)
    os.umask(0o022)
    how_invoked(home, 0)  # finds all accounts, while there is somebody to hear that one is missing
    path = home.file("queue", layout.QUEUED)
    with unable_to(f"open {path}"):
        held = lock.open_lock(path, 0o600)
    if kind == STAND_IN:
        return _stand_in(home, held)
    _take_over(held, path)
    return _loop(home, held, kind, _listen(home))


def _kind(arguments: list[str]) -> bytes:
    kind = SUPERVISED
    try:
        for _ in options.options(arguments, "b"):
            kind = STAND_IN
    except options.BadOption:
        raise usage(__doc__) from None
    if arguments:
        raise usage(__doc__)
    return kind


def _only_standard_descriptors() -> None:
    """Nothing that a starter left open stays so, and what clients pass never becomes 0, 1 or 2."""
    os.closerange(3, enqueue.DESCRIPTORS)
    while (fd := os.open("/dev/null", os.O_RDWR)) <= 2:
        pass
    os.close(fd)


def _stand_in(home: Home, held: int) -> int:
    """Serve in a process of its own, unless somebody else does; return when it can be asked."""
    try:
        lock.try_lock(held)
    except OSError:
        return 0
    listener = _listen(home)

    def body() -> int:
        os.setsid()
        null = os.open("/dev/null", os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        return _loop(home, held, STAND_IN, listener)

    with unable_to("fork"):
        launch.fork("qmail-queued", body)
    return 0


def _take_over(held: int, path: str) -> None:
    """Get the lock, from a stand-in if one has it."""
    deadline = time.monotonic() + HAND_OVER
    while True:
        try:
            lock.try_lock(held)
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise Fatal(f"unable to lock {path}: another qmail-queued serves") from error
        _send_away(path)
        time.sleep(PAUSE)


def _send_away(path: str) -> None:
    """Ask the process that holds the lock to end, if it is a stand-in."""
    with unable_to(f"read {path}"):
        kind, _, pid = read_file(path).strip().partition(b" ")
    number = scan(pid)[0] if kind == STAND_IN else 0
    if number > 1:  # 0 would be this process and its relatives
        try:
            os.kill(number, signals.SIGTERM)
        except (OSError, OverflowError):
            pass  # it has gone by now, or is no pid at all


def _listen(home: Home) -> "queue_service.Listener":
    with unable_to(f"listen on {queue_service.socket_path(home)}"):
        return queue_service.listen(home)


def _loop(home: Home, held: int, kind: bytes, listener: "queue_service.Listener") -> int:
    """Say who serves, once SIGTERM is obeyed, and serve until it comes."""
    serving = service.Service(home, listener)
    os.ftruncate(held, 0)
    write_all(held, b"%s %d\n" % (kind, os.getpid()))
    serving.run()
    queue_service.withdraw(home)
    listener.close()
    os.ftruncate(held, 0)
    lock.unlock(held)  # children at work hold the file open too
    return 0
