"""Programs that put messages into the queue: who hears that a message is queued will see it delivered"""

import os
import re
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch

from pymail.protocols import handoff
from pymail.unix import queue_service
from pymail.unix.home import Home
from tests.crash.instance import HOST, Instance, envelope, text
from tests.crash.subject import KILLED, Subject
from tests.support.injecting import terminate
from tests.support.world import Place, Running, eventually

REFUSED = {*range(51, 57), *range(61, 67), 71, 81, TEMPORARY := 111}  # exit codes of a temporary refusal
TOGETHER = 3    # messages at a time
PATIENCE = 0.4  # seconds that a client of the service goes on asking


class Queueing(Subject):
    """A trial queues a message; in the end all those that were accepted are delivered, once."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.instance = Instance(place)
        self.accepted: list[str] = []

    def submit(self, token: str, rules: list[str]) -> str:
        """Try to queue a message: "queued", "refused" or "killed"."""
        raise NotImplementedError

    def run(self, rules: list[str]) -> str:
        token = self.token()
        outcome = self.submit(token, rules)
        if outcome == "queued":
            self.accepted.append(token)
        self.instance.check_queue()
        return outcome

    def settle(self) -> None:
        self.instance.drain(60)
        arrived = self.instance.arrived()["in"]
        lost = [token for token in self.accepted if not arrived[token]]
        assert not lost, f"accepted and lost: {lost}"
        twice = {token: count for token, count in arrived.items() if count > 1}
        assert not twice, f"more than one copy of {twice}"
        self.instance.clean_up()
        self.instance.close()


class QmailQueue(Queueing):
    """Run by the queue's owner, it writes the queue itself."""

    module = "qmail_queue"

    def submit(self, token: str, rules: list[str]) -> str:
        code = self.instance.put(token, "in", words=self.traced(rules))  # type: ignore[arg-type]
        if code == KILLED:
            return "killed"
        assert code == 0 or code in REFUSED, f"exit {code}"
        return "refused" if code else "queued"


class QmailSmtpd(Queueing):
    """One connection with one message, from the greeting on, and the child that queues it."""

    def submit(self, token: str, rules: list[str]) -> str:
        lines = f"EHLO client.test\nMAIL FROM:<in-back{token}@{HOST}>\nRCPT TO:<in-{token}@{HOST}>\nDATA\n"
        dialogue = (lines.encode() + text(token) + b".\nQUIT\n").replace(b"\n", b"\r\n")
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        process = self.place.start(self.instance.program("qmail-smtpd"), **pipes).process
        process.stdout.readline()
        tracer = self.attach(rules, process.pid)
        replies, said = process.communicate(dialogue, timeout=60)
        tracer.detach()
        assert not re.search(rb"(?m)^5", replies), f"permanent refusal: {replies!r}"
        assert b"Traceback" not in said, said
        if re.search(rb"(?m)^250 ok \d+ qp \d+\r$", replies):
            return "queued"
        return "killed" if process.returncode == KILLED else "refused"


class Service(Queueing):
    """The queue service and a client of it."""

    def start(self, *words: str) -> Running:
        command = (*words, self.instance.program("qmail-queued"))
        with self.instance.log.open("ab") as log:
            service = self.place.start(*command, stderr=log)
        eventually(lambda: self._serves() or service.process.poll() is not None, what="the service")
        return service

    def _serves(self) -> bool:
        held = Path(self.instance.home, "queue/lock/queued")
        return held.exists() and held.read_bytes().startswith(b"supervised ")

    def ask(self, token: str, service: Running) -> str:
        message, rest = os.pipe(), os.pipe()
        try:
            try:
                with patch.object(queue_service, "PATIENCE", PATIENCE):
                    home = Home(str(self.instance.home))
                    connection, _ = queue_service.ask(home, handoff.SUBMISSION, message[0], rest[0])
            except queue_service.Refused:
                return self._without(service)
            os.write(message[1], text(token))
            os.write(rest[1], envelope(token, "in"))
        finally:
            for fd in (*message, *rest):
                os.close(fd)
        code = queue_service.outcome(connection)
        if code is None:
            return self._without(service)
        assert code == 0 or code in REFUSED, f"exit {code}"
        return "refused" if code else "queued"

    def _without(self, service: Running) -> str:
        """How the service is, where it gave no answer."""
        return "refused" if service.process.poll() is None else "killed"

    def end(self, service: Running) -> None:
        terminate(service)
        Path(self.instance.home, "queue/lock/queued").unlink(missing_ok=True)


class QmailQueued(Service):
    """The service at work, and the process that it has for a message."""

    def submit(self, token: str, rules: list[str]) -> str:
        service = self.start()
        tracer = self.attach(rules, service.pid)
        outcome = self.ask(token, service)
        self.end(service)
        tracer.detach()
        return outcome


class QmailQueuedTogether(Service):
    """The same for small messages, some of which are queued together."""

    def run(self, rules: list[str]) -> str:
        service = self.start()
        tracer = self.attach(rules, service.pid)
        connections = {self.token(): self._connected() for _ in range(TOGETHER)}
        for token, connection in connections.items():
            request = handoff.whole(text(token), envelope(token, "in"))
            with suppress(OSError):
                connection.send(request)
        outcomes = {token: self._outcome(connection) for token, connection in connections.items()}
        self.accepted += [token for token, outcome in outcomes.items() if outcome == "queued"]
        killed = service.process.poll() is not None
        self.end(service)
        tracer.running.wait()  # the children end with the service
        self.instance.check_queue()
        return "killed" if killed else min(outcomes.values())

    def _connected(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.settimeout(20)
        with suppress(OSError):
            connection.connect(queue_service.socket_path(Home(str(self.instance.home))))
        return connection

    def _outcome(self, connection: socket.socket) -> str:
        """What the client hears: "queued" only if it is told so."""
        with connection, suppress(OSError):
            while answer := connection.recv(handoff.LONGEST_ANSWER):
                code = handoff.parse(b"exit", answer)
                if code is not None:
                    assert code == 0 or code in REFUSED, f"exit {code}"
                    return "refused" if code else "queued"
        return "refused"


class QmailQueuedAlone(Service):
    """The service from its start to its end; not the processes that it has for messages."""

    module = "qmail_queued"

    def submit(self, token: str, rules: list[str]) -> str:
        service = self.start(*self.traced(rules, detached=True))  # type: ignore[arg-type]
        outcome = self.ask(token, service)
        self.end(service)
        eventually(lambda: "\n+++ " in self.trace.read_text(errors="replace"), what="the end of the trace")
        return outcome
