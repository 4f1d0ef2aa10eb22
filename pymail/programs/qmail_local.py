"""qmail-local - deliver one message to a local address

Synopsis:    qmail-local [ -nN ] user homedir local dash ext domain sender aliasempty
Options:     -n   only say what would be done with a message; none is read
             -N   deliver (default)
Environment: a command in a dot-qmail file finds all of this process's own, and USER HOME LOCAL HOST
             RECIPIENT SENDER NEWSENDER EXT EXT2 EXT3 EXT4 HOST2 HOST3 HOST4 DTLINE RPLINE UFLINE
             and, where a default file was found, DEFAULT
Files:       homedir/.qmail* for the address; descriptor 0 is the message, a file
Exit codes:  0 delivered; 100 permanent failure; 111 temporary failure; descriptors 1 and 2 tell why

Runs as the account. qmail-lspawn passes control/defaultdelivery (the argument of qmail-start) as
aliasempty: what to do where there is no dot-qmail file, or an empty one.
"""

import os
import time

from pymail.delivery import local
from pymail.delivery.instructions import SURVIVED, Delivery, permitted
from pymail.delivery.message import Message
from pymail.formats.dotqmail import FORWARD, MAILDIR, MBOX, PROGRAM
from pymail.unix.home import Home
from pysvc.unix import signals
from pysvc.unix.files import write_all
from pysvc.unix.options import BadOption, complaint, options
from pysvc.unix.strerr import usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pymail.formats.dotqmail import Instruction

OPERANDS = 8


def main(argv: list[str]) -> int:
    launcher = os.path.abspath(argv[0])
    only_asking, address = _arguments(argv)
    os.umask(0o077)
    for number in SURVIVED:
        signals.ignore(number)
    local.enter_home(address.home, only_asking)
    if only_asking:
        _print(_carry_out(local.choose(address), _tell))
        return 0
    message = Message(0)
    local.refuse_loop(address, message)
    choice = local.choose(address)
    delivery = _prepare(address, choice, message, lambda: Home.of(launcher))
    summary = _carry_out(choice, delivery.deliver)
    delivery.finish()
    _print(summary)
    if delivery.qp is not None:
        _print(b"qp %d" % delivery.qp)
    return 0


def _arguments(argv: list[str]) -> tuple[bool, local.Address]:
    operands, only_asking = argv[1:], False
    try:
        for letter, _ in options(operands, "nN"):
            only_asking = letter == "n"
    except BadOption as bad:
        raise complaint(argv[0], bad, usage(__doc__).line("qmail-local")) from None
    if len(operands) != OPERANDS or not operands[1].startswith("/"):
        raise usage(__doc__)
    return only_asking, local.Address([os.fsencode(operand) for operand in operands])


def _prepare(
    address: local.Address, choice: local.Choice, message: Message, home: "Callable[[], Home]"
) -> Delivery:
    """The environment is made before anything is done: to find a list's owner may fail."""
    now = int(time.time())
    env: dict[bytes, bytes] = {}
    if any(instruction.kind in (FORWARD, PROGRAM) for instruction in choice.instructions):
        env = local.environment(address, local.new_sender(address), choice.default, now)
    return Delivery(address, message, env, now, home)


def _carry_out(choice: local.Choice, act: "Callable[[Instruction], bool]") -> bytes:
    """Act on the instructions in turn, until act() says that the rest is to be left out; what was done."""
    done = []
    for instruction in permitted(choice.instructions, choice.restricted):
        done.append(instruction.kind)
        if not act(instruction):
            break
    files = done.count(MBOX) + done.count(MAILDIR)
    return b"did %d+%d+%d" % (files, done.count(FORWARD), done.count(PROGRAM))


def _tell(instruction: "Instruction") -> bool:
    _print(instruction.kind.encode() + b" " + instruction.text)
    return True


def _print(line: bytes) -> None:
    """Report a line; a delivery counts even where nobody listens."""
    try:
        write_all(1, line + b"\n")
    except OSError:
        pass
