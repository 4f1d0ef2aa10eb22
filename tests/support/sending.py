"""qmail-send with the test in the place of all its partners: activity record, spawners, qmail-clean"""

import contextlib
import fcntl
import os
import select
import time
from collections.abc import Callable
from pathlib import Path

from pymail.formats import envelope
from pymail.protocols.spawn import Request, Requests, encode_report
from pymail.queue.layout import SENDMUTEX, TRIGGER, split_path
from tests.support.homes import private_home
from tests.support.world import IS_ROOT, TESTER, TESTER_GROUP, Place, Running

TIMEOUT = 20.0
IDLE = b"status: local 0/10 remote 0/20"  # what it says first, and whenever nothing is under way


def give(path: Path) -> None:
    if IS_ROOT:
        os.chown(path, TESTER, TESTER_GROUP)


def channel_file(*records: bytes) -> bytes:
    """The content of local/N or remote/N."""
    return b"".join(record + b"\0" for record in records)


class Sending:
    """A home with a queue, and qmail-send running there when start() was called."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.home = Path(private_home(place).path)
        self.queue = self.home / "queue"
        self.control("me", b"mail.test\n")
        self.answer: Callable[[bytes], bytes] = self.clean  # what the test's qmail-clean does
        self._fds: dict[int, int] = {}
        self.running: Running

    def control(self, name: str, content: bytes) -> None:
        (self.home / "control" / name).write_bytes(content)

    def put(
        self,
        sender: bytes,
        recipients: list[bytes],
        message: bytes = b"Subject: x\n\nhello\n",
        uid: int = 1000,
        pid: int = 45,
    ) -> int:
        """A message as qmail-queue leaves it; its number. The trigger is not pulled."""
        text = envelope.opening(uid, pid) + envelope.record(b"F", sender)
        return self.put_raw(text + b"".join(envelope.record(b"T", r) for r in recipients), message)

    def put_raw(self, todo: bytes, message: bytes = b"hello\n") -> int:
        first = self.queue / "pid/1.1.1"
        first.write_bytes(message)
        give(first)
        number = first.stat().st_ino
        first.rename(self.queue / split_path("mess", number))
        for kind in ("intd", "todo"):
            path = self.queue / kind / str(number)
            if kind == "intd":
                path.write_bytes(todo)
                give(path)
            else:
                os.link(self.queue / "intd" / str(number), path)
        return number

    def preprocessed(
        self, sender: bytes, recipients: dict[str, bytes], born: int = 0, message: bytes = b"hello\n"
    ) -> int:
        """A message in delivery: the content of its channel files; its number."""
        number = self.put_raw(b"", message)
        for kind in ("intd", "todo"):
            (self.queue / kind / str(number)).unlink()
        for kind, content in {"info": envelope.record(b"F", sender), **recipients}.items():
            path = self.queue / split_path(kind, number)
            path.write_bytes(content)
            give(path)
        if born:
            os.utime(self.queue / split_path("info", number), (born, born))
        return number

    def file(self, kind: str, number: int) -> Path:
        flat = kind in ("todo", "intd", "bounce")
        return self.queue / (f"{kind}/{number}" if flat else split_path(kind, number))

    def kinds(self, number: int) -> set[str]:
        """The kinds of file that a message has."""
        kinds = ("mess", "intd", "todo", "info", "local", "remote", "bounce")
        return {kind for kind in kinds if self.file(kind, number).exists()}

    def numbers(self, *kinds: str) -> set[int]:
        """The messages that have a file of these kinds."""
        paths = (path for kind in kinds for path in (self.queue / kind).rglob("*"))
        return {int(path.name) for path in paths if path.name.isdigit() and int(path.name) >= 23}

    def clean(self, command: bytes) -> bytes:
        """What qmail-clean does."""
        kind, _, number = command.decode().partition("/")
        for each in ("intd", "mess" if kind == "foop" else kind):
            self.file(each, int(number)).unlink(missing_ok=True)
        return b"+"

    # the process

    def start(
        self, slots: bytes | None = b"\x78\x78", command: tuple[str, ...] = (), **popen: object
    ) -> None:
        """slots: the first bytes of the two spawners; None: they end without a word.

        command: what to run instead of the launcher.
        """
        self.log: list[bytes] = []
        self.commands: list[bytes] = []
        self.requests: list[list[Request]] = [[], []]
        self._decoders = [Requests(), Requests()]
        self._partial = self._command = b""
        theirs = {}
        for fd in range(7):
            read, write = os.pipe()
            ours, their = (write, read) if fd in (2, 4, 6) else (read, write)
            theirs[fd] = fcntl.fcntl(their, fcntl.F_DUPFD_CLOEXEC, 100)
            os.close(their)
            self._fds[fd] = ours
        if slots is None:
            self.hang_up(2)
        else:
            os.write(self._fds[2], slots[:1])
            os.write(self._fds[4], slots[1:])

        def arrange() -> None:
            for fd, their in theirs.items():
                os.dup2(their, fd)

        command = command or (str(self.home / "bin/qmail-send"),)
        self.running = self.place.start(*command, preexec_fn=arrange, pass_fds=(3, 4, 5, 6), **popen)
        for their in theirs.values():
            os.close(their)

    def start_with_bounce(self, script: str) -> int:
        """Start where a bounce is due, with a script in the place of qmail-queue; its message."""
        program = self.home / "queue-program"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        number = self.preprocessed(b"me@there", {})
        self.file("bounce", number).write_bytes(b"<a@b>:\n\n")
        self.place.own()
        self.start(env={"QMAILQUEUE": str(program)})
        return number

    def fd(self, number: int) -> int:
        """The test's end of one of qmail-send's descriptors."""
        return self._fds[number]

    def open_fds(self) -> set[int]:
        """The descriptors of qmail-send whose other end the test still has; 0 goes when it ends."""
        return set(self._fds)

    def hang_up(self, fd: int) -> None:
        """Close the test's end of one of qmail-send's descriptors."""
        os.close(self._fds.pop(fd))

    def close(self) -> None:
        for fd in list(self._fds):
            self.hang_up(fd)

    def pull(self) -> None:
        """Pull the trigger; waits until there is somebody who reads it."""
        self.until(self._pulled)

    def _pulled(self) -> bool:
        try:
            fd = os.open(self.queue / TRIGGER, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return False
        os.write(fd, b"\0")
        os.close(fd)
        return True

    def pump(self, timeout: float = 0.05) -> bool:
        """Take what qmail-send has written, and answer for qmail-clean; whether there was anything."""
        poll = select.poll()
        for fd in self._fds:
            if fd not in (2, 4, 6):
                poll.register(self._fds[fd], select.POLLIN)
        ready = {fd for fd, _ in poll.poll(timeout * 1000)}
        for fd in [fd for fd, ours in self._fds.items() if ours in ready]:
            data = os.read(self._fds[fd], 65536)
            if not data:
                self.hang_up(fd)
            self._take(fd, data)
        return bool(ready)

    def _take(self, fd: int, data: bytes) -> None:
        if fd == 0:
            *lines, self._partial = (self._partial + data).split(b"\n")
            self.log += lines
        elif fd == 5:
            *commands, self._command = (self._command + data).split(b"\0")
            self.commands += commands
            for command in commands:
                answer = self.answer(command)
                if answer:
                    self._write(6, answer)
        else:
            self.requests[fd // 2] += self._decoders[fd // 2].feed(data)

    def until(self, condition: Callable[[], object], what: str = "", timeout: float = TIMEOUT) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            self.pump()
            if time.monotonic() > deadline:
                raise AssertionError(f"never: {what}; log: {b' | '.join(self.log[-30:])!r}")

    def logged(self, line: bytes, times: int = 1) -> None:
        """Wait for a line of the activity record."""
        self.until(lambda: self.log.count(line) >= times, what=line.decode())

    def request(self, channel: int) -> Request:
        """The next request on a channel."""
        self.until(lambda: self.requests[channel], what=f"request on channel {channel}")
        return self.requests[channel].pop(0)

    def report(self, channel: int, delnum: int, text: bytes) -> None:
        self._write(2 + 2 * channel, encode_report(delnum, text))

    def raw_report(self, channel: int, data: bytes) -> None:
        self._write(2 + 2 * channel, data)

    def raw_answer(self, data: bytes) -> None:
        """What qmail-clean says, late."""
        self._write(6, data)

    def _write(self, fd: int, data: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):  # it may have died meanwhile
            os.write(self._fds[fd], data)

    def ready(self) -> None:
        """Wait until qmail-send has come up."""
        self.until(lambda: self.log, what="the first line")

    def quiet(self) -> None:
        """Wait until qmail-send sleeps: everything it had to do at once is done."""
        while self.pump(0.3):
            pass

    def ended(self) -> int:
        """Wait for the end of the process; the exit code. The rest of the record is in `log`."""
        self.until(lambda: 0 not in self._fds, what="end of the activity record")
        return self.running.wait()

    def terminate(self) -> int:
        self.running.signal(15)
        return self.ended()

    def mutex(self) -> Path:
        return self.queue / SENDMUTEX
