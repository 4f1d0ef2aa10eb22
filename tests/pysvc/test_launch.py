"""How programs end: exit codes and what is said"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from pysvc import launch
from pysvc.unix.strerr import Fatal, unable_to, usage
from tests.support.world import ROOT


def fails(error: BaseException) -> Callable[[], int]:
    def body() -> int:
        raise error

    return body


def opens_nothing() -> int:
    with unable_to("open x"):
        raise FileNotFoundError(2, "")
    return 0


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        (lambda: 7, 7, ""),
        (opens_nothing, 111, "prog: fatal: unable to open x: file does not exist\n"),
        (fails(Fatal("", 3)), 3, ""),
        (fails(Fatal("alone", 5, kind="")), 5, "alone\n"),
        (fails(usage("Synopsis: prog [ x ]\n          y\n")), 100, "prog: usage: prog [ x ] y\n"),
        (fails(MemoryError()), 111, "prog: fatal: out of memory\n"),
        (fails(OSError(24, "")), 111, "prog: fatal: process cannot open more files\n"),
    ],
)
def test_run(body: Callable[[], int], code: int, said: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert launch.run("prog", body) == code
    assert capfd.readouterr().err == said


def test_a_fault_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    assert launch.run("prog", fails(ValueError("two\nlines\x1b[2J\r"))) == 111
    said = capfd.readouterr().err
    assert said.startswith("prog: fatal: internal bug: ValueError at ")
    assert said.endswith(": two lines?[2J?\n")


@pytest.mark.parametrize("error", [None, Fatal("", 9), SystemExit(0), KeyboardInterrupt()])
def test_a_child_never_comes_back(error: BaseException | None) -> None:
    """Nothing of the parent's happens twice, whatever the child raises."""
    parent = os.getpid()
    body: Callable[[], int] = (lambda: 9) if error is None else fails(error)
    try:
        pid = launch.fork("prog", body)
    finally:
        if os.getpid() != parent:
            os._exit(77)
    _, status = os.waitpid(pid, 0)
    expected = 9 if error is None or isinstance(error, Fatal) else 111
    assert os.waitstatus_to_exitcode(status) == expected


def interrupt_handler(*options: str, ignored: bool = False) -> str:
    """What SIGINT does once an interpreter has imported the package."""
    code = f"import sys; sys.path.append({str(ROOT)!r}); import pysvc, _signal; print(_signal.getsignal(2))"
    before = signal.signal(signal.SIGINT, signal.SIG_IGN if ignored else signal.SIG_DFL)
    try:
        command = [sys.executable, "-B", *options, "-c", code]
        return subprocess.run(command, capture_output=True, text=True).stdout
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_interrupt_while_a_program_starts_shows_no_traceback() -> None:
    assert interrupt_handler("-IS") == f"{int(signal.SIG_DFL)}\n"
    assert interrupt_handler("-IS", ignored=True) == f"{int(signal.SIG_IGN)}\n"
    assert "default_int_handler" in interrupt_handler()  # who imports it as a library keeps theirs
