"""Carry out the instructions of a dot-qmail file for one message

In their order, except that all forwards go out together at the end, if nothing failed before. What was
done before a failure stays done, and is done again when the message is tried again.
Source: dot-qmail and qmail-command manuals; qmail-local.c.
"""

import errno
import os

from pymail.delivery import maildir, mbox
from pymail.delivery.local import Address, refusal
from pymail.delivery.message import Message, Unreadable
from pymail.formats.dotqmail import FORWARD, MAILDIR, MBOX, PROGRAM, RESTRICT, Instruction
from pymail.formats.mbox import from_line
from pymail.formats.verdict import exit_code
from pysvc.unix import environment, signals
from pysvc.unix.strerr import PERMANENT, TEMPORARY, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pymail.unix.home import Home

SURVIVED = (signals.SIGPIPE, signals.SIGXFSZ)  # errors of a write, not the end; commands find the default
SHELL = b"/bin/sh"
SKIP_REST = 99                             # exit code of a command: delivered, and go no further
HARD = (100, 64, 65, 70, 76, 77, 78, 112)  # exit codes of a command that are permanent failures
NO_CHILD = (errno.EAGAIN, errno.ENOMEM)    # how a fork fails
REFUSED = {MAILDIR: "file", MBOX: "file", PROGRAM: "prog"}  # what a file of forwards may not hold


def permitted(instructions: list[Instruction], restricted: bool) -> "Iterator[Instruction]":
    """The deliveries in turn; restricted: only forwards are allowed. Fatal at the first that is not."""
    for instruction in instructions:
        if instruction.kind == RESTRICT:
            restricted = True
            continue
        if restricted and instruction.kind in REFUSED:
            what = REFUSED[instruction.kind]
            raise refusal(f"Uh-oh: .qmail has {what} delivery but has x bit set. (#4.7.0)")
        yield instruction


class Delivery:
    """One message on its way to one address."""

    __slots__ = ("_address", "_env", "_forwards", "_home", "_message", "_now", "qp")

    def __init__(
        self,
        address: Address,
        message: Message,
        env: dict[bytes, bytes],
        now: int,
        home: "Callable[[], Home]",
    ) -> None:
        """env: what commands find in their environment; now: unix time; home: the mail system's."""
        self._address, self._message, self._env, self._now, self._home = address, message, env, now, home
        self._forwards: list[bytes] = []
        self.qp: int | None = None  # the process that queued what was forwarded

    def deliver(self, instruction: Instruction) -> bool:
        """Carry out one instruction; False if the rest is to be left out. Fatal if it fails."""
        if instruction.kind == FORWARD:
            self._forwards.append(instruction.text)
        elif instruction.kind == PROGRAM:
            return _command(instruction.text, self._env, self._message) != SKIP_REST
        else:
            head = self._address.return_path + self._address.delivered_to
            if instruction.kind == MAILDIR:
                maildir.deliver(instruction.text, head, self._message)
            else:
                line = from_line(self._address.sender, self._now)
                mbox.deliver(instruction.text, line + head, self._message)
        return True

    def finish(self) -> None:
        """Send the message to the addresses collected. Fatal if that fails.

        A program that QMAILQUEUE names finds what a command finds; this process does not keep it.
        """
        if not self._forwards:
            return
        env = environment.current()
        os.environb.update(self._env)
        try:
            self._forward()
        finally:
            environment.replace(env)

    def _forward(self) -> None:
        from pymail.queue.submission import Submission

        submission = Submission(self._home())
        try:
            submission.write(self._address.delivered_to)
            for block in self._message.blocks():
                submission.write(block)
        except Unreadable:
            submission.abandon()
            raise refusal("Unable to forward message: qq read error (#4.3.0).") from None
        receipt = submission.finish(self._env[b"NEWSENDER"], self._forwards)
        if receipt.text:
            text = os.fsdecode(receipt.text[1:])
            raise refusal(f"Unable to forward message: {text}.", exit_code(receipt.text))
        self.qp = receipt.qp


def _command(command: bytes, env: dict[bytes, bytes], message: Message) -> int:
    """Run a command on the message, from its beginning: 0 or SKIP_REST. Fatal for any other end."""
    message.rewind()
    try:
        whole = environment.named({**os.environb, **env})
        pid = os.posix_spawn(SHELL, [SHELL, b"-c", command], whole, setsigdef=SURVIVED)
    except OSError as error:
        trouble = "fork" if error.errno in NO_CHILD else "run /bin/sh"
        raise refusal(f"Unable to {trouble}: {reason(error)}. (#4.3.0)") from None
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code < 0:
        raise refusal("Aack, child crashed. (#4.3.0)")
    if code not in (0, SKIP_REST):
        raise refusal("", PERMANENT if code in HARD else TEMPORARY)
    return code
