"""The one door into every program

A launcher calls start(); that loads the program by name, runs its main, then whatever the program
chains to, and turns what it raises into one line on descriptor 2 and an exit code. Nothing else in
these packages catches Fatal, forks, or knows how a program begins and ends.
"""

import errno
import gc
import os
import sys

from pysvc.unix import chain, descriptors, environment, launchers, signals, title
from pysvc.unix.strerr import TEMPORARY, Fatal, say, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import NoReturn

SCARCE = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # also an import can fail by these
KEPT: set[int] = set()  # descriptors of this process that no program in it closes by chaining, or passes on

_given: list[int] | None = None  # what was inheritable at the last freeze, from 3 on
_standard = False  # whether 0, 1 and 2 were


def start(package: str, name: str, file: str) -> "NoReturn":
    """Run the program of a launcher and leave with its exit code."""
    signals.undo_interpreter()
    program = launchers.Launcher(package, name)
    argv = sys.argv

    def body() -> int:
        environment.undo_interpreter()
        launchers.started_by(file)
        return _main(program)(argv)

    leave(run(name, body))


def leave(code: int) -> "NoReturn":
    """End the process at once: taking the interpreter apart in good order costs 2 ms."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            pass  # nobody is listening any more
    os._exit(code)


def preload(name: str) -> launchers.Launcher | None:
    """Import the code of a program before forking, if it is one of this installation's; its launcher then.

    name: as it will be run, a path or a word to be searched along PATH.
    """
    for path in chain.candidates(name):
        launcher = launchers.recognise(path)
        if launcher is not None:
            try:
                _main(launcher)
            except Exception:
                pass  # whatever is wrong with it will be said, once, by the process that runs it
            return launcher
        if os.access(path, os.X_OK):
            break
    return None


def reusable(launcher: launchers.Launcher) -> bool:
    """Whether a program says that it can be run again in the process that has run it: REUSABLE = True."""
    module = sys.modules.get(launcher.module)
    return module is not None and getattr(module, "REUSABLE", False) is True


def freeze() -> None:
    """Before the first fork: keep the collector's hands off what exists, so that pages stay shared."""
    global _given, _standard
    title.load()
    found = passed_on()
    _given, _standard = [fd for fd in found if fd > 2], all(fd in found for fd in (0, 1, 2))
    gc.collect()
    gc.freeze()


def frozen() -> bool:
    """Whether this process, or the one that it was forked from, has called freeze."""
    return _given is not None  # the collector counts what CPython 3.12 itself freezes at its start


def has_standard() -> bool:
    """Whether 0, 1 and 2 are known to be open, and not for this process alone, since the last freeze."""
    return _standard


def fork(name: str, body: "Callable[[], int]") -> int:
    """Fork a child that runs body() and then whatever it chains to; the child's pid.

    name: stands before what the child says. The child leaves by os._exit: nothing of the parent's
    (finally clauses, buffered output) happens twice. Raises OSError if there can be no child.
    """
    pid = os.fork()
    if pid:
        return pid
    if KEPT:
        KEPT.clear()
    code = TEMPORARY
    try:
        code = run(name, body)
    finally:
        os._exit(code)


def run(
    name: str,
    body: "Callable[[], int]",
    entered: "list[launchers.Launcher] | None" = None,
) -> int:
    """Run body() and what it chains to; the exit code of the last program.

    name: of the program that body() is of, for what it says.
    entered: gets each program that was chained to. One that cannot be run again ends this process, and finds
    nothing of what was kept for more: it may take other ids.
    """
    while True:
        try:
            return body()
        except chain.Next as following:
            step = following
        except Fatal as fatal:
            if fatal.text:
                say(fatal.line(name))
            return fatal.code
        except MemoryError:
            say(f"{name}: fatal: out of memory")
            return TEMPORARY
        except Exception as error:
            say(f"{name}: fatal: {fault(error)}")
            return TEMPORARY
        # The frames of the last program, and what they held open, are gone from here on.
        step.__traceback__ = step.__context__ = None
        name = step.program.name
        if entered is not None:
            entered.append(step.program)
        body = _enter(step, entered is not None)


def _enter(step: chain.Next, recurring: bool) -> "Callable[[], int]":
    """What comes after a program that chained: the next one's main, in the state execve would leave."""

    def body() -> int:
        main = _main(step.program)
        if recurring and not reusable(step.program):
            KEPT.clear()
        become(step.argv, step.env)
        if step.prepare is not None:
            step.prepare(True)
        return main(step.argv)

    return body


def call(program: launchers.Launcher, argv: list[str]) -> int:
    """Run a program that does not chain, in a process that goes on afterwards; its exit code.

    What it raises is the caller's, who gives it all that execve would: descriptors, signals, a title.
    """
    return _main(program)(argv)


def enter(program: launchers.Launcher, argv: list[str]) -> int:
    """In a child, do as chain.run would with a program that preload has found; the exit code.

    Neither the search nor the exception is needed then, nor a look at each descriptor if the parent has
    called freeze: a forked process has 0.2 MB less of its own. From 3 on it passes on what was inheritable
    at that time.
    """

    def body() -> int:
        if _given is None:
            _close_private(_descriptors())
        else:
            descriptors.close_all_but(KEPT.union(_given) if _given else KEPT)
            if not _standard:
                _close_private((0, 1, 2))
        _replace(argv)
        return _main(program)(argv)

    return run(program.name, body)


def become(argv: list[str], env: dict[bytes, bytes] | None) -> None:
    """Do to this process what execve would: title, environment, signals, descriptors."""
    _replace(argv, env)
    _close_private(_descriptors())


def _close_private(fds: "Iterable[int]") -> None:
    for fd in fds:
        try:
            if not os.get_inheritable(fd) and fd not in KEPT:
                os.close(fd)
        except OSError:
            pass  # not open


def _replace(argv: list[str], env: dict[bytes, bytes] | None = None) -> None:
    title.set_title(argv)
    if env is not None:
        environment.replace(env)
    signals.reset_caught()


def passed_on() -> list[int]:
    """The descriptors that a program which this process becomes finds."""
    found = []
    for fd in _descriptors():
        try:
            if os.get_inheritable(fd):
                found.append(fd)
        except OSError:
            pass  # not open
    return found


def _descriptors() -> "Iterable[int]":
    try:
        own = os.open("/proc/self/fd", os.O_RDONLY | os.O_CLOEXEC)
        os.close(own)  # the listing itself gets this number; asking about it later would raise
        return [fd for fd in map(int, os.listdir("/proc/self/fd")) if fd != own]
    except OSError:
        return range(3, 1024)  # no /proc, or no descriptor left to read it with


def _main(program: launchers.Launcher) -> "Callable[[list[str]], int]":
    if program.module not in sys.modules:
        __import__(program.module)
    main: Callable[[list[str]], int] = sys.modules[program.module].main
    return main


def fault(error: Exception) -> str:
    """One line for an error that no program should let through: what and where, never a traceback.

    Where it is the machine that lacks something, what that is.
    """
    if isinstance(error, OSError) and error.errno in SCARCE:
        return words(error.errno)
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" at {trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}" if trace is not None else ""
    text = "".join(c if c.isprintable() else "?" for c in str(error).replace("\n", " "))
    return f"internal bug: {type(error).__name__}{where}: {text}"
