"""qmail-queue as a process, in a private home"""

import fcntl
import os
import re
import signal
import stat
import termios
import time
from pathlib import Path

import pytest

from pymail.queue.layout import split_path
from pymail.queue.states import state
from pymail.unix.home import Home
from tests.support.homes import only_message, queued, trigger_reader
from tests.support.world import Place, Running, eventually

ENVELOPE = b"Fa@b\0Tplain\0Tjoe@host\0\0"
RECEIVED = re.compile(
    rb"Received: \(qmail (\d+) invoked by uid (\d+)\); ([1-9]\d? [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d -0000)\n"
)


class Caller:
    """A qmail-queue process with its two pipes."""

    def __init__(self, place: Place, home: Home, *wrapper: str, cwd: Path | None = None) -> None:
        message, self.message = os.pipe()
        envelope, self.envelope = os.pipe()
        self.running: Running = place.start(
            *wrapper, home.file("bin", "qmail-queue"), stdin=message, stdout=envelope, cwd=cwd
        )
        os.close(message)
        os.close(envelope)

    def send(self, message: bytes, envelope: bytes) -> int:
        """Send both and close; the exit code."""
        for name, data in (("message", message), ("envelope", envelope)):
            os.write(getattr(self, name), data)
            self.close(name)
        return self.running.wait()

    def close(self, name: str) -> None:
        os.close(getattr(self, name))

    def files(self, home: Home) -> set[str]:
        return {kind for files in queued(home.file("queue")).values() for kind in files}

    def stop(self) -> None:
        """Close what is open and wait."""
        self.running.stop()
        for fd in (self.message, self.envelope):
            os.close(fd)


def submit(place: Place, home: Home, message: bytes = b"\nhello\n", envelope: bytes = ENVELOPE) -> int:
    return Caller(place, home).send(message, envelope)


def test_queued(place: Place, home: Home) -> None:
    caller = Caller(place, home)
    before = int(time.time())
    assert caller.send(b"Subject: x\n\nhello\n", ENVELOPE) == 0
    _, files = only_message(home.file("queue"))
    received = RECEIVED.match(files["mess"])
    assert received is not None
    assert int(received[1]) == caller.running.pid
    assert int(received[2]) == home.owner
    written = time.mktime(time.strptime(received[3].decode(), "%d %b %Y %H:%M:%S -0000")) - time.timezone
    assert before <= written <= time.time()
    assert files["mess"][received.end() :] == b"Subject: x\n\nhello\n"
    assert files["todo"] == files["intd"] == b"u%d\0p%d\0Fa@b\0Tplain\0Tjoe@host\0" % (
        home.owner, caller.running.pid,
    )  # fmt: skip
    assert set(files) == {"mess", "todo", "intd"}
    assert state(set(files)) == "S4"


def test_numbers_owners_and_modes(place: Place, home: Home) -> None:
    assert submit(place, home) == 0
    number, _ = only_message(home.file("queue"))
    mess = os.stat(home.file("queue", split_path("mess", number)))
    todo, intd = (os.stat(home.file("queue", kind, str(number))) for kind in ("todo", "intd"))
    assert mess.st_ino == number
    assert todo.st_ino == intd.st_ino != number
    assert [stat.S_IMODE(found.st_mode) for found in (mess, todo)] == [0o644, 0o644]
    assert mess.st_uid == todo.st_uid == home.owner


def test_message_of_many_blocks(place: Place, home: Home) -> None:
    message = os.urandom(1_000_000)
    caller = Caller(place, home)
    with os.fdopen(caller.message, "wb") as pipe:
        pipe.write(message)
    os.write(caller.envelope, b"F\0\0")
    caller.close("envelope")
    assert caller.running.wait() == 0
    assert only_message(home.file("queue"))[1]["mess"].partition(b"\n")[2] == message


def test_no_recipients(place: Place, home: Home) -> None:
    assert submit(place, home, envelope=b"F\0\0") == 0
    assert only_message(home.file("queue"))[1]["todo"].endswith(b"\0F\0")


@pytest.mark.parametrize(
    ("size", "code", "kinds"), [(1002, 0, {"mess", "intd", "todo"}), (1003, 11, {"mess", "intd"})]
)
@pytest.mark.parametrize("kind", ["sender", "recipient"])
def test_longest_address(
    place: Place, home: Home, size: int, code: int, kinds: set[str], kind: str
) -> None:
    address = b"a" * size
    envelope = b"F" + address + b"\0Tx\0\0" if kind == "sender" else b"Fx\0T" + address + b"\0\0"
    assert submit(place, home, envelope=envelope) == code
    assert set(only_message(home.file("queue"))[1]) == kinds


@pytest.mark.parametrize("envelope", [b"", b"F", b"Fa\0", b"Fa\0T", b"Fa\0Tb\0", b"Fa\0Tb\0Tc"])
def test_truncated_envelope(place: Place, home: Home, envelope: bytes) -> None:
    assert submit(place, home, envelope=envelope) == 54
    assert queued(home.file("queue")) == {}


@pytest.mark.parametrize("envelope", [b"Ta\0\0", b"\0", b"Fa\0Fb\0\0", b"Fa\0Xb\0\0", b"u0\0Fa\0\0"])
def test_malformed_envelope(place: Place, home: Home, envelope: bytes) -> None:
    assert submit(place, home, envelope=envelope) == 91
    assert set(only_message(home.file("queue"))[1]) == {"mess", "intd"}


def test_envelope_is_not_read_before_the_message_ends(place: Place, home: Home) -> None:
    caller = Caller(place, home)
    os.write(caller.envelope, b"Xnot an envelope")
    os.write(caller.message, b"first\n")
    eventually(lambda: _unread(caller.message) == 0, what="the message read")
    assert _unread(caller.envelope) == 16
    caller.close("message")
    assert caller.running.wait() == 91
    caller.close("envelope")


def _unread(pipe: int) -> int:
    """Bytes that wait in a pipe."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), "little")


def _in_message(caller: Caller, home: Home) -> None:
    eventually(lambda: caller.files(home) == {"mess"}, what="the message begun")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE])
def test_ignored_signals(place: Place, home: Home, number: int) -> None:
    caller = Caller(place, home)
    _in_message(caller, home)
    caller.running.signal(number)
    assert caller.send(b"x\n", ENVELOPE) == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGALRM, 52), (signal.SIGTERM, -signal.SIGTERM)])
def test_signals_that_end_it_leave_debris(place: Place, home: Home, number: int, code: int) -> None:
    caller = Caller(place, home)
    _in_message(caller, home)
    caller.running.signal(number)
    assert caller.running.wait() == code
    assert caller.files(home) == {"mess"}
    caller.stop()


@pytest.mark.parametrize(
    ("missing", "code"),
    [("queue", 62), ("queue/pid", 63), ("queue/mess", 64), ("queue/intd", 65), ("queue/todo", 66)],
)
def test_missing_directories(place: Place, home: Home, missing: str, code: int) -> None:
    os.rename(home.file(missing), home.file("away"))
    assert submit(place, home) == code


def test_unreadable_message(place: Place, home: Home) -> None:
    """A descriptor that is open for writing alone cannot be read."""
    caller = Caller(place, home, "sh", "-c", 'exec "$@" 0>/dev/null', "sh")
    caller.close("message")
    assert caller.running.wait() == 54
    assert queued(home.file("queue")) == {}
    caller.close("envelope")


def test_disk_full(place: Place, home: Home) -> None:
    """A limit on file size stands for a full disk: the write fails, the signal does not kill."""
    caller = Caller(place, home, "sh", "-c", 'ulimit -f 8; exec "$@"', "sh")
    with os.fdopen(caller.message, "wb") as pipe:
        pipe.write(b"x" * 60000)
    os.write(caller.envelope, ENVELOPE)
    caller.close("envelope")
    assert caller.running.wait() == 53
    assert queued(home.file("queue")) == {}


def test_pulls_the_trigger(place: Place, home: Home) -> None:
    reader = trigger_reader(home)
    assert submit(place, home) == 0
    assert os.read(reader, 10) == b"\0"
    os.close(reader)


TAKE_NAMES = """
now=$(date +%s)
for t in $(seq $now $((now + 60))); do
    for n in 1 2 3 4 5 6 7 8 9; do : >"$0/$$.$t.$n"; done
done
exec "$1"
"""


def test_pid_names_that_exist_are_passed_over(place: Place, home: Home) -> None:
    """Nothing but O_EXCL decides; with all nine names taken there is no way."""
    caller = Caller(place, home, "sh", "-c", TAKE_NAMES, home.file("queue/pid"), home.file("bin/qmail-queue"))
    assert caller.send(b"x\n", ENVELOPE) == 63
    assert queued(home.file("queue")).keys() == {0}


LINK = re.compile(r'\blink(?:at)?\((?:AT_FDCWD, )?"([^"]*)", (?:AT_FDCWD, )?"([^"]*)".* 0$')


def _calls(trace: Path) -> list[str]:
    """What happened, in order: sync, link, unlink and exit with the paths they are about."""
    calls, paths = [], {}
    for line in trace.read_text().splitlines():
        if opened := re.search(r'openat\(AT_FDCWD, "([^"]*)".* = (\d+)$', line):
            paths[opened[2]] = opened[1]
        elif synced := re.search(r"f(?:data)?sync\((\d+)\)\s+= 0", line):
            calls.append(f"sync {paths.get(synced[1], '?')}")
        elif linked := LINK.search(line):
            calls.append(f"link {linked[1]} {linked[2]}")
        elif unlinked := re.search(r'unlink(?:at)?\((?:AT_FDCWD, )?"([^"]*)".* = 0', line):
            calls.append(f"unlink {unlinked[1]}")
        elif "exit_group" in line:
            calls.append("exit")
    return calls


def test_order_of_durable_actions(place: Place, home: Home) -> None:
    """Names are durable before what relies on them: mess before todo, todo before the exit."""
    trace = place.path / "trace"
    calls = "trace=openat,link,linkat,unlink,unlinkat,fsync,fdatasync,exit_group"
    caller = Caller(place, home, "strace", "-f", "-o", str(trace), "-e", calls)
    assert caller.send(b"x\n", ENVELOPE) == 0
    number, _ = only_message(home.file("queue"))
    seen = [re.sub(r"pid/\S+", "pid/P", call) for call in _calls(trace)]
    mess = f"mess/{number % 23}"
    assert seen == [
        f"link pid/P {mess}/{number}",
        "unlink pid/P",
        "sync pid/P",  # the file that is mess/S/N now
        f"sync intd/{number}",
        f"sync {mess}",
        f"link intd/{number} todo/{number}",
        "sync todo",
        "exit",
    ]


def test_environment_directory_and_mask_do_not_matter(place: Place, home: Home) -> None:
    script = 'umask 0; PYTHONPATH=/nonexistent PATH= HOME=/x exec "$@"'
    caller = Caller(place, home, "sh", "-c", script, "sh", cwd=Path("/"))
    assert caller.send(b"x\n", ENVELOPE) == 0
    number, _ = only_message(home.file("queue"))
    assert stat.S_IMODE(os.stat(home.file("queue", "todo", str(number))).st_mode) == 0o644
