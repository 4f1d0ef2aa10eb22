"""Start a run script, without a shell where the shell would only exec one of our own programs

What is left out is the reading of the script by /bin/sh and a fresh interpreter for the program. The
program finds what dash would have left it: descriptors, PWD, everything else as it was. Whoever can
write the script decides what runs either way, so that looking first and running then gives nothing away.
"""

import os
import stat

from pysvc.formats import runscript
from pysvc.unix import chain, environment, launchers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

LONGEST = 4096  # bytes of a script looked at
# dash sets these anew when they come in its environment; PWD is dealt with here.
SHELL_OWN = (b"IFS", b"OPTIND", b"PPID")


def run(path: str) -> "NoReturn":
    """Become the script at `path`, with no arguments; never returns. Raises OSError."""
    command = _only_execs(path)
    if command is not None:
        env = _environment()
        program = _own_program(os.fsdecode(command.words[0]))
        if env is not None and program is not None and _redirected(command.stderr_to_stdout):
            chain.run([program, *map(os.fsdecode, command.words[1:])], env)
    os.execv(path, [path])


def _only_execs(path: str) -> runscript.Exec | None:
    """The command of a script that may be run and is nothing but one exec."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode) or not os.access(path, os.X_OK, effective_ids=True):
            return None
        script = os.read(fd, LONGEST + 1)
    except OSError:
        return None
    finally:
        os.close(fd)
    return runscript.parse(script) if len(script) <= LONGEST else None


def _own_program(word: str) -> str | None:
    """The path that sh would run for a word, if it is a launcher of this installation."""
    if "/" not in word and "PATH" not in os.environ:
        return None  # each shell has its own default
    for path in chain.candidates(word):
        if launchers.recognise(path) is not None:
            return path
        if os.path.lexists(path):
            return None
    return None


def _environment() -> dict[bytes, bytes] | None:
    """The environment that dash passes on; None where it would change more than PWD."""
    env = environment.current()
    for name in env:
        if name in SHELL_OWN or not name.decode("ascii", "replace").isidentifier():
            return None
    try:
        if not _is_here(env.get(b"PWD", b"")):
            env[b"PWD"] = os.getcwdb()
    except OSError:
        return None
    return env


def _is_here(path: bytes) -> bool:
    """Whether an absolute path names the current directory; sh then keeps it, links and all."""
    if not path.startswith(b"/"):
        return False
    try:
        return os.path.samestat(os.stat(path), os.stat(b"."))
    except OSError:
        return False


def _redirected(stderr_to_stdout: bool) -> bool:
    """Apply `2>&1`; False where sh would complain instead."""
    try:
        if stderr_to_stdout:
            os.dup2(1, 2)
        return True
    except OSError:
        return False
