"""A private instance of the whole mail system that trials are made with, and what must be true of it

Each message has a token. Its recipients say where it has to arrive: `in-TOKEN` in a Maildir, `box-TOKEN` in
an mbox, `far-TOKEN` at another host; `no-TOKEN` comes back to the sender, `in-backTOKEN`.
"""

import contextlib
import os
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from pymail.queue.states import state
from tests.support.homes import private_home, queued
from tests.support.injecting import terminate
from tests.support.mailsink import MailSink
from tests.support.world import Place, Running, eventually

LINES = 40  # of a message, each with its token: what is whole has them all
HOST = "mail.test"
FAR = "far.test"
OLD = 37 * 3600  # seconds after which everything that nobody owns may be removed
LEFT = ("mess", "intd", "pid")  # where programs that die leave files
PARTIAL = ("S2", "S3")  # states of a message that nobody promised to deliver, or that is over


def text(token: str) -> bytes:
    word = token.encode()
    return b"Subject: %s\n\n" % word + b"".join(b"%d <%s>\n" % (n, word) for n in range(LINES))


def envelope(token: str, *kinds: str) -> bytes:
    """What qmail-queue reads: a message to one recipient of each kind."""
    sender = f"in-back{token}@{HOST}"
    recipients = (f"{kind}-{token}@{FAR if kind == 'far' else HOST}" for kind in kinds)
    return f"F{sender}\0{''.join(f'T{r}{chr(0)}' for r in recipients)}\0".encode()


def tokens(content: bytes) -> "Counter[str]":
    """How often each token's message is in some content; fails if one of them is there in part."""
    found = Counter(word.decode() for word in re.findall(rb"\d+ <(\w+)>", content))
    subjects = Counter(word.decode() for word in re.findall(rb"(?m)^Subject: (t\w+)", content))
    for token, count in found.items():
        assert count == LINES * subjects[token], f"{token}: {count} lines for {subjects[token]} messages"
    return subjects


class Instance:
    """Its queue, its mailboxes, and the system itself, running or not."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.home = Path(private_home(place).path)
        self.sink = MailSink()
        self.alias = self.home / "alias"
        self.log = place.path / "log"
        self.running: Running | None = None
        for name, content in {
            "control/me": HOST, "control/smtproutes": f"{FAR}:127.0.0.1:{self.sink.port}",
            "alias/.qmail-in-default": "./Maildir/", "alias/.qmail-box-default": "./box",
        }.items():  # fmt: skip
            (self.home / name).write_text(content + "\n")
        for folder in ("tmp", "new", "cur"):
            (self.alias / "Maildir" / folder).mkdir(parents=True)
        place.own()

    def program(self, name: str) -> str:
        return str(self.home / "bin" / name)

    # the queue

    def put(self, token: str, *kinds: str, words: Iterable[str] = ()) -> int:
        """Run qmail-queue, behind some words; its exit code."""
        for name, content in (("message", text(token)), ("envelope", envelope(token, *kinds))):
            (self.place.path / name).write_bytes(content)
        self.place.own()
        with (self.place.path / "message").open() as message, (self.place.path / "envelope").open() as rest:
            command = [*words, self.program("qmail-queue")]
            running = self.place.start(*command, stdin=message, stdout=rest, stderr=subprocess.DEVNULL)
        return running.wait()

    def check_queue(self) -> None:
        """Every message is in a legal state, and what was accepted is whole."""
        for number, files in queued(self.home / "queue").items():
            if not number:
                continue
            found = state(set(files))
            assert found, f"message {number} has {sorted(files)}"
            if found not in PARTIAL:
                tokens(files["mess"])
                assert files["mess"].startswith(b"Received: "), f"message {number} has no beginning"
            if "todo" in files:
                assert re.fullmatch(rb"u\d+\0p\d+\0F[^\0]*\0(T[^\0]+\0)+", files["todo"]), files["todo"]

    def unfinished(self) -> bool:
        """Whether a message is still to be delivered. A bounce may slip through one look, not through two."""
        return any(self.files("todo", "info", "local", "remote", "bounce") for _ in range(2))

    def put_off(self) -> bool:
        """Whether qmail-send has said that it will try something later."""
        said = self.log.read_bytes()
        return b": deferral: " in said or b"warning: " in said or b"alert: " in said

    def files(self, *kinds: str) -> list[Path]:
        """The files of some kinds. None of them is read: that would make it look as if in use."""
        found = (path for kind in kinds for path in (self.home / "queue" / kind).rglob("*"))
        return [path for path in found if path.is_file()]

    # the system

    def wrap(self, name: str, words: list[str]) -> None:
        """Have a program run behind some words; without any, as it is."""
        launcher, real = self.home / "bin" / name, self.home / "bin" / f"real-{name}"
        if not real.exists():
            launcher.rename(real)
        launcher.unlink(missing_ok=True)
        if words:
            quoted = " ".join(f"'{word}'" for word in [*words, str(real)])
            launcher.write_text(f'#!/bin/sh\nexec {quoted} "$@"\n')
            launcher.chmod(0o755)
        else:
            launcher.write_bytes(real.read_bytes())
            launcher.chmod(0o755)
        self.place.own()

    def start(self) -> Running:
        with self.log.open("ab") as log, Path("/dev/null").open() as null:
            env = {"PATH": f"{self.home}/bin:/usr/bin:/bin"}
            self.running = self.place.start(
                self.program("qmail-start"), env=env, stdin=null, stdout=log, stderr=log
            )
        return self.running

    def start_up(self) -> None:
        """Start; returns when qmail-send is at work."""
        self.log.write_bytes(b"")
        running = self.start()

        def begun() -> bool:
            return b"status: " in self.log.read_bytes() or running.process.poll() is not None

        eventually(begun, 20, "qmail-send")

    def daemons(self) -> dict[str, int]:
        """The pids of qmail-send and of those that it works with, by name."""
        assert self.running is not None
        found = {"qmail-send": self.running.pid}
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                parent = entry.name.isdigit() and (entry / "stat").read_text().rpartition(")")[2].split()[1]
                if parent == str(self.running.pid):
                    found[(entry / "comm").read_text().strip()] = int(entry.name)
        return found

    def daemon(self, name: str) -> int:
        """The pid of one of them, once it bears its name."""
        eventually(lambda: name in self.daemons(), 20, name)
        return self.daemons()[name]

    def end(self) -> int:
        """Have qmail-send end; its exit code."""
        assert self.running is not None
        return terminate(self.running)

    def drain(self, timeout: float = 30) -> None:
        """Deliver everything: with a new qmail-send, for what it has put off waits two minutes."""
        self.start_up()
        running = self.running
        assert running is not None

        def over() -> bool:
            assert running.process.poll() is None, f"qmail-send ended: {self.log.read_bytes()[-500:]!r}"
            with contextlib.suppress(ProcessLookupError):
                running.signal(signal.SIGALRM)
            time.sleep(0.02)
            return not self.unfinished()

        eventually(over, timeout, "an empty queue")
        self.end()

    def clean_up(self) -> None:
        """Let 37 hours pass: afterwards nothing is left of anything."""
        then = time.time() - OLD
        for path in self.files(*LEFT):
            os.utime(path, (then, then))
        self.start()
        eventually(lambda: not self.files(*LEFT), 30, "the removal of what is left")
        self.end()

    def close(self) -> None:
        """No other host takes mail any more."""
        self.sink.close()

    # the mailboxes

    def arrived(self) -> "dict[str, Counter[str]]":
        """Where how many copies of which messages are; fails if one of them is not whole."""
        maildir: Counter[str] = Counter()
        back: Counter[str] = Counter()
        for path in (self.alias / "Maildir/new").iterdir():
            content = path.read_bytes()
            returned = re.search(rb"(?m)^Delivered-To: in-back(\w+)@", content)
            (back if returned else maildir).update(tokens(content))
        box = self.alias / "box"
        far: Counter[str] = Counter()
        for message in self.sink.taken:
            far.update(tokens(message.replace(b"\r\n", b"\n")))
        return {
            "in": maildir,
            "no": back,
            "far": far,
            "box": tokens(box.read_bytes() if box.exists() else b""),
        }
