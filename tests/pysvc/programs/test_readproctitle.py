"""readproctitle as a process"""

import os
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvc.programs import readproctitle
from tests.support.processes import command_line
from tests.support.world import Place, Running, eventually

DOTS = "." * 20


def shown(running: Running) -> bytes:
    return command_line(running.pid).rstrip(b"\0")


def feed(running: Running, data: bytes) -> None:
    assert running.process.stdin is not None
    os.write(running.process.stdin.fileno(), data)


@pytest.mark.parametrize("arguments", [[], ["...."], ["label", "...."], ["label", ""]])
def test_usage_is_silent(place: Place, arguments: list[str]) -> None:
    done = place.run("readproctitle", *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (100, b"", b"")


def test_end_of_input(place: Place) -> None:
    done = place.run("readproctitle", "label", DOTS, stdin=b"abc\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_read_error_is_silent(place: Place) -> None:
    with open("/dev/null", "wb") as unreadable:
        running = place.start("readproctitle", "label", DOTS, stdin=unreadable, stderr=subprocess.PIPE)
    assert running.wait() == 111
    assert running.process.stderr is not None
    assert running.process.stderr.read() == b""


@pytest.mark.parametrize("last", [DOTS, "abcdefghijklmnopqrst"])
def test_last_argument_becomes_dots(place: Place, last: str) -> None:
    running = place.start("readproctitle", "service", "errors:", last, stdin=subprocess.PIPE)
    eventually(lambda: shown(running) == b"readproctitle service errors: " + DOTS.encode())


def test_example_of_the_manual(place: Place) -> None:
    running = place.start("readproctitle", "service errors:", DOTS, stdin=subprocess.PIPE)
    feed(running, b"fatal er\0ror xyz\nwarn")
    feed(running, b"ing abc\n")
    eventually(lambda: shown(running) == b"readproctitle service errors: ... xyz\nwarning abc\n")
    feed(running, b"z")
    eventually(lambda: shown(running) == b"readproctitle service errors: ...xyz\nwarning abc\nz")


def test_much(place: Place) -> None:
    """The trailing text is never lost, whatever bytes go by."""
    running = place.start("readproctitle", "service errors:", "." * 400, stdin=subprocess.PIPE)
    tail = b"!" * 300 + "né\n".encode()
    feed(running, b"\xc3\xa9" * 5000 + b"\xff" * 7000 + bytes(range(1, 256)) * 100 + tail)
    eventually(lambda: shown(running).endswith(tail) and len(shown(running)) == 30 + 400)


def test_as_the_c_program_shows_it(place: Place) -> None:
    text = b"one\ntwo \xc3\xa9 three, and more than there is room for\n"
    ours = place.start("readproctitle", "a", "b", "." * 40, stdin=subprocess.PIPE)
    theirs = place.start("/usr/bin/readproctitle", "a", "b", "." * 40, stdin=subprocess.PIPE)
    feed(ours, text)
    feed(theirs, text)
    eventually(lambda: shown(theirs).endswith(text[-10:]) and shown(ours).endswith(text[-10:]))
    assert shown(ours) == shown(theirs).partition(b"/usr/bin/")[2].replace(b"\0", b" ")


@given(st.lists(st.binary(max_size=30)), st.integers(5, 40))
def test_push_byte_by_byte(blocks: list[bytes], size: int) -> None:
    """Blocks have the effect of their bytes, one by one, as the manual tells it."""
    text = b"." * size
    for block in blocks:
        text = readproctitle.push(text, block)
    classic = bytearray(b"." * size)
    for byte in b"".join(blocks):
        if byte:
            classic[3:] = classic[4:] + bytes([byte])
    assert text == classic
