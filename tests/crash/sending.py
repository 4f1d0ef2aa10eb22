"""The daemons of qmail-send: whichever dies, and whatever fails them, each recipient gets the message"""

import os
import signal
import time

from tests.crash.instance import Instance
from tests.crash.subject import Subject
from tests.support.processes import alive
from tests.support.world import Place, eventually

KINDS = ("in", "box", "no", "far")
PATIENCE = 2.0  # seconds until a message that waits is left to the next qmail-send
COPIES = 2  # of a message: one may have been delivered and not yet marked so


class Sending(Subject):
    """A trial takes one message to recipients of all kinds while one of the daemons is tampered with.

    In every second trial in which it dies all the others die at once, as on a machine that crashes; then
    comes a system that nothing disturbs.
    """

    program = ""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.instance = Instance(place)

    def run(self, rules: list[str]) -> str:
        token = self.token()
        here = self.instance
        victim = self.begin(token, rules)
        deadline = time.monotonic() + PATIENCE
        while here.unfinished() and time.monotonic() < deadline and alive(victim) and not here.put_off():
            time.sleep(0.01)
        died = not alive(victim)
        if died and self.trials % 2:
            for pid in filter(alive, here.daemons().values()):
                os.kill(pid, signal.SIGKILL)
        outcome = "killed" if died else "waiting" if here.unfinished() else "delivered"
        self.finish()
        here.check_queue()
        here.drain()
        arrived = {kind: found[token] for kind, found in here.arrived().items()}
        assert all(1 <= arrived[kind] <= COPIES for kind in KINDS), f"copies: {arrived}"
        return outcome

    def begin(self, token: str, rules: list[str]) -> int:
        """Start the system, and the message on its way; the pid of the daemon that is tampered with."""
        self.instance.start_up()
        victim = self.instance.daemon(self.program)
        self.tracer = self.attach(rules, victim)
        assert self.instance.put(token, *KINDS) == 0
        return victim

    def finish(self) -> None:
        """End the system."""
        self.instance.end()
        self.tracer.detach()

    def settle(self) -> None:
        self.instance.clean_up()
        self.instance.close()


class QmailSend(Sending):
    program = "qmail-send"


class QmailSendAlone(Sending):
    """From its start to its end, without what it forks and its threads; the message is there already."""

    program, module = "qmail-send", "qmail_send"

    def begin(self, token: str, rules: list[str]) -> int:
        assert self.instance.put(token, *KINDS) == 0
        self.instance.wrap(self.program, [str(word) for word in self.traced(rules, detached=True)])
        return self.instance.start().pid

    def finish(self) -> None:
        self.instance.end()
        eventually(lambda: "\n+++ " in self.trace.read_text(errors="replace"), what="the end of the trace")
        self.instance.wrap(self.program, [])


class QmailClean(Sending):
    program = "qmail-clean"


class QmailLspawn(Sending):
    program = "qmail-lspawn"


class QmailRspawn(Sending):
    program = "qmail-rspawn"
