"""qmail-local and qmail-remote: a delivery that did not succeed is made again, as qmail-send would"""

import os
import re
import subprocess
import time
from pathlib import Path

from tests.crash.instance import FAR, HOST, OLD, Instance, text, tokens
from tests.crash.queueing import Queueing
from tests.crash.subject import KILLED, TEMPORARY, Subject
from tests.support.world import Place, eventually

SENDER = f"in-back@{HOST}"


class Delivering(Subject):
    """A trial delivers one message, a second time if the first attempt did not succeed."""

    def attempt(self, token: str, rules: "list[str] | None") -> str:
        """Deliver: "delivered", "refused" or "killed". rules: None for the attempt that is not traced."""
        raise NotImplementedError

    def copies(self, token: str) -> int:
        """How often the message has arrived, whole; fails if part of it has."""
        raise NotImplementedError

    def run(self, rules: list[str]) -> str:
        token = self.token()
        outcome = self.attempt(token, rules)
        count = self.copies(token)
        assert count <= 1, f"{count} copies after one attempt"
        if outcome == "delivered":
            assert count == 1, "success reported, but nothing has arrived"
            return outcome
        assert self.attempt(token, None) == "delivered", "the second attempt fails too"
        assert self.copies(token) == count + 1, "the second attempt has changed what the first one had done"
        return outcome + " with a copy" * count


class QmailLocal(Delivering):
    """To what `default` says."""

    module = "qmail_local"
    default = ""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.user = place.path / "user"
        for folder in ("tmp", "new", "cur"):
            (self.user / "Maildir" / folder).mkdir(parents=True)
        self.message = place.path / "message"
        place.own()

    def content(self, token: str) -> bytes:
        return text(token)

    def attempt(self, token: str, rules: "list[str] | None") -> str:
        self.message.write_bytes(self.content(token))
        words = ("qmail-local", "--", "joe", str(self.user), "joe", "", "", HOST, SENDER, self.default)
        command = self.place.command(words) if rules is None else self.traced(rules, *words)
        with self.message.open() as message:
            running = self.place.start(
                *command, stdin=message, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        code = running.wait()
        assert code in (0, KILLED, TEMPORARY), f"exit {code}"
        return {0: "delivered", KILLED: "killed", TEMPORARY: "refused"}[code]


class ToMaildir(QmailLocal):
    default = "./Maildir/"

    def copies(self, token: str) -> int:
        return sum(tokens(path.read_bytes())[token] for path in (self.user / "Maildir/new").iterdir())

    def settle(self) -> None:
        """What dead deliveries left in tmp goes when it is 36 hours old."""
        tmp = self.user / "Maildir/tmp"
        for path in tmp.iterdir():
            os.utime(path, (time.time() - OLD,) * 2)
        self.place.run("qmail-pop3d", "Maildir", stdin=b"QUIT\r\n", cwd=self.user)
        assert not list(tmp.iterdir()), "left in tmp"


class ToMbox(QmailLocal):
    """One write, so all of it or nothing."""

    default = "./box"

    def copies(self, token: str) -> int:
        return sum(tokens(message)[token] for message in self.messages())

    def messages(self) -> list[bytes]:
        """What a reader takes for messages: what begins with a From line after a blank line."""
        box = self.user / "box"
        content = b"\n" + (box.read_bytes() if box.exists() else b"")
        messages = re.split(rb"\n(?=From in-back@)", content)
        assert all(message.endswith(b"\n") for message in messages[1:-1]), "no blank line before a message"
        return messages[1:]


class LargeToMbox(ToMbox):
    """Several writes: where one of them is the last, the beginning of the message stays."""

    def content(self, token: str) -> bytes:
        word = token.encode()
        return text(token) + b"From here on, %s\n" % word * 20000 + b"the end of <%s>\n" % word

    def copies(self, token: str) -> int:
        word = token.encode()
        mine = [message for message in self.messages() if b"Subject: %s\n" % word in message]
        whole = [message for message in mine if message.rstrip(b"\n").endswith(b"the end of <%s>" % word)]
        assert len(mine) - len(whole) <= 1, "the beginning of a message more than once"
        return len(whole)


class Forwarding(Queueing):
    """qmail-local that hands a message to the queue."""

    module = "qmail_local"

    def submit(self, token: str, rules: list[str]) -> str:
        here = self.instance
        (here.alias / ".qmail-forward").write_text(f"&in-{token}@{HOST}\n")
        message = self.place.path / "message"
        message.write_bytes(text(token))
        self.place.own()
        words = ("--", "alias", str(here.alias), "forward", "-", "forward", HOST, SENDER, "./Mailbox")
        with message.open() as stdin:
            command = self.traced(rules, here.program("qmail-local"), *words)
            null = subprocess.DEVNULL
            running = self.place.start(*command, stdin=stdin, stdout=null, stderr=null)
        code = running.wait()
        assert code in (0, KILLED, TEMPORARY), f"exit {code}"
        return {0: "queued", KILLED: "killed", TEMPORARY: "refused"}[code]


class QmailRemote(Delivering):
    """To a host that takes everything."""

    module = "qmail_remote"

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.instance = Instance(place)

    def attempt(self, token: str, rules: "list[str] | None") -> str:
        words = (self.instance.program("qmail-remote"), FAR, SENDER, f"far-{token}@{FAR}")
        command = words if rules is None else self.traced(rules, *words)
        done = self.place.run(*command, stdin=text(token), cwd=Path(self.instance.home, "queue/mess"))
        if done.returncode == KILLED:
            return "killed"
        if done.returncode == TEMPORARY:
            return "refused"
        assert done.returncode == 0, f"exit {done.returncode}: {done.stderr!r}"
        if done.stdout.startswith(b"r\0K"):
            return "delivered"
        # To qmail-rspawn no report at all is a temporary failure, too.
        assert re.match(rb"(s|r\0Z|Z|$)", done.stdout), f"not temporary: {done.stdout!r}"
        return "refused"

    def settle(self) -> None:
        self.instance.close()

    def copies(self, token: str) -> int:
        eventually(lambda: not self.instance.sink.open, what="the end of all conversations")
        messages = (message.replace(b"\r\n", b"\n") for message in self.instance.sink.taken)
        return sum(tokens(message)[token] for message in messages)
