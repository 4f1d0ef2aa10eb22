"""qmail-start - start the daemons of the mail system

Synopsis:    qmail-start [ defaultdelivery [ logger [ arg ... ] ] ]

Runs qmail-lspawn, qmail-rspawn and qmail-clean, joined by pipes to qmail-send, which it becomes itself;
all are found along PATH. The activity record goes to the logger, or to standard output if there is none.
defaultdelivery (./Mailbox if not given) stands for the dot-qmail file of those who have none.

If nobody queues messages yet for those who may not write the queue, it starts qmail-queued as a
stand-in, which stays when the others end.

Where a qmail-send has died it waits up to 5 seconds for its qmail-clean, which may have work left.

Environment: PATH   where the programs are; all of it is passed on
Exit codes:  those of qmail-send; 111 unable to start
"""

import os

from pymail.queue import cleanup
from pymail.unix import queue_service
from pymail.unix.home import Home
from pysvc import launch
from pysvc.unix import chain
from pysvc.unix.strerr import unable_to

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT = "./Mailbox"
PATIENCE = 5.0  # seconds for a qmail-clean that has lost its qmail-send
LAST = 6  # descriptors up to here are qmail-send's
LOCAL, REMOTE, CLEAN = PARTNERS = ("qmail-lspawn", "qmail-rspawn", "qmail-clean")
QUEUE_SERVICE = "qmail-queued"
# Run by the daemons started here: loaded once, before they part.
SHARED = (QUEUE_SERVICE, "qmail-local", "qmail-getpw", "qmail-remote")


def main(argv: list[str]) -> int:
    home = Home.of(argv[0])
    with unable_to("chdir to /"):
        os.chdir("/")
    os.umask(0o077)
    join_group(home)
    for name in (*PARTNERS, *(home.file("bin", name) for name in SHARED), "qmail-send"):
        launch.preload(name)
    launch.freeze()
    await_cleaner(home)
    with unable_to("start the daemons"):
        for fd in range(2, LAST + 1):
            os.dup2(0, fd)  # so that every pipe gets a higher number
        if argv[2:]:
            start_logger(home, argv[2:])
        ensure_queue_service(home)
        to_local, from_local = start_partner(home, "root", [LOCAL, *(argv[1:2] or [DEFAULT])])
        to_remote, from_remote = start_partner(home, "qmailr", [REMOTE])
        to_clean, from_clean = start_partner(home, "qmailq", [CLEAN])
        home.become("qmails")
        place(1, to_local, from_local, to_remote, from_remote, to_clean, from_clean)
        chain.run(["qmail-send"])


def join_group(home: Home) -> None:
    """What qmail-lspawn keeps of it; the others take their account's group."""
    if not home.private:
        with unable_to("setgid"):
            os.setgroups([home.gid("qmail")])
            os.setgid(home.gid("qmail"))


def await_cleaner(home: Home) -> None:
    """What a qmail-clean still removes must not be taken up meanwhile by the next qmail-send."""
    try:
        cleanup.await_end(home.file("queue"), PATIENCE)
    except OSError:
        pass  # the partners will find the same trouble


def place(*descriptors: int) -> None:
    """Make these the descriptors 0, 1, 2 …; a later one must not have a number among those before it."""
    for target, fd in enumerate(descriptors):
        os.dup2(fd, target)


def child(argv: list[str], prepare: "Callable[[], None]") -> int:
    """Fork a process that becomes a program; its pid. Pipes stay behind: all are close-on-exec."""

    def body() -> int:
        prepare()
        with unable_to(f"run {argv[0]}"):
            chain.run(argv)

    return launch.fork("qmail-start", body)


def start_logger(home: Home, argv: list[str]) -> None:
    """From here on what goes to descriptor 1 goes to the logger."""
    record, ours = os.pipe()

    def prepare() -> None:
        os.dup2(record, 0)
        os.closerange(2, LAST + 1)
        home.become("qmaill")

    child(argv, prepare)
    os.dup2(ours, 1)
    os.close(record)
    os.close(ours)


def ensure_queue_service(home: Home) -> None:
    """Somebody must take the messages of those who may not write the queue."""
    if queue_service.answers(home):
        return

    def prepare() -> None:
        null = os.open("/dev/null", os.O_RDWR)
        place(null, 1, 1)
        os.closerange(3, null + 1)
        home.become("qmailq")

    os.waitpid(child([home.file("bin", QUEUE_SERVICE), "-b"], prepare), 0)


def start_partner(home: Home, role: str, argv: list[str]) -> tuple[int, int]:
    """Start a daemon; the pipes to and from it."""
    theirs, to = os.pipe()
    back, answers = os.pipe()

    def prepare() -> None:
        place(theirs, answers)
        os.closerange(2, LAST + 1)
        if role != "root":
            home.become(role)

    child(argv, prepare)
    os.close(theirs)
    os.close(answers)
    return to, back
