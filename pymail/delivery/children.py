"""The programs that a delivery command runs: asked about the message, or fed with it"""

import errno
import os

from pysvc import launch
from pysvc.unix import chain, signals
from pysvc.unix.files import blocks, read_all, write_all
from pysvc.unix.strerr import PERMANENT, TEMPORARY, Fatal, reason, temporary, unable_to

YES = 0


def agrees(argv: list[str]) -> bool:
    """Whether a program that reads the message from descriptor 0 exits 0; searched for along PATH.

    Exit 111 is Fatal: nobody can tell now. Every other code is a no, and so is a program that
    cannot be run for a permanent reason. Source: condredirect, bouncesaying and except manuals.
    """
    try:
        code = _code(_start(argv))
    except _NotRun as trouble:
        code = TEMPORARY if temporary(trouble.error) else PERMANENT
    except OSError:
        raise Fatal("wait failed") from None
    if code == TEMPORARY:
        raise Fatal("temporary child error")
    return code == YES


def feed(argv: list[str], head: bytes, to_the_end: bool = False) -> int:
    """Run a program on head and then descriptor 0; its exit code. Fatal if it crashes.

    to_the_end: it is Fatal as well if the program does not read everything.
    """
    signals.ignore(signals.SIGPIPE)  # whoever stops reading has a reason, and an exit code
    with unable_to("create pipe"):
        source, target = os.pipe()
    try:
        pid = _start(argv, source)
    except _NotRun as trouble:
        code = TEMPORARY if temporary(trouble.error) else PERMANENT
        raise Fatal(f"unable to run {argv[0]}: {reason(trouble.error)}", code) from None
    os.close(source)
    unread = _copy(head, target)
    os.close(target)
    with _waiting():
        code = _code(pid)
    if unread is not None and (to_the_end or unread.errno != errno.EPIPE):
        raise Fatal(f"unable to copy input: {reason(unread)}")
    return code


def _copy(head: bytes, target: int) -> OSError | None:
    """Write head and descriptor 0 to a program; what went wrong."""
    try:
        write_all(target, head)
        for block in blocks(0):
            write_all(target, block)
    except OSError as error:
        return error
    return None


class _NotRun(Exception):
    """The program could not be started; `error` says why."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error)
        self.error = error


class _waiting:
    """`wait failed: reason`."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if isinstance(error, OSError):
            raise Fatal(f"wait failed: {reason(error)}") from error


def _start(argv: list[str], source: int = 0) -> int:
    """A child that has become a program, with `source` as its descriptor 0; its pid. Raises _NotRun.

    A pipe that closes when the program starts brings back why it does not.
    """
    listening, telling = os.pipe()

    def body() -> int:
        os.dup2(source, 0)
        signals.default(signals.SIGPIPE)
        try:
            chain.run(argv)
        except OSError as error:
            os.write(telling, b"%d" % (error.errno or errno.EIO))
        return PERMANENT

    with unable_to("fork"):
        pid = launch.fork(argv[0], body)
    os.close(telling)
    told = read_all(listening)
    os.close(listening)
    if told:
        os.waitpid(pid, 0)
        raise _NotRun(OSError(int(told), "exec"))
    return pid


def _code(pid: int) -> int:
    """Wait for a child; its exit code. Fatal if a signal killed it; raises OSError."""
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code < 0:
        raise Fatal("child crashed")
    return code
