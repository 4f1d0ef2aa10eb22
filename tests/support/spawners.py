"""qmail-lspawn or qmail-rspawn at the other end of two pipes, and messages for it to deliver"""

import os
import select
import subprocess
from pathlib import Path

from pymail.protocols.spawn import Reports, encode_request
from pysvc.formats import cdb
from tests.support.homes import GROUP_IDS, USER_IDS, Rooted, private_home
from tests.support.world import TESTER, TESTER_GROUP, Place

MESSAGE = b"Subject: x\n\nhello\n"
PATIENCE = 30  # seconds for a report


def write_message(queue: Path, owner: int, group: int, messid: str = "0/23") -> None:
    """Put a message where a spawner finds it."""
    path = queue / "mess" / messid
    path.write_bytes(MESSAGE)
    os.chown(path, owner, group)


def script(path: Path, text: str) -> None:
    """Put a shell script in the place of a program."""
    path.unlink(missing_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


class Client:
    """What qmail-send is to a spawner."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin is not None and process.stdout is not None
        self.process = process
        self._requests, self._answers = process.stdin.fileno(), process.stdout.fileno()
        self._reports, self._waiting = Reports(), list[tuple[int, bytes]]()

    def hello(self) -> bytes:
        return os.read(self._answers, 1)

    def send(self, data: bytes) -> None:
        os.write(self._requests, data)

    def ask(self, recipient: bytes, delnum: int = 0, sender: bytes = b"s@t", messid: bytes = b"0/23") -> None:
        self.send(encode_request(delnum, messid, sender, recipient))

    def report(self) -> tuple[int, bytes]:
        """The next report: its delnum, letter and text."""
        while not self._waiting:
            assert self.ready(PATIENCE), "no report came"
            data = os.read(self._answers, 65536)
            assert data, "the spawner is gone"
            self._waiting = self._reports.feed(data)
        return self._waiting.pop(0)

    def deliver(self, recipient: bytes, sender: bytes = b"s@t", messid: bytes = b"0/23") -> bytes:
        """The report on one delivery."""
        self.ask(recipient, 0, sender, messid)
        delnum, text = self.report()
        assert delnum == 0
        return text

    def ready(self, seconds: float = 0) -> bool:
        """Whether a report comes within so many seconds."""
        return bool(select.select([self._answers], [], [], seconds)[0])

    def end(self) -> int:
        """No more requests; the exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(PATIENCE)


def start(place: Place, *command: "str | Path", **popen: object) -> Client:
    """A spawner that has said hello."""
    popen = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE} | popen
    client = Client(place.start(*command, **popen).process)  # type: ignore[arg-type]
    assert client.hello() == b"x"
    return client


class Instance:
    """A private instance with a message in its queue, for qmail-lspawn."""

    def __init__(self, place: Place) -> None:
        self.place, self.home = place, private_home(place)
        self.path = Path(self.home.path)
        write_message(self.path / "queue", TESTER, TESTER_GROUP)

    def local(self, text: str) -> None:
        """A script in the place of qmail-local."""
        script(self.path / "bin/qmail-local", text)

    def users(self, *records: tuple[bytes, bytes]) -> None:
        (self.path / "users/cdb").write_bytes(cdb.build(list(records)))

    def start(self, default: str = "./Maildir/", **popen: object) -> Client:
        return start(self.place, self.path / "bin/qmail-lspawn", default, **popen)


def start_rooted(rooted: Rooted, default: str) -> Client:
    """A qmail-lspawn as qmail-start would start it, but with groups that no delivery may have."""
    write_message(rooted.queue, USER_IDS["qmailq"], GROUP_IDS["qmail"])
    groups = f"--groups=0,{GROUP_IDS['qmail']},{GROUP_IDS['vmail']}"
    command = rooted.command("setpriv", groups, "/var/qmail/bin/qmail-lspawn", default)
    return start(rooted.place, *command, as_root=True, cwd=Path("/"))
