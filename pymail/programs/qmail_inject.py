"""qmail-inject - complete a message and queue it

Synopsis:    qmail-inject [ -aAhHnN ] [ -f sender ] [ recip ... ]
Options:     -a   the recipients are the arguments
             -h   the recipients are in the header: To, Cc, Bcc, Apparently-To; of a message that is
                  resent only Resent-To, Resent-Cc, Resent-Bcc
             -A   -a if there are arguments, else -h (default)
             -H   both
             -n   print the message instead of queueing it
             -N   queue it (default)
             -f   the envelope sender
Environment: QMAILUSER MAILUSER USER LOGNAME   the first one set: the user in From
             QMAILHOST MAILHOST                the host in From (default: control/defaulthost)
             QMAILNAME MAILNAME NAME           the full name in From
             QMAILSUSER QMAILSHOST             the envelope sender, where it differs from From
             QMAILDEFAULTHOST QMAILDEFAULTDOMAIN QMAILPLUSDOMAIN QMAILIDHOST
                                               instead of the control files of these names
             QMAILINJECT   letters: c From as `address (name)`; s, f, i drop Return-Path, From,
                           Message-ID of the message; r, m a sender of its own for each recipient,
                           for each message
             QMAILMFTFILE  a file of mailing lists: Mail-Followup-To is added to messages for these
             QMAILQUEUE    a program that takes the message instead of the queue
Files:       control/{defaulthost,defaultdomain,plusdomain,idhost,me}
Exit codes:  0 queued, or printed; 100 the message or an option cannot be understood, or was refused
             for good; 111 temporary trouble
"""

import errno
import os
import time

from pymail.engines.inject import EITHER, HEADER, Injection
from pymail.formats import control, header
from pymail.formats.address import quote_address
from pymail.formats.token822 import Unparsable
from pymail.formats.verdict import exit_code
from pymail.unix.controls import Controls
from pymail.unix.home import Home
from pysvc.unix import signals
from pysvc.unix.files import blocks, read_file, write_all
from pysvc.unix.options import BadOption, options
from pysvc.unix.strerr import PERMANENT, Fatal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

HOSTS = {
    "defaulthost": b"QMAILDEFAULTHOST", "defaultdomain": b"QMAILDEFAULTDOMAIN",
    "plusdomain": b"QMAILPLUSDOMAIN", "idhost": b"QMAILIDHOST",
}  # control file: the variable that stands before it  # fmt: skip
PREFIX = b"qmail-inject: fatal: "


class Choice:
    """What the options say beyond the sender."""

    __slots__ = ("dry_run", "where")

    def __init__(self) -> None:
        self.dry_run, self.where = False, EITHER


def main(argv: list[str]) -> int:
    signals.ignore(signals.SIGPIPE)
    followup = followup_lists()
    home = Home.of(argv[0])
    try:
        injection = Injection(os.environb, hosts(home), int(time.time()), os.getpid(), followup)
        arguments = argv[1:]
        choice = read_options(argv[0], arguments, injection)
        if choice.where != HEADER:
            add_recipients(injection, arguments)
        message = read_message(injection)
        sender = injection.sender()
    except Unparsable as bad:
        write_all(2, PREFIX + b"unable to parse this line:\n" + bad.text)
        return PERMANENT
    if choice.dry_run:
        return show(sender, message)
    return submit(home, message, sender, injection.recipients(choice.where))


def read_options(argv0: str, arguments: list[str], injection: Injection) -> Choice:
    """Take the options off the arguments; the sender goes to the injection at once."""
    choice = Choice()
    try:
        for letter, value in options(arguments, "aAhHnNf:"):
            if letter == "f":
                injection.set_sender(os.fsencode(value))
            elif letter in "nN":
                choice.dry_run = letter == "n"
            else:
                choice.where = letter
    except BadOption as bad:
        raise Fatal(f"{argv0.rsplit('/', 1)[-1]}: {bad}", PERMANENT, kind="") from bad
    return choice


def add_recipients(injection: Injection, arguments: list[str]) -> None:
    for argument in arguments:
        try:
            injection.add_recipient(os.fsencode(argument))
        except Unparsable:
            raise Fatal(f"unable to parse address: {argument}", PERMANENT) from None


def followup_lists() -> frozenset[bytes] | None:
    """The mailing lists of the user; the file's name is relative to his own directory."""
    path = os.environb.get(b"QMAILMFTFILE")
    if path is None:
        return None
    try:
        return control.keys(read_file(path))
    except OSError as error:
        if error.errno == errno.ENOENT:
            return None
        raise Fatal("read error") from error


def hosts(home: Home) -> dict[str, bytes]:
    """The names that complete addresses. A file that cannot be read matters even if it is not used."""
    controls = Controls(home)
    try:
        found = {name: controls.host(name, name.encode()) or b"" for name in HOSTS}
    except OSError as error:
        raise Fatal("read error") from error
    return {name: os.environb.get(variable, found[name]) for name, variable in HOSTS.items()}


def read_message(injection: Injection) -> "Iterator[bytes]":
    """Read the whole header; the completed message as blocks to come. Raises Unparsable at once."""
    reader = header.Reader()
    rest: bytes | None = None
    source = standard_input()
    for block in source:
        rest = reader.feed(block)
        if rest is not None:
            break
    body = reader.end() if rest is None else rest
    for name, field in reader.fields:
        injection.field(name, field)
    return completed(injection.header(), body, source)


def completed(head: bytes, body: bytes, source: "Iterator[bytes]") -> "Iterator[bytes]":
    """Header, body, and the last line's end if that is missing."""
    yield head
    yield body
    last = body[-1:]
    for block in source:
        yield block
        last = block[-1:]
    if last not in (b"", b"\n"):
        yield b"\n"


def standard_input() -> "Iterator[bytes]":
    try:
        yield from blocks(0)
    except OSError as error:
        raise Fatal("read error") from error


def show(sender: bytes, message: "Iterator[bytes]") -> int:
    try:
        write_all(1, b"Return-Path: <%s>\n" % quote_address(sender))
        for block in message:
            write_all(1, block)
    except OSError as error:
        raise Fatal("write error") from error
    return 0


def submit(home: Home, message: "Iterator[bytes]", sender: bytes, recipients: list[bytes]) -> int:
    """Queue the message. A message that cannot be read to its end is not queued: its envelope is missing."""
    from pymail.queue.submission import Submission

    submission = Submission(home)
    for block in message:
        submission.write(block)
    receipt = submission.finish(sender, recipients)
    if receipt.text:
        raise Fatal(os.fsdecode(receipt.text[1:]), exit_code(receipt.text))
    return 0
