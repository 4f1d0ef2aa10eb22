"""What qmail-queue does: messages into the queue, several together where they come together

The steps of each message are in queue/enqueue_steps.py. Nothing disturbs the process that takes them, and
after a day it gives up: soon what it has made would be taken for a leftover.
"""

import os

from pymail.queue import layout
from pymail.queue.enqueue_steps import CLEANED, NO_MESS, ROUNDS, Message, source
from pymail.unix.background import Once, side_by_side
from pymail.unix.home import Home
from pysvc.unix import ids, signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pymail.queue.enqueue_steps import Row

DEATH = 86400       # seconds; less than the 36 hours after which the cleanup takes what nobody owns
DESCRIPTORS = 4096  # numbers below which a forked child closes what it does not need
WAITING = 4         # threads that wait for the disk

TIMEOUT, NO_HOME, NO_QUEUE = 52, 61, 62

IGNORED = (signals.SIGPIPE, signals.SIGVTALRM, signals.SIGPROF, signals.SIGQUIT, signals.SIGINT,
           signals.SIGHUP, signals.SIGXCPU, signals.SIGXFSZ)  # fmt: skip


class Late(BaseException):
    """DEATH seconds are over."""


def enqueue(home: Home, uid: int, pid: int) -> int:
    """Queue what comes on 0 and 1; qmail-queue's exit code. This process then does nothing else."""
    prepare()
    message = Message(home, uid, pid, source(0, 1))
    queue_messages(home, [message])
    return message.code


def queue_messages(
    home: Home, messages: "list[Message]", after: "Callable[[str], None]" = lambda step: None
) -> None:
    """Queue some messages together, in a process that has called prepare(); their `code` is the outcome.

    after: called with the name of each step when it is done, for those who want to see what a death in
    between leaves. Changes the current directory.
    """
    try:
        signals.alarm(DEATH)  # anew each time
        code = _enter_queue(home)
        if code:
            _fail(messages, code)
        else:
            _steps(messages, after)
    except Late:
        _fail(messages, TIMEOUT)
    finally:
        for message in messages:
            message.close()


def _fail(messages: "list[Message]", code: int) -> None:
    for message in messages:
        message.code = message.code or code


def _enter_queue(home: Home) -> int:
    """Make the queue, which may be another than before, the current directory; the exit code."""
    try:
        os.chdir(home.path)
    except OSError:
        return NO_HOME
    try:
        os.chdir("queue")
    except OSError:
        return NO_QUEUE
    try:
        layout.learn(home.file("queue"))
    except OSError:
        return NO_MESS
    return 0


def become_owner(home: Home) -> None:
    """Root takes the ids of the queue's owner, in a private instance too; anybody else stays who they are.

    Fatal if that is not allowed.
    """
    if os.geteuid() == 0:
        ids.become(home.uid("qmailq"), home.gid("qmail"))


def prepare() -> None:
    """What shall not disturb qmail-queue, and its end after DEATH seconds: Late is raised then."""
    signals.unblock_all()
    os.umask(0o033)
    for number in IGNORED:
        signals.ignore(number)
    signals.catch(signals.SIGALRM, _late)
    signals.alarm(DEATH)


def _late() -> None:
    raise Late


def _steps(messages: "list[Message]", after: "Callable[[str], None]") -> None:
    for rows in ROUNDS:
        _do(messages, rows)
        for message in messages:
            if message.code in CLEANED:
                message.clean()
        if all(message.code for message in messages):
            return
        after(rows[-1][0].__name__)


def _do(messages: "list[Message]", rows: "list[Row]") -> None:
    """Do some steps, in any order, for all messages."""
    common = Once()
    tasks = [(message, row) for row in rows for message in messages]

    def do(task: "tuple[Message, Row]") -> None:
        message, (step, failure) = task
        message.do(step, failure, common)

    if len(rows) > 1 and len(messages) > 1:
        side_by_side(do, tasks, WAITING)
    else:
        for task in tasks:
            do(task)
