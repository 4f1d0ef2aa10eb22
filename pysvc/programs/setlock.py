"""setlock - run a program while holding a lock

Synopsis:    setlock [ -nNxX ] file program [ arg ... ]
Options:     -n  do not wait for the lock         -N  wait (default)
             -x  without the lock, exit 0 silently  -X  complain (default)
Exit codes:  0 no lock, with -x; 100 wrong usage; 111 no lock, or the program cannot be run;
             else the program's own

The file is created if it is missing, and never written. The program inherits the open descriptor;
the lock (flock) ends when the last process that has it open closes it or ends.
"""

import os

from pysvc.unix import chain, lock
from pysvc.unix.options import BadOption, complaint, options
from pysvc.unix.strerr import Fatal, unable_to, usage


def main(argv: list[str]) -> int:
    operands = argv[1:]
    letters = _letters(argv[0], operands)
    if len(operands) < 2:
        raise usage(__doc__)
    file, *program = operands
    try:
        _take(file, wait=_last(letters, "nN") != "n")
    except Fatal as fatal:
        raise Fatal("", 0) if _last(letters, "xX") == "x" else fatal from None
    with unable_to(f"run {program[0]}"):
        chain.run(program)


def _letters(argv0: str, operands: list[str]) -> str:
    try:
        return "".join(letter for letter, _ in options(operands, "nNxX"))
    except BadOption as bad:
        raise complaint(argv0, bad, usage(__doc__).line("setlock")) from None


def _last(letters: str, pair: str) -> str:
    return next((letter for letter in reversed(letters) if letter in pair), "")


def _take(file: str, wait: bool) -> None:
    with unable_to(f"open {file}"):
        fd = lock.open_lock(file)
    with unable_to(f"lock {file}"):
        (lock.lock if wait else lock.try_lock)(fd)
    os.set_inheritable(fd, True)
